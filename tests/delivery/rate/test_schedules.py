"""The lines by the real clock, so in places of hours: a busy machine is not that late."""

from datetime import date
from itertools import count, pairwise

import pytest
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.delivery.models import Pace
from newsletter.delivery.rate import schedules
from newsletter.delivery.rate.schedules import RowTimelines, count_today, slowed, take_back

LATE = 60  # seconds that a machine may take for a test
HOUR = 3600.0
FOREVER = 1e9
P = "provider:bulk"


class Rows(RowTimelines):
    """The rows, and a way to move what is written in them."""

    def shift(self, key, seconds, *fields):
        Pace.objects.filter(key=key).update(**{field: F(field) + seconds for field in fields})


@pytest.fixture
def lines(db):
    return Rows()


def test_places_stand_one_behind_the_other(lines):
    waits = [lines.take(P, {P: HOUR}, 1, FOREVER).wait for _ in range(4)]

    assert waits == pytest.approx([0, HOUR, 2 * HOUR, 3 * HOUR], abs=LATE)


def test_a_message_of_two_lines_waits_for_the_later_one_and_takes_the_same_place_on_both(lines):
    lines.take(P, {P: 0, "domain:a": 5 * HOUR}, 1, FOREVER)

    both = lines.take(P, {P: HOUR, "domain:a": HOUR}, 1, FOREVER)
    behind = lines.take(P, {P: HOUR}, 1, FOREVER)

    assert both.wait == pytest.approx(5 * HOUR, abs=LATE)
    assert behind.wait == pytest.approx(6 * HOUR, abs=LATE)


def test_time_that_nobody_used_is_not_saved_up(lines):
    lines.take(P, {P: HOUR}, 1, FOREVER)
    lines.shift(P, -10 * HOUR, "free_at", "taken_at")

    waits = [lines.take(P, {P: HOUR}, 1, FOREVER).wait for _ in range(2)]

    assert waits == pytest.approx([0, HOUR], abs=LATE)


def test_a_place_too_far_away_is_not_taken_on_any_line(lines):
    lines.take(P, {P: 0, "domain:a": HOUR}, 1, FOREVER)

    refused = lines.take(P, {P: HOUR, "domain:a": HOUR}, 1, 1)
    others = lines.take(P, {P: HOUR}, 1, 1)

    assert refused.is_taken is False
    assert refused.wait == pytest.approx(HOUR, abs=LATE)
    assert (others.wait, others.is_taken) == (0, True)


def test_a_clock_set_back_by_a_day_makes_nobody_wait_for_more_than_what_is_taken(lines):
    lines.take(P, {P: HOUR}, 1, FOREVER)
    lines.shift(P, 24 * HOUR, "free_at", "taken_at")  # as the line looks to a clock that was set back

    refused = lines.take(P, {P: HOUR}, 1, 1)
    lines.shift(P, -HOUR, "free_at", "taken_at")  # an hour passes
    taken = lines.take(P, {P: HOUR}, 1, 1)

    assert refused.wait == pytest.approx(HOUR, abs=LATE)
    assert taken.is_taken is True


def test_a_provider_without_a_limit_is_slowed_to_half_of_what_it_was_sent(lines):
    lines.take(P, {P: 0}, 100_000, FOREVER)

    rate = lines.slow_down(P, None)

    assert rate <= 10_000  # 100,000 within five seconds, and less with each second since
    assert lines.take(P, {P: 0}, 0, FOREVER).slowed == pytest.approx(rate, abs=rate * 0.1)


def test_a_provider_that_was_sent_nothing_worth_measuring_is_slowed_to_five_a_second(lines):
    assert lines.slow_down(P, None) == pytest.approx(5)


def test_a_provider_with_a_limit_is_slowed_to_half_of_it(lines):
    lines.take(P, {P: 0}, 10**9, FOREVER)

    assert lines.slow_down(P, 200) == pytest.approx(100)


def test_many_complaints_at_once_halve_the_rate_once(lines):
    assert {round(lines.slow_down(P, 8)) for _ in range(5)} == {4}


def test_a_complaint_about_the_halved_rate_halves_it_again(lines):
    lines.slow_down(P, 8)
    lines.shift(P, -11, "slowed_at")

    assert lines.slow_down(P, 8) == pytest.approx(2, abs=0.5)


def test_however_many_complain_a_provider_is_not_given_up(lines):
    for _ in range(20):
        lines.slow_down(P, 8)
        lines.shift(P, -11, "slowed_at")

    assert lines.slow_down(P, 8) >= 8 / 64


def test_a_slowed_provider_recovers_by_a_twentieth_a_minute_until_nothing_is_left_of_it(lines):
    lines.slow_down(P, 8)
    rates = []
    for _ in range(3):
        rates.append(lines.take(P, {P: 0}, 0, FOREVER).slowed)
        lines.shift(P, -300, "slowed_at")

    assert rates[:2] == pytest.approx([4, 6], abs=0.5)
    assert rates[2] is None


def test_a_clock_set_back_does_not_keep_a_provider_slowed(lines):
    lines.slow_down(P, 8)
    lines.shift(P, HOUR, "slowed_at", "taken_at")
    lines.take(P, {P: 0}, 0, FOREVER)
    lines.shift(P, -600, "slowed_at")

    assert lines.take(P, {P: 0}, 0, FOREVER).slowed is None


# --- Any order of any requests ---

KEYS = count()
STEPS = st.lists(st.tuples(st.floats(-50, 50), st.integers(1, 9), st.booleans()), max_size=25)
MANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


@pytest.mark.django_db
@MANY
@given(STEPS)
def test_messages_of_a_line_are_never_closer_than_its_rate_allows(monkeypatch, steps):
    key, clock, left = f"provider:{next(KEYS)}", [1e6], []
    monkeypatch.setattr(schedules, "_database_clock", lambda: clock[0])
    for passed, messages, is_patient in steps:
        clock[0] += abs(passed)
        turn = RowTimelines().take(key, {key: messages / 2.0}, messages, FOREVER if is_patient else 1)
        if turn.is_taken:
            left += [clock[0] + turn.wait + number / 2.0 for number in range(messages)]

    assert all(later - earlier > 0.499 for earlier, later in pairwise(left))


@pytest.mark.django_db
@MANY
@given(STEPS)
def test_whatever_the_clock_does_nobody_waits_for_more_than_the_others_have_taken(monkeypatch, steps):
    key, clock, taken = f"provider:{next(KEYS)}", [1e6], 0.0
    monkeypatch.setattr(schedules, "_database_clock", lambda: clock[0])
    for passed, messages, _is_patient in steps:
        clock[0] += passed * 1000
        assert RowTimelines().take(key, {key: messages}, messages, FOREVER).wait <= taken + 0.001
        taken += messages


@given(st.floats(0.5, 1000), st.floats(0, 7200))
def test_a_slowed_rate_is_between_its_half_and_no_limit(rate, seconds):
    line = Pace(key="p")
    schedules.halve(line, 1e6, rate)

    now = slowed(line, 1e6 + seconds)

    assert (now is None) == (seconds >= 600) or seconds == pytest.approx(600)
    assert now is None or line.slowed_from / 2 <= now < line.slowed_from


# --- The day's count ---


@pytest.mark.django_db
def test_a_day_takes_no_more_than_its_ceiling():
    day = date(2026, 11, 3)

    assert [count_today(day, 80, 200) for _ in range(4)] == [80, 80, 40, 0]


@pytest.mark.django_db
def test_every_day_is_counted_from_nothing():
    count_today(date(2026, 11, 3), 200, 200)

    assert count_today(date(2026, 11, 4), 80, 300) == 80


@pytest.mark.django_db
def test_what_did_not_leave_is_free_again():
    day = date(2026, 11, 3)
    count_today(day, 200, 200)

    take_back(day, 30)

    assert count_today(day, 80, 200) == 30
