"""Every claim of README that a machine can check."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^    (.+)$", re.MULTILINE)  # a line to paste
ROW = re.compile(r"^\| `([^`]+)` *\|", re.MULTILINE)  # the first cell of a table's row
# What a newcomer has to know of the environment; .env.example has the others.
FOR_NEWCOMERS = {
    *("DATA_DIR", "SITE_URL", "TRUSTED_PROXIES", "SECRET_KEY"),
    *("MAIL_URL", "BULK_MAIL_URL", "SEND_RATE", "DATABASE_URL", "REDIS_URL"),
}
MADE_BY_THE_FIRST_START = {"./data"}


def section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def commands_described() -> dict[str, set[str]]:
    """Return the commands of the table, each with the options that it names."""
    rows = [row for row in ROW.findall(README) if row.startswith("manage.py ")]
    return {row.split()[1]: set(re.findall(r"--[a-z-]+", row)) for row in rows}


def options_of(name: str, owner: object) -> set[str]:
    """Return the options of a command that it has beside those of every command."""
    common, own = BaseCommand().create_parser("manage.py", name), load_command_class(owner, name)
    return set(own.create_parser("manage.py", name)._option_string_actions) - set(common._option_string_actions)


def ours() -> dict[str, object]:
    own = {name: app for name, app in get_commands().items() if str(app).startswith(("newsletter", "subscribers"))}
    return {name: app for name, app in own.items() if name != "migrate"}  # Django's own, which looks at more first


def test_the_table_of_commands_is_complete():
    assert set(commands_described()) == set(ours())


@pytest.mark.parametrize("name", sorted(ours()))
def test_a_command_is_described_with_all_its_options(name):
    assert commands_described()[name] == options_of(name, ours()[name])


def test_every_command_to_paste_exists():
    pasted = re.findall(r"uv run manage\.py (\w+)((?: --[a-z-]+)*)", "\n".join(BLOCK.findall(README)))

    assert pasted
    for name, options in pasted:
        assert set(options.split()) <= options_of(name, ours()[name])


def test_a_variable_that_is_named_is_read_and_one_that_a_newcomer_needs_is_named():
    read = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', (ROOT / "newsletter" / "settings.py").read_text()))
    described = {name for row in ROW.findall(section("Run it for real")) if (name := row).isupper()}
    mentioned = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", README)) | set(re.findall(r"\b([A-Z]+_[A-Z_]+)=", README))

    assert described | mentioned <= read
    assert described | mentioned >= FOR_NEWCOMERS


def test_every_file_that_is_named_exists():
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*|\w+\.toml|\.ci/run|\.env\.example)`", README)
    named += re.findall(r"\]\((?!https?:)([^)#]+)", README)

    missing = [name for name in named if name not in MADE_BY_THE_FIRST_START and not (ROOT / name).exists()]

    assert missing == []
    assert "newsletter/settings.py" in named
