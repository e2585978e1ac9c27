"""Keeping processes running, with small real ones."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from newsletter.operation import supervisor
from newsletter.operation.supervisor import AlreadyInUse, Child, Supervisor, exclusive_lock, free_port
from newsletter.publication import heartbeats
from tests.support.waiting import wait_until

# Runs a supervisor over the programs given as arguments; prints what it says.
HARNESS = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "newsletter.settings"
import socket, sys, time
from functools import partial
from newsletter.operation import supervisor
from newsletter.operation.supervisor import Child, Supervisor
supervisor.RESTART_DELAYS_SECONDS = (0.01, 0.02)
supervisor.STOP_SECONDS = 0.5
supervisor.PROBE_RETRY_SECONDS = supervisor.PROBE_INTERVAL_SECONDS = supervisor.HEARTBEAT_CHECK_SECONDS = 0.05
say = lambda line: print(line, flush=True)

def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.2) as line:
            line.settimeout(0.2)
            return line.recv(1) == b"y"
    except OSError:
        return False

def work(script):
    if script == "stay a fork":
        time.sleep(60)
    if script == "ignore all":
        supervisor.signal.signal(supervisor.signal.SIGTERM, supervisor.signal.SIG_IGN)
        time.sleep(60)
    os.execv("/bin/sh", ["/bin/sh", "-c", script])

children = [Child(f"child{n}", partial(work, script)) for n, script in enumerate(sys.argv[1:])]
on_ready = lambda: say("ready " + " ".join(str(child.pid) for child in children))
if port := int(os.environ.get("ASKED_PORT", "0")):
    children[0].probe = lambda: answers(port)
if "BEATEN_AT" in os.environ:
    supervisor.SILENT_AFTER_SECONDS = 0.3
    children[0].last_beat = lambda: float(os.environ["BEATEN_AT"]) or None
Supervisor(children, say, on_ready=on_ready).run()
say("over")
"""


@pytest.fixture
def supervise(tmp_path):
    """Start supervisors of shell scripts; return the process and a reader of what it has said."""
    started = []

    def start(*scripts: str, **env: str):
        said = tmp_path / f"said{len(started)}"
        with said.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", HARNESS, *scripts],
                stdout=output,
                stderr=output,
                cwd=Path(supervisor.__file__).parents[2],
                env=os.environ | env,
            )
        started.append(process)
        wait_until(lambda: "ready" in said.read_text(), what=said.read_text)
        return process, said.read_text

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def _pids(said: str) -> list[int]:
    line = next(line for line in said.splitlines() if line.startswith("ready"))
    return [int(word) for word in line.split()[1:]]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.servers
def test_a_signal_ends_all_children_and_then_the_supervisor(supervise, number):
    process, said = supervise("exec sleep 60", "exec sleep 60")

    process.send_signal(number)

    assert process.wait(5) == 0
    assert said().endswith("over\n")
    assert not any(_lives(pid) for pid in _pids(said()))


@pytest.mark.exhaustive
@pytest.mark.servers
def test_a_child_that_does_not_listen_is_killed_in_the_end(supervise):
    process, said = supervise("trap '' TERM; echo trapped; while :; do sleep 0.05; done")
    wait_until(lambda: "trapped" in said(), what=said)
    started = time.monotonic()

    process.terminate()

    assert process.wait(5) == 0
    assert time.monotonic() - started >= 0.4
    assert not any(_lives(pid) for pid in _pids(said()))


@pytest.mark.exhaustive
@pytest.mark.servers
def test_a_second_ctrl_c_waits_for_nobody(supervise):
    process, said = supervise("trap 'echo asked' TERM; echo trapped; while :; do sleep 0.05; done")
    wait_until(lambda: "trapped" in said(), what=said)

    process.send_signal(signal.SIGINT)
    wait_until(lambda: "asked" in said(), what=said)
    process.send_signal(signal.SIGINT)

    assert process.wait(5) == 0


@pytest.mark.servers
def test_a_child_that_dies_is_started_again_and_said_so(supervise):
    _process, said = supervise("exec sleep 60", "exec sleep 60")

    os.kill(_pids(said())[1], signal.SIGKILL)

    wait_until(lambda: "child1 is started again." in said(), what=said)
    assert "child1 died (signal 9); starting it again in 0.01 s." in said()
    assert "child0" not in said()


@pytest.mark.exhaustive
@pytest.mark.servers
def test_children_do_not_outlive_a_supervisor_that_is_killed(supervise):
    process, said = supervise("stay a fork", "ignore all")

    process.kill()
    process.wait()

    wait_until(lambda: not any(_lives(pid) for pid in _pids(said())))


@pytest.mark.servers
def test_what_a_dead_child_left_behind_is_ended_before_its_successor_starts(supervise, tmp_path):
    left = tmp_path / "left"
    _process, said = supervise(f"sleep 60 & echo $! >> {left}; wait")
    wait_until(lambda: left.exists() and left.read_text())
    orphan = int(left.read_text().split()[0])

    os.kill(_pids(said())[0], signal.SIGKILL)

    wait_until(lambda: "is started again" in said(), what=said)
    assert not _lives(orphan)


# Says its pid and answers whoever connects, after the seconds of the second argument.
ANSWERS = """
import os, socket, sys, time
time.sleep(float(sys.argv[2]))
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        line, _ = server.accept()
        line.sendall(b"y")
        line.close()
"""


def _answering(port: int, *, after_seconds: float = 0) -> str:
    return f"exec {sys.executable} -c '{ANSWERS.replace(chr(39), chr(34))}' {port} {after_seconds}"


@pytest.mark.exhaustive
@pytest.mark.servers
def test_a_child_that_answers_no_more_is_started_again_and_said_so(supervise):
    port = free_port("127.0.0.1", 0)
    _process, said = supervise(_answering(port), "exec sleep 60", ASKED_PORT=str(port))

    os.kill(_pids(said())[0], signal.SIGSTOP)

    wait_until(lambda: "child0 is started again." in said(), what=said)
    assert "child0 has not answered 3 times in 15 s; ending it.\nchild0 died (signal 9)" in said()
    wait_until(lambda: _answers(port), what=said)
    assert "child1 died" not in said()


@pytest.mark.servers
def test_a_child_that_lives_and_does_no_work_is_started_again_and_said_so(supervise):
    _process, said = supervise("exec sleep 60", "exec sleep 60", BEATEN_AT="0")

    wait_until(lambda: "child0 is started again." in said(), what=said)

    assert "child0 has not done its work for 0.3 s; ending it.\nchild0 died (signal 9)" in said()
    assert "child1 died" not in said()


def test_a_heartbeat_keeps_a_child_and_a_start_gives_it_twice_the_time():
    child = _ended(last_beat=lambda: beaten_at)
    now, beaten_at = time.monotonic(), None

    child.started_at = now - 2 * supervisor.SILENT_AFTER_SECONDS + 1
    assert not child.is_silent()
    child.started_at = now - 2 * supervisor.SILENT_AFTER_SECONDS - 1
    assert child.is_silent()
    beaten_at = now - supervisor.SILENT_AFTER_SECONDS + 1
    assert not child.is_silent()


def test_a_child_that_hangs_soon_after_its_first_work_is_silent_after_a_minute():
    now = time.monotonic()
    child = _ended(last_beat=lambda: beaten_at)

    child.started_at, beaten_at = now - supervisor.SILENT_AFTER_SECONDS - 5, now - supervisor.SILENT_AFTER_SECONDS - 2
    assert child.is_silent()
    beaten_at = child.started_at - 1  # by the one before
    assert not child.is_silent()


def test_a_supervisor_that_stood_still_itself_gives_its_children_time_again(monkeypatch):
    """All of a machine may have slept: a woken child has not beaten yet."""
    now = 1000.0
    child = _ended(last_beat=lambda: 1000.0)
    child.started_at = 0.0
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: now)
    said = []
    looks = Supervisor([child], said.append)
    looks._check()

    for seconds in range(110, 171, 3):
        now = 1000.0 + seconds
        looks._check()
    assert said == []

    now = 1171.0
    looks._check()
    assert said == ["worker has not done its work for 60 s; ending it."]


def _ended(**how) -> Child:
    """A child whose process has ended, which nobody has noticed yet."""
    child = Child("worker", lambda: None, **how)
    child.start()
    child.process.join()
    return child


def _answers(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0 and line.recv(1) == b"y"


@pytest.mark.exhaustive
@pytest.mark.servers
def test_a_child_may_take_its_time_to_start(supervise):
    """It is asked all the while: forty times and more."""
    port = free_port("127.0.0.1", 0)

    _process, said = supervise(_answering(port, after_seconds=2), ASKED_PORT=str(port))

    assert "has not answered" not in said()


def test_failures_that_lie_far_apart_are_no_reason(monkeypatch):
    now = 0.0
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: now)
    answers = iter([True, *[False, True] * 20])
    child = Child("web", lambda: None, has_answered=True, probe=lambda: next(answers))

    stopped = []
    for _question in range(41):
        now += 6
        stopped.append(child.has_stopped_answering())

    assert not any(stopped)


def test_a_child_that_never_answers_does_not_start_for_ever(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: now)
    child = Child("web", lambda: None, started_at=now, probe=lambda: False)

    early = [child.has_stopped_answering() for _question in range(10)]
    now += supervisor.STARTUP_SECONDS_MAX + 1
    late = [child.has_stopped_answering() for _question in range(3)]

    assert not any(early)
    assert late == [False, False, True]


def test_one_that_answers_is_asked_seldom_and_one_that_does_not_again_and_again(monkeypatch):
    monkeypatch.setattr(supervisor, "PROBE_INTERVAL_SECONDS", 1000)
    asked, answer = [], True
    child = Child("web", lambda: None, started_at=time.monotonic(), probe=lambda: asked.append(1) or answer)

    for _look in range(5):
        child.has_stopped_answering()
    assert len(asked) == 1
    assert not child.is_doubtful

    answer, child.next_probe_at = False, 0
    for _look in range(3):
        child.has_stopped_answering()
    assert len(asked) == 4
    assert child.is_doubtful


def test_three_failures_among_five_questions_are_a_reason(monkeypatch):
    monkeypatch.setattr(supervisor, "PROBE_INTERVAL_SECONDS", 0)
    answers = iter([True, False, True, False, True, False])
    child = Child("web", lambda: None, started_at=time.monotonic(), probe=lambda: next(answers))

    assert [child.has_stopped_answering() for _question in range(6)] == [False] * 5 + [True]


def test_a_child_that_was_started_again_has_failed_in_nothing():
    child = Child(
        "web", lambda: None, started_at=-1000.0, has_answered=True, failed_at=[1.0, 2.0, 3.0], probe=lambda: False
    )

    child.start()
    child.process.join()

    assert not child.has_stopped_answering()


def test_pauses_grow_while_a_child_keeps_dying():
    child = Child("web", lambda: None)
    pauses = []

    for deaths in range(1, 10):
        child.deaths = deaths
        pauses.append(child.restart_delay)

    assert pauses == [0.5, 1, 2, 4, 8, 8, 8, 8, 8]


def test_a_steady_run_makes_the_next_pause_short_again(monkeypatch):
    child = Child("web", lambda: sys.exit(1), deaths=5)
    child.start()
    child.started_at -= supervisor.STABLE_SECONDS
    child.process.join()

    status = child.reap()

    assert (status, child.deaths, child.restart_delay) == (1, 1, 0.5)


def test_a_port_that_somebody_listens_on_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(AlreadyInUse):
        free_port("127.0.0.1", server.getsockname()[1])


def test_a_lock_tells_the_second_about_the_first(tmp_path):
    lock = tmp_path / "new folder" / "up.lock"

    with (
        exclusive_lock(lock, "process 1"),
        pytest.raises(AlreadyInUse, match="process 1"),
        exclusive_lock(lock, "process 2"),
    ):
        pass


def test_a_lock_is_free_again_afterwards(tmp_path):
    for note in ("process 1", "process 2"):
        with exclusive_lock(tmp_path / "up.lock", note):
            assert (tmp_path / "up.lock").read_text() == note


@pytest.mark.parametrize(
    ("work", "status"),
    [
        (lambda: None, 0),
        (lambda: sys.exit(3), 3),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), -signal.SIGKILL),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), -signal.SIGTERM),
    ],
)
def test_a_child_ends_as_its_work_does(work, status):
    assert Child("once", work).run() == status


def test_a_child_that_does_not_end_holds_none_of_its_parents_locks(tmp_path):
    child = Child("child", lambda: time.sleep(600))
    with exclusive_lock(tmp_path / "lock", "the first"):
        child.start()

    wait_until(lambda: _can_lock(tmp_path / "lock"))
    assert child.poll() is None
    child.terminate()
    child.process.join()


def _can_lock(lock: Path) -> bool:
    with suppress(AlreadyInUse), exclusive_lock(lock, "the second"):
        return True
    return False


def test_the_work_of_a_child_is_shown_by_the_file_of_its_name(settings, tmp_path):
    settings.DATA_DIR, settings.REDIS_URL = tmp_path, ""

    Child("lane-1", heartbeats.record_heartbeat).run()

    assert heartbeats.last_beat("lane-1") == pytest.approx(time.monotonic(), abs=30)
