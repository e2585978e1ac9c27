"""When a process last showed that it works."""

import os
import time

import pytest

from newsletter.publication import pulse
from newsletter.publication.pulse import Pulse


def test_a_child_shows_its_pulse_to_its_parent():
    shown = Pulse()
    never = shown.at

    child = os.fork()
    if child == 0:
        shown.show()
        os._exit(0)
    os.waitpid(child, 0)

    assert never is None
    assert 0 <= time.monotonic() - shown.at < 60


def test_work_shows_it_while_it_lasts_but_not_for_ever(monkeypatch):
    shown, now = Pulse(), 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)

    shown.show_at_work()
    idle = shown.at
    shown.begin()
    now += pulse.WORK_SECONDS - 1
    shown.show_at_work()
    late = shown.at
    now += 1
    shown.show_at_work()

    assert (idle, late, shown.at) == (None, now - 1, now - 1)
    shown.end()
    assert shown.at == now


def test_between_two_pieces_of_work_a_process_has_to_show_it_by_itself(monkeypatch):
    shown, now = Pulse(), 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    shown.begin()
    shown.end()

    now += 10
    shown.show_at_work()

    assert shown.at == 1000.0


def test_work_that_fails_has_ended(monkeypatch):
    monkeypatch.setattr(pulse, "own", Pulse())

    with pytest.raises(ZeroDivisionError), pulse.working():
        _ = 1 / 0

    assert pulse.own.at is not None
    assert pulse.own._working_since is None
