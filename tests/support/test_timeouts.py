import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.product import ROOT
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers  # they start three runs of pytest
HANGING = """
import multiprocessing
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.processes import start

FOLDER = Path(__file__).parent


def test_a_program_that_does_not_end():
    process = start(["/bin/sleep", "1000"], log=FOLDER / "log", cwd=FOLDER)
    (FOLDER / "program.pid").write_text(str(process.pid))
    process.wait()


def test_a_forked_process_that_does_not_end():
    process = multiprocessing.get_context("fork").Process(target=signal.pause)
    process.start()
    (FOLDER / "forked.pid").write_text(str(process.pid))
    process.join()


def test_a_thread_that_is_waited_for_again_on_the_way_out():
    with ThreadPoolExecutor(1) as thread:
        thread.submit(threading.Event().wait).result()
"""
LEFT_BEHIND = """
import threading

from tests.support import timeouts

timeouts.EXIT_SECONDS = 0.5


def test_that_leaves_a_thread_behind():
    threading.Thread(target=threading.Event().wait, name="left behind").start()
"""


@pytest.fixture
def run_pytest(tmp_path):
    """Return a function that runs tests with the settings of this project, and shorter times."""

    def run(tests: str, *words: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "test_hanging.py").write_text(tests)
        options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "tests.support.timeouts"]
        options += ["-p", "xdist", "-p", "pytest_timeout", "-o", "timeout=1", "-o", "hang_seconds=6", *words]
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DJANGO_"))}
        env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the others decide nothing here, and take most of the time
        command = [sys.executable, "-m", "pytest", *options, str(tmp_path)]
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_tests_that_hang_fail_by_name_and_leave_no_process(run_pytest, tmp_path):
    done = run_pytest(HANGING, "-n", "2")

    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "3 failed in" in said, said
    assert "Failed: Timeout (>1.0s) from pytest-timeout" in said
    assert "crashed while running 'test_hanging.py::test_a_thread_that_is_waited_for_again_on_the_way_out'" in said
    wait_until(lambda: not any(_lives(tmp_path / f"{name}.pid") for name in ("program", "forked")))


def test_a_thread_that_a_test_leaves_behind_ends_the_process_and_is_shown(run_pytest):
    done = run_pytest(LEFT_BEHIND, "-n", "0")

    assert done.returncode == 1
    assert "1 passed" in done.stdout
    assert "Timeout (0:00:00.5" in done.stderr
    assert "threading.py" in done.stderr


UNEVEN = """
import time

from tests.support import timeouts

timeouts.EXIT_SECONDS = 0.5


def test_that_is_over_at_once():
    pass


def test_that_the_other_process_waits_for():
    time.sleep(3)
"""


def test_a_process_that_has_nothing_left_to_do_waits_for_the_others(run_pytest):
    done = run_pytest(UNEVEN, "-n", "2", "-o", "timeout=30", "-o", "hang_seconds=30")

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
    assert done.stderr == ""


def _lives(pid_file: Path) -> bool:
    with suppress(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
        return True
    return False
