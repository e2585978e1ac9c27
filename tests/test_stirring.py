"""Waiting for something to happen in a folder. Each wait would last for minutes if nothing ended it."""

import os
import signal
import threading
import time

import pytest

from newsletter import stirring
from newsletter.stirring import Folder

pytestmark = pytest.mark.exhaustive

LONG = 120


@pytest.fixture(autouse=True)
def _signals():
    """Leave Python's own way of telling of signals as it was."""
    before = signal.set_wakeup_fd(-1)
    yield
    signal.set_wakeup_fd(before)


def later(function, *arguments):
    timer = threading.Timer(0.1, function, arguments)
    timer.start()
    return timer


@pytest.mark.parametrize("what", ["write", "touch", "rename", "append"])
def test_what_happens_to_a_file_ends_a_wait(tmp_path, what):
    old = tmp_path / "old"
    old.write_text("before")
    outside = tmp_path.parent / f"{tmp_path.name}-draft"
    outside.write_text("a message")
    folder = Folder(tmp_path)
    acts = {
        "write": lambda: (tmp_path / "new").write_text("x"),
        "touch": old.touch,
        "rename": lambda: outside.rename(tmp_path / "message"),
        "append": lambda: old.write_text("longer than before"),
    }

    timer = later(acts[what])

    assert folder.wait(LONG)
    timer.join()


def test_what_happened_before_the_wait_and_after_the_last_look_is_not_lost(tmp_path):
    folder = Folder(tmp_path)
    (tmp_path / "new").touch()

    assert folder.wait(LONG)


def test_nothing_that_happens_ends_a_wait_after_its_time(tmp_path):
    (tmp_path / "old").touch()
    folder = Folder(tmp_path)

    began = time.monotonic()

    assert not folder.wait(0.3)
    assert time.monotonic() - began >= 0.3
    assert not folder.wait(-1)


def test_what_was_waited_for_does_not_end_the_next_wait(tmp_path):
    folder = Folder(tmp_path)
    (tmp_path / "new").touch()
    folder.wait(LONG)

    assert not folder.wait(0.1)


def test_a_signal_ends_a_wait(tmp_path):
    heard = []
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: heard.append(number))
    folder = Folder(tmp_path)

    timer = later(os.kill, os.getpid(), signal.SIGUSR1)

    assert folder.wait(LONG)
    timer.join()
    signal.signal(signal.SIGUSR1, before)
    assert heard == [signal.SIGUSR1]


def test_a_descriptor_beside_the_folder_ends_a_wait_until_it_is_read(tmp_path):
    reading, writing = os.pipe()
    folder = Folder(tmp_path, shared=reading)

    timer = later(os.write, writing, b"x")

    assert folder.wait(LONG)
    timer.join()
    assert os.read(reading, 10) == b"x"
    assert not folder.wait(0.1)


def test_another_thread_which_hears_no_signal_waits_for_a_moment_only(tmp_path):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(Folder(tmp_path).wait(LONG)))
    thread.start()
    thread.join(60)

    assert answers == [False]


def test_without_inotify_whoever_waits_looks_again_soon(tmp_path, monkeypatch):
    monkeypatch.setattr(stirring, "_libc", None)

    assert Folder(tmp_path).wait(LONG), "perhaps something has happened"


def test_a_folder_that_is_not_there_is_looked_for_again_soon(tmp_path):
    assert Folder(tmp_path / "missing").wait(LONG)
