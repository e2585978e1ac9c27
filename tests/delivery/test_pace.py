import time

import pytest

from newsletter.delivery import pace
from newsletter.delivery.pace import Pacer, reserve
from tests.delivery.conftest import Provider


@pytest.mark.django_db
def test_reservations_stand_one_behind_the_other():
    assert [reserve(100.0, 2.0) for _ in range(3)] == [100.0, 102.0, 104.0]


@pytest.mark.django_db
def test_time_that_nobody_used_is_not_saved_up():
    reserve(100.0, 2.0)

    assert reserve(1000.0, 2.0) == 1000.0
    assert reserve(1000.0, 2.0) == 1002.0


@pytest.mark.parametrize(("rate", "window"), [(None, 100), (5000, 100), (500, 50), (14, 1), (0.5, 1)])
def test_a_window_is_a_tenth_of_a_second(rate, window):
    assert Pacer(rate).window(100) == window


def test_without_a_rate_nothing_waits(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _seconds: pytest.fail("it slept"))

    Pacer(None).wait(1000, lambda: False)


@pytest.mark.django_db
def test_a_lane_that_is_told_to_stop_does_not_wait_for_its_turn(monkeypatch):
    reserve(time.time(), 3600)
    monkeypatch.setattr(time, "sleep", lambda _seconds: pytest.fail("it slept"))

    Pacer(1).wait(1, lambda: True)


def test_a_lane_keeps_the_rate(make_mailing, run, monkeypatch):
    clock = [1_000_000.0]
    left = []
    monkeypatch.setattr(pace.time, "time", lambda: clock[0])
    monkeypatch.setattr(pace.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    provider = Provider()
    provider.on_send = lambda row: left.append(clock[0])

    run(make_mailing("abcdef"), provider, pacer=Pacer(2))

    assert [round(at - left[0], 3) for at in left] == [0, 0.5, 1.0, 1.5, 2.0, 2.5]
