"""A wait that can be told to end."""

import threading
import time

import pytest

from newsletter.delivery.provider import interruptible
from newsletter.delivery.provider.interruptible import Abandoned, Patience, attended
from newsletter.delivery.provider.single import Answer, Outcome


def test_what_a_step_returns_is_returned():
    assert attended(lambda: 7, lambda: False, 10) == 7


def test_what_a_step_raises_is_raised():
    def step():
        raise TimeoutError("no greeting")

    with pytest.raises(TimeoutError, match="no greeting"):
        attended(step, lambda: True, 10)


def test_who_waits_is_asked_until_he_says_no():
    over, asked = threading.Event(), []

    def goes_on():
        asked.append(1)
        return len(asked) < 3

    with pytest.raises(Abandoned):
        attended(lambda: over.wait(20), goes_on, 0.01)

    over.set()
    assert len(asked) == 3


def test_a_step_that_ends_while_it_is_waited_for_is_heard():
    over = threading.Event()

    assert attended(lambda: over.wait(20), lambda: over.set() is None, 0.01) is True


def test_what_comes_of_an_abandoned_step_is_cleaned_up_in_its_thread():
    over, cleaned_up = threading.Event(), threading.Event()

    with pytest.raises(Abandoned):
        attended(lambda: over.wait(20), lambda: False, 0.01, cleaned_up.set)
    assert not cleaned_up.is_set()

    over.set()
    assert cleaned_up.wait(20)


def test_a_step_that_is_not_abandoned_is_not_cleaned_up():
    cleaned_up = []

    attended(lambda: 7, lambda: False, 10, lambda: cleaned_up.append(1))

    assert cleaned_up == []


@pytest.fixture
def patience(monkeypatch):
    monkeypatch.setattr(interruptible, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(interruptible, "STOP_SECONDS", 0.05)
    return Patience()


def test_an_answer_is_waited_for_as_long_as_it_takes(patience):
    over, looks = threading.Event(), []
    patience.on_wait = lambda: looks.append(1) or (len(looks) > 9 and over.set())

    assert patience.answer(lambda: over.wait(20) and "250 ok") == "250 ok"


def test_once_the_worker_is_stopped_a_silence_is_uncertain(patience):
    over = threading.Event()
    patience.is_stopping = lambda: True

    assert patience.answer(lambda: over.wait(20)) == Outcome(
        Answer.UNCERTAIN, "the worker was stopped before an answer came"
    )

    over.set()


def test_an_answer_that_comes_soon_after_the_stop_is_heard(patience, monkeypatch):
    monkeypatch.setattr(interruptible, "STOP_SECONDS", 20)
    over, looks = threading.Event(), []
    patience.is_stopping = lambda: looks.append(1) or (len(looks) > 3 and over.set()) or True

    assert patience.answer(lambda: over.wait(20) and "250 ok") == "250 ok"


def test_all_answers_after_a_stop_share_one_wait(patience):
    over = threading.Event()
    patience.is_stopping = lambda: True
    patience.answer(lambda: over.wait(20))
    until = patience.until

    patience.answer(lambda: over.wait(20))

    over.set()
    assert patience.until == until


def test_a_rest_ends_with_a_stop(patience):
    looks = []
    patience.is_stopping = lambda: looks.append(1) or len(looks) > 2

    patience.rest(3600)

    assert len(looks) == 3


def test_a_rest_is_as_long_as_it_should_be(patience):
    began = time.monotonic()

    patience.rest(0.05)

    assert time.monotonic() - began >= 0.05
