"""benchmarks/README.md lists what can be measured. The benchmarks themselves are run by hand."""

import ast
import re
from pathlib import Path

import pytest

from benchmarks import whole

pytestmark = pytest.mark.exhaustive

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"
ROW = re.compile(r"^\| (.+?) +\| `benchmarks\.(\w+)([^`]*)` +\| (\d+) +\|$", re.MULTILINE)


def table() -> list[tuple[str, str, str, str]]:
    """Return question, module, options and minutes of each row."""
    return ROW.findall((FOLDER / "README.md").read_text())


def source_of(name: str) -> Path:
    module = FOLDER / f"{name}.py"
    return module if module.exists() else FOLDER / name / "__main__.py"


def told_by(name: str) -> str:
    """Return the source in which a benchmark's options stand: some take those of the newsletter that `desk` writes."""
    source = source_of(name).read_text()
    return source + source_of("desk").read_text() if "add_sizes(parser" in source else source


def has_main(path: Path) -> bool:
    tree = ast.parse(path.read_text())
    return any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)


def test_every_benchmark_has_one_row():
    modules = [path.stem for path in FOLDER.glob("*.py") if has_main(path)]
    packages = [path.parent.name for path in FOLDER.glob("*/__main__.py")]

    assert sorted(name for _question, name, _options, _minutes in table()) == sorted(modules + packages)


def test_every_row_asks_and_names_options_that_exist():
    for question, name, options, _minutes in table():
        source = told_by(name)

        assert question.endswith("?"), question
        assert [option for option in re.findall(r"--[a-z-]+", options) if f'"{option}"' not in source] == [], name


# --- All of them, on one commit ---


def test_the_whole_names_commands_that_exist():
    for run in whole.RUNS:
        name, *options = run.command.split()
        source = told_by(name.removeprefix("benchmarks."))

        assert [option for option in options if option.startswith("--") and f'"{option}"' not in source] == [], run.name
