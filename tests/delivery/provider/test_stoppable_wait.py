"""A wait that can be told to end."""

import threading
import time

import pytest

from newsletter.delivery.provider import stoppable_wait
from newsletter.delivery.provider.outcomes import SendOutcome, SendStatus
from newsletter.delivery.provider.stoppable_wait import StopControl, run_in_thread


def test_what_comes_of_an_abandoned_step_is_cleaned_up_in_its_thread():
    over, cleaned_up = threading.Event(), threading.Event()

    assert run_in_thread(lambda: over.wait(20), on_cancelled=cleaned_up.set).cancel()
    assert not cleaned_up.is_set()

    over.set()
    assert cleaned_up.wait(20)


@pytest.fixture
def stop_control(monkeypatch):
    monkeypatch.setattr(stoppable_wait, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(stoppable_wait, "STOP_GRACE_SECONDS", 0.05)
    return StopControl()


def test_an_answer_is_waited_for_as_long_as_it_takes(stop_control):
    over, looks = threading.Event(), []
    stop_control.call_while_waiting = lambda: looks.append(1) or (len(looks) > 9 and over.set())

    assert stop_control.run(lambda: over.wait(20) and "250 ok") == "250 ok"


def test_what_a_step_raises_is_raised(stop_control):
    def step():
        raise TimeoutError("no greeting")

    with pytest.raises(TimeoutError, match="no greeting"):
        stop_control.run(step)


def test_once_the_worker_is_stopped_a_silence_is_uncertain(stop_control):
    over = threading.Event()
    stop_control.is_stopping = lambda: True

    assert stop_control.run(lambda: over.wait(20)) == SendOutcome(
        SendStatus.UNCERTAIN, "the worker was stopped before an answer came"
    )

    over.set()


def test_an_answer_that_comes_soon_after_the_stop_is_heard(stop_control, monkeypatch):
    monkeypatch.setattr(stoppable_wait, "STOP_GRACE_SECONDS", 20)
    over, looks = threading.Event(), []
    stop_control.is_stopping = lambda: looks.append(1) or (len(looks) > 3 and over.set()) or True

    assert stop_control.run(lambda: over.wait(20) and "250 ok") == "250 ok"


def test_all_answers_after_a_stop_share_one_wait(stop_control):
    over = threading.Event()
    stop_control.is_stopping = lambda: True
    stop_control.run(lambda: over.wait(20))
    until = stop_control.deadline

    stop_control.run(lambda: over.wait(20))

    over.set()
    assert stop_control.deadline == until


def test_a_rest_ends_with_a_stop(stop_control):
    looks = []
    stop_control.is_stopping = lambda: looks.append(1) or len(looks) > 2

    stop_control.sleep(3600)

    assert len(looks) == 3


def test_a_rest_is_as_long_as_it_should_be(stop_control):
    began = time.monotonic()

    stop_control.sleep(0.05)

    assert time.monotonic() - began >= 0.05
