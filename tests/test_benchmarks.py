"""benchmarks/README.md lists what can be measured. Those that name most of the product run here with little data."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import whole

pytestmark = [pytest.mark.exhaustive, pytest.mark.servers]  # they take long, so they begin early

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


SMALL = (
    "anew --posts 10 --rounds 1",
    "batch_api --readers 200 --rounds 1",
    "closing --copies 1000",
    "desk --readers 1000 --posts 20 --issues 20 --copies 2000 --replies 20 --looks 1",
    "importing --readers 1000 --by wizard",
)


@pytest.mark.parametrize("command", SMALL)
def test_a_benchmark_follows_the_code(command, tmp_path):
    env = os.environ | {"TMPDIR": str(tmp_path)}
    env.pop("DJANGO_SETTINGS_MODULE", None)

    run = [sys.executable, "-m", *f"benchmarks.{command}".split()]
    done = subprocess.run(run, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    is_slow = not done.stderr and "! too slow" in done.stdout  # as it may be beside other tests
    assert done.returncode == 0 or is_slow, done.stderr[-3000:]


# --- All of them, on one commit ---


def test_the_whole_names_commands_that_exist():
    for run in whole.RUNS:
        name, *options = run.command.split()
        source = told_by(name.removeprefix("benchmarks."))

        assert [option for option in options if option.startswith("--") and f'"{option}"' not in source] == [], run.name
