"""Programs that are copies of their supervisor."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from newsletter.operation.forks import Fork, Forked
from newsletter.operation.supervisor import Taken, only_one
from tests.support.waiting import wait_until

pytestmark = pytest.mark.exhaustive

ROOT = Path(__file__).parents[2]

# Starts a copy that only sleeps, prints its pid, and waits.
PARENT = """
import signal, sys, time
from pathlib import Path
from newsletter.operation import forks
from newsletter.operation.supervisor import only_one
def sleep():
    if sys.argv[2] == "will not end":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(forks.os.getpid(), flush=True)
    time.sleep(600)
with only_one(Path(sys.argv[1]), "the first"):
    forks.settle()
    copy = forks.Forked(sleep, "newsletter sleeper", leads=sys.argv[2] != "stays")
    if sys.argv[2] != "will not end":
        print(copy.pid, flush=True)
    sys.stdin.read()
    copy.terminate()
    copy.wait()
"""

# Leaves holes between what it keeps, two megabytes in all, and prints how many octets of them are free in the end.
HOLES = """
from newsletter.operation import forks
kept = [bytes(size) for size in range(600, 3000)]
del kept[::2]
forks.settle()
forks._libc.mallinfo2.restype = forks._Heap
heap = forks._libc.mallinfo2()
print(heap.free - heap.top)
"""


@pytest.fixture
def parent(tmp_path):
    """Start a process with a copy; return it and the copy's pid."""
    started = []

    def start(how="leads"):
        words = [sys.executable, "-c", PARENT, str(tmp_path / "lock"), how]
        process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.communicate()


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("work", "status"),
    [
        (lambda: None, 0),
        (lambda: sys.exit(3), 3),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), -signal.SIGKILL),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), -signal.SIGTERM),
    ],
)
def test_a_copy_ends_as_its_work_does(work, status):
    copy = Forked(work, "")

    assert copy.wait(60) == status == copy.poll()


def test_a_copy_that_goes_on_is_waited_for_in_vain():
    copy = Forked(lambda: time.sleep(600), "")

    with pytest.raises(subprocess.TimeoutExpired):
        copy.wait(0.1)

    assert copy.poll() is None
    copy.terminate()
    assert copy.wait(60) == -signal.SIGTERM


@pytest.mark.servers
def test_ps_shows_what_a_copy_is(parent):
    _process, pid = parent()

    words = Path(f"/proc/{pid}/cmdline")
    wait_until(lambda: words.read_text().rstrip("\0").split("\0") == ["newsletter", "sleeper"], what=words.read_text)


@pytest.mark.parametrize(("how", "is_own"), [("leads", True), ("stays", False)])
@pytest.mark.servers
def test_a_copy_leads_a_process_group_or_stays_in_its_parents(parent, how, is_own):
    process, pid = parent(how)

    assert (os.getpgid(pid) == pid) == is_own
    assert is_own or os.getpgid(pid) == os.getpgid(process.pid)


@pytest.mark.servers
def test_a_copy_ends_with_its_parent(parent):
    process, pid = parent()

    process.kill()
    process.wait()

    wait_until(lambda: not lives(pid))


@pytest.mark.servers
def test_a_copy_that_does_not_end_holds_none_of_its_parents_locks(parent, tmp_path):
    process, pid = parent("will not end")
    with pytest.raises(Taken, match="the first"), only_one(tmp_path / "lock", ""):
        pass

    process.kill()
    process.wait()

    with only_one(tmp_path / "lock", "the second"):
        assert lives(pid)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.servers  # starts a program
def test_no_hole_is_left_for_a_copy_to_write_into():
    done = subprocess.run([sys.executable, "-c", HOLES], cwd=ROOT, capture_output=True, text=True, check=True)

    assert int(done.stdout) < 1_000


def test_a_program_is_started_again_with_what_was_loaded_at_first(tmp_path):
    loaded = ["at first"]
    told = tmp_path / "told"
    child = Fork("clock", work=lambda: told.write_text(loaded[0]), argv=[])

    for _start in range(2):
        told.unlink(missing_ok=True)
        child.start({}, tmp_path)
        assert child.process.wait(60) == 0
        assert told.read_text() == "at first"
        assert child.reap() == 0
