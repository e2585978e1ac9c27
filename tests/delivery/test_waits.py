"""A wait that can be told to end."""

import threading

import pytest

from newsletter.delivery.waits import Abandoned, attended


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
