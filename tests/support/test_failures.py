"""What CI does with a test that failed beside others: .ci/run and tests/support/failures.py, in runs of pytest."""

import re
import subprocess
import sys

import pytest

from tests.support.product import ROOT

pytestmark = pytest.mark.servers  # they start some runs of pytest
TESTS = """
from pathlib import Path

import pytest

RUNS = Path(__file__).with_name("runs")


@pytest.mark.parametrize("address", ["a@b.example", "two words"])
def test_sound(address):
    pass


@pytest.mark.xdist_group("one after the other")
@pytest.mark.parametrize("address", ["lin@b.example", "兩個 字"])
def test_at_its_second_run(address):
    with RUNS.open("a") as file:
        file.write(address + "\\n")
    assert RUNS.read_text().splitlines().count(address) > 1


def test_broken():
    assert not Path(__file__).with_name("broken").exists()
"""
MANY = """

@pytest.mark.parametrize("number", range(9))
def test_many(number):
    raise OSError
"""
# Of the plugins that are installed only this one: to load the others takes four times as long as all else.
OPTIONS = "-p xdist -q -n 2 --dist loadgroup --max-worker-restart 0 -p tests.support.failures"
STEP = re.compile(r'^step "Tests"$.*', re.MULTILINE | re.DOTALL)


@pytest.fixture
def run_step(tmp_path):
    """Return a function that runs the last step of .ci/run on some tests; which returns exit code and output."""
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = {OPTIONS}\n")
    (step,) = STEP.findall((ROOT / ".ci" / "run").read_text())
    pytest_here = f'"{sys.executable}" -m pytest --rootdir "{tmp_path}" -c "{tmp_path}/pytest.ini"'
    step = step.replace("uv run --dev pytest", pytest_here)
    script = f'set -euo pipefail\nscratch="{tmp_path}"\nstep() {{ echo "== $1"; }}\ncd "{tmp_path}"\n{step}'
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"

    def run():
        done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def test_what_passes_alone_is_named_and_taken(run_step):
    code, said = run_step()

    assert code == 0, said
    assert "2 failed, 3 passed" in said
    assert "2 passed" in said.partition("== Once more")[2]
    assert sorted(re.findall(r"^UNSOUND (.*)$", said, re.MULTILINE)) == [
        "test_some.py::test_at_its_second_run[\\u5169\\u500b \\u5b57]",
        "test_some.py::test_at_its_second_run[lin@b.example]",
    ]


def test_what_fails_alone_too_is_refused(run_step, tmp_path):
    (tmp_path / "broken").touch()

    code, said = run_step()

    assert code == 1, said
    assert "1 failed, 2 passed" in said.partition("== Once more")[2]
    assert "UNSOUND" not in said


def test_many_failures_are_not_tried_again(run_step, tmp_path):
    (tmp_path / "test_some.py").write_text(TESTS + MANY)

    code, said = run_step()

    assert code == 1, said
    assert "Once more" not in said


@pytest.mark.parametrize(
    "test",
    [
        "import nothing_of_that_name",
        TESTS + "\n\ndef test_whose_process_dies():\n    import os\n    os.abort()\n",
        TESTS + "\n\ndef test_that_ends_all():\n    pytest.exit('it is enough')\n",
    ],
    ids=["not collected", "a dead process", "ended early"],
)
def test_a_run_that_did_not_come_to_its_end_is_not_tried_again(run_step, tmp_path, test):
    (tmp_path / "test_some.py").write_text(test)

    code, said = run_step()

    assert code != 0, said
    assert "Once more" not in said, said
