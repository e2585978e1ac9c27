"""README and docs/commands.md: what they say of commands, variables and files is so, and README is short."""

import re
import tomllib
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = (ROOT / "docs" / "commands.md").read_text()
WORDS_MAX = 900
BLOCK = re.compile(r"^    (.+)$", re.MULTILINE)  # a line to paste
ROW = re.compile(r"^\| `([^`]+)` *\|", re.MULTILINE)  # the first cell of a table's row
# What a newcomer has to know of the environment; .env.example has the others.
FOR_NEWCOMERS = {
    *("DATA_DIR", "SITE_URL", "TRUSTED_PROXIES", "SECRET_KEY"),
    *("MAIL_URL", "BULK_MAIL_URL", "SEND_RATE", "DATABASE_URL", "REDIS_URL"),
}


def commands_in(page: str) -> dict[str, set[str]]:
    """Return the commands of a page's table, each with the options that it names."""
    rows = [row for row in ROW.findall(page) if row.startswith("manage.py ")]
    return {row.split()[1]: set(re.findall(r"--[a-z-]+", row)) for row in rows}


def options_of(name: str, owner: object) -> set[str]:
    """Return a command's own options, without those of every command."""
    common, own = BaseCommand().create_parser("manage.py", name), load_command_class(owner, name)
    return set(own.create_parser("manage.py", name)._option_string_actions) - set(common._option_string_actions)


def ours() -> dict[str, object]:
    own = {name: app for name, app in get_commands().items() if str(app).startswith(("newsletter", "subscribers"))}
    return {name: app for name, app in own.items() if name != "migrate"}  # Django's own, which checks more first


def test_the_table_of_commands_is_complete():
    assert set(commands_in(COMMANDS)) == set(ours())


@pytest.mark.parametrize("name", sorted(ours()))
def test_a_command_is_described_with_all_its_options(name):
    assert commands_in(COMMANDS)[name] == options_of(name, ours()[name])


def test_readme_shows_six_commands_that_exist():
    shown = commands_in(README)

    assert set(shown) <= set(ours())
    assert len(shown) == 6


def test_every_command_to_paste_exists():
    pasted = re.findall(r"uv run manage\.py (\w+)((?: --[a-z-]+)*)", "\n".join(BLOCK.findall(README)))

    assert pasted
    for name, options in pasted:
        assert set(options.split()) <= options_of(name, ours()[name])


def test_readme_starts_and_tests_the_product_by_one_line_each():
    lines = BLOCK.findall(README)

    assert 'git clone "$REPOSITORY" newsletter && cd newsletter' in lines
    assert "pip install uv && uv run manage.py up" in lines
    assert "uv run --dev pytest" in lines


def test_a_variable_that_is_named_is_read_and_one_that_a_newcomer_needs_is_named():
    read = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', (ROOT / "newsletter" / "settings.py").read_text()))
    listed = {row for row in ROW.findall(COMMANDS) if row.isupper()}

    assert set(re.findall(r"`([A-Z]+_[A-Z_]+)`", COMMANDS)) | listed <= read
    assert listed >= FOR_NEWCOMERS


def test_every_file_that_is_named_exists():
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*|\w+\.toml|\.ci/run|\.env\.example)`", README)
    named += re.findall(r"\]\((?!https?:)([^)#]+)", README)

    assert [name for name in named if not (ROOT / name).exists()] == []
    assert "newsletter/settings.py" in named


def test_the_table_has_every_package_of_the_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "house")
    packages = {name.strip().replace(".", "/") + "/" for layer in layers for name in layer.split("|")}

    assert packages - set(ROW.findall(README)) == {"newsletter/urls/"}  # a module


def test_readme_is_read_in_five_minutes():
    assert len(README.split()) <= WORDS_MAX
