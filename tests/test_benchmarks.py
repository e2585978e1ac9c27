"""benchmarks/README.md lists what can be measured. The benchmarks themselves are run by hand."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"
ROW = re.compile(r"^\| (.+?) +\| `benchmarks\.(\w+)([^`]*)` +\| (\d+) +\|$", re.MULTILINE)


def table() -> list[tuple[str, str, str, str]]:
    """Return question, module, options and minutes of each row."""
    return ROW.findall((FOLDER / "README.md").read_text())


def source_of(name: str) -> Path:
    module = FOLDER / f"{name}.py"
    return module if module.exists() else FOLDER / name / "__main__.py"


def has_main(path: Path) -> bool:
    tree = ast.parse(path.read_text())
    return any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)


def test_every_benchmark_has_one_row():
    modules = [path.stem for path in FOLDER.glob("*.py") if has_main(path)]
    packages = [path.parent.name for path in FOLDER.glob("*/__main__.py")]

    assert sorted(name for _question, name, _options, _minutes in table()) == sorted(modules + packages)


def test_every_row_asks_and_names_options_that_exist():
    for question, name, options, _minutes in table():
        source = source_of(name).read_text()

        assert question.endswith("?"), question
        assert [option for option in re.findall(r"--[a-z-]+", options) if f'"{option}"' not in source] == [], name


def test_a_family_of_modules_is_a_package():
    names = [path.stem for path in FOLDER.glob("*.py")]
    families = {name.partition("_")[0] for name in names if "_" in name}

    assert [family for family in families if family in names] == []
    assert all((path.parent / "__main__.py").exists() for path in FOLDER.glob("*/*.py"))


def test_every_module_says_what_it_is_for():
    silent = [path.name for path in FOLDER.rglob("*.py") if not ast.get_docstring(ast.parse(path.read_text()))]

    assert silent == []
