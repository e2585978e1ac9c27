from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.rate.limiter import UNLIMITED_FROM, Spread, WarmUp, ceiling, days_needed

TAIPEI = ZoneInfo("Asia/Taipei")


def test_the_first_days_begin_with_two_hundred_and_grow_by_a_half():
    assert [ceiling(day) for day in (1, 2, 3, 4, 5)] == [200, 300, 450, 675, 1012]


def test_a_day_before_the_first_is_like_the_first():
    assert [ceiling(0), ceiling(-400)] == [200, 200]


def test_sixteen_days_are_enough_for_a_domain_to_be_known():
    assert ceiling(16) == 87578
    assert ceiling(17) is None
    assert ceiling(10**9) is None


@given(st.integers(1, 60))
def test_no_day_allows_less_than_the_one_before(day):
    today, tomorrow = ceiling(day), ceiling(day + 1)

    assert tomorrow is None or (today is not None and today < tomorrow < UNLIMITED_FROM)


@pytest.mark.parametrize(
    ("readers", "day", "days"),
    [(0, 1, 1), (200, 1, 1), (201, 1, 2), (500, 1, 2), (501, 1, 3), (501, 3, 2), (1_000_000, 1, 17), (10**6, 17, 1)],
)
def test_an_issue_takes_as_many_days_as_its_readers_need(readers, day, days):
    assert days_needed(readers, day) == days


@given(st.integers(1, 400_000), st.integers(-3, 30))
def test_the_days_are_enough_and_not_one_too_many(readers, first):
    days = days_needed(readers, first)
    ceilings = [ceiling(first + number) for number in range(days)]

    assert None in ceilings or sum(ceilings) >= readers
    assert None not in ceilings[:-1]
    assert sum(ceilings[:-1]) < readers


def test_a_day_is_the_publications_own():
    warm_up = WarmUp(date(2026, 11, 3), TAIPEI)
    before_midnight, after = datetime(2026, 11, 3, 15, 59, tzinfo=UTC), datetime(2026, 11, 3, 16, 0, tzinfo=UTC)

    assert (warm_up.day_number(before_midnight), warm_up.ceiling(before_midnight)) == (1, 200)
    assert (warm_up.day_number(after), warm_up.ceiling(after)) == (2, 300)


def test_it_goes_on_when_the_local_day_has_begun():
    warm_up = WarmUp(date(2026, 11, 3), TAIPEI)

    assert warm_up.goes_on_at(datetime(2026, 11, 3, 4, 0, tzinfo=UTC)) == datetime(2026, 11, 3, 16, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("readers", "since", "spread"),
    [
        (10_000, date(2026, 11, 3), Spread(9, 200, date(2026, 11, 11))),
        (501, date(2026, 11, 3), Spread(3, 200, date(2026, 11, 5))),
        (500, date(2026, 11, 3), Spread(2, 200, date(2026, 11, 4))),
        (500, date(2026, 11, 2), Spread(2, 300, date(2026, 11, 4))),
        (200, date(2026, 11, 3), None),
        (0, date(2026, 11, 3), None),
        (10_000, date(2026, 1, 1), None),
    ],
)
def test_an_issue_is_spread_over_as_few_days_as_the_ceilings_allow(readers, since, spread):
    begins_at = datetime(2026, 11, 2, 23, 0, tzinfo=UTC)  # 07:00 on the third in Taipei

    assert WarmUp(since, TAIPEI).spread(readers, begins_at) == spread


def test_a_night_that_is_an_hour_longer_is_waited_for():
    berlin = WarmUp(date(2026, 10, 1), ZoneInfo("Europe/Berlin"))

    assert berlin.goes_on_at(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) == datetime(2026, 10, 25, 23, 1, tzinfo=UTC)
