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


def test_a_family_of_modules_is_a_package():
    names = [path.stem for path in FOLDER.glob("*.py")]
    families = {name.partition("_")[0] for name in names if "_" in name}

    assert [family for family in families if family in names] == []
    assert all((path.parent / "__main__.py").exists() for path in FOLDER.glob("*/*.py"))


def test_every_module_says_what_it_is_for():
    silent = [path.name for path in FOLDER.rglob("*.py") if not ast.get_docstring(ast.parse(path.read_text()))]

    assert silent == []


# --- All of them, on one commit ---


def test_the_whole_names_commands_that_exist():
    for run in whole.RUNS:
        name, *options = run.command.split()
        source = told_by(name.removeprefix("benchmarks."))

        assert [option for option in options if option.startswith("--") and f'"{option}"' not in source] == [], run.name


def test_every_figure_of_the_whole_is_found_by_one_group():
    figures = [figure for run in whole.RUNS for figure in run.figures]

    assert [figure.what for figure in figures if re.compile(figure.found).groups != 1] == []
    assert [figure.what for figure in figures if figure.peer and re.compile(figure.peer).groups != 1] == []
    assert len({figure.what for figure in figures}) == len(figures)
    assert len({run.name for run in whole.RUNS}) == len(whole.RUNS)


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """Return a run that prints the number of its starts, and a folder for what it prints."""
    (tmp_path / "counting.py").write_text(
        "from pathlib import Path\n"
        "count = Path(__file__).with_suffix('.txt')\n"
        "count.write_text((count.read_text() if count.exists() else '') + '|')\n"
        "print('started', len(count.read_text()), 'times, the other 2,000 times')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    figures = (
        whole.Figure("starts", r"started (\d+)", 1, peer=r"other ([\d,]+)", peer_name="the other"),
        whole.Figure("at least", r"started (\d+)", 3, " times", at_least=True),
    )
    return whole.Run("counting", "counting", figures), tmp_path / "kept"


def measured(counted, commit, capsys):
    run, folder = counted
    folder.mkdir(exist_ok=True)
    whole.measure(run, folder / "counting.log", commit, None)
    missing = whole.table([run], folder)
    return capsys.readouterr().out.splitlines(), missing


def test_what_was_measured_on_this_commit_is_kept(counted, capsys):
    measured(counted, "abc1234", capsys)

    lines, missing = measured(counted, "abc1234", capsys)

    assert lines[-2:] == ["| starts | ≤ 1 | 1 | the other: 2,000 |", "| at least | ≥ 3 times | **1 times** |  |"]
    assert missing == []


def test_what_was_measured_on_another_commit_is_measured_again(counted, capsys):
    measured(counted, "abc1234", capsys)

    lines, _missing = measured(counted, "def5678", capsys)

    assert lines[-2] == "| starts | ≤ 1 | **2** | the other: 2,000 |"


def test_a_command_that_failed_is_missing_and_tried_again(counted, capsys):
    _run, folder = counted
    script = folder.parent / "counting.py"
    sound = script.read_text()
    script.write_text(sound + "raise SystemExit(3)\n")

    lines, missing = measured(counted, "abc1234", capsys)

    assert lines[-2] == "| starts | ≤ 1 | 1 | the other: 2,000 |", "what it has printed counts"
    assert missing == ["counting: exit code 3"]
    script.write_text(sound)
    assert measured(counted, "abc1234", capsys)[1] == []


def test_a_figure_that_is_not_printed_is_missing(counted, capsys):
    run, folder = counted
    other = whole.Run(run.name, run.command, (whole.Figure("ends", r"ended (\d+)"),))

    _lines, missing = measured((other, folder), "abc1234", capsys)

    assert missing == [r"counting: nothing is printed like ended (\d+)"]
