"""Versions of a text grow fewer with their age, and the rules never lose the last one of anything."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.posts.models.revisions import times_to_keep

NOW = datetime(2026, 11, 26, 9, 24, 18, tzinfo=UTC)
YEARS = timedelta(days=3 * 365)
AGES = st.one_of(
    st.timedeltas(timedelta(), timedelta(hours=2)),
    st.timedeltas(timedelta(), timedelta(days=9)),
    st.timedeltas(timedelta(), YEARS),
)
TIMES = st.lists(AGES.map(lambda age: NOW - age), max_size=60)
LATER = st.timedeltas(timedelta(), YEARS)


def every(step: timedelta, *, since: timedelta) -> list[datetime]:
    return [NOW - step * number for number in range(since // step)]


def aged(kept: set[datetime], start: timedelta, end: timedelta) -> int:
    return sum(start <= NOW - time < end for time in kept)


@pytest.mark.exhaustive
def test_each_age_has_its_own_density():
    hour, day = timedelta(hours=1), timedelta(days=1)

    evening = times_to_keep(every(timedelta(seconds=10), since=2 * day), NOW)
    years = times_to_keep(every(timedelta(hours=2), since=4 * 365 * day), NOW)

    assert aged(evening, timedelta(), hour) == 360
    assert 23 * 60 - 1 <= aged(evening, hour, day) <= 23 * 60 + 1
    assert 23 <= aged(evening, day, 2 * day) <= 25
    assert 365 - 8 <= aged(years, 7 * day, 365 * day) <= 365 - 6
    assert 35 <= aged(years, 365 * day, 4 * 365 * day) <= 37


@given(TIMES)
def test_the_last_of_each_month_is_there_for_ever(times):
    kept = times_to_keep(times, NOW + YEARS)

    assert {f"{time:%Y-%m}": time for time in sorted(times)} == {f"{time:%Y-%m}": time for time in sorted(kept)}


@given(TIMES, st.lists(LATER, max_size=5))
def test_to_thin_often_keeps_the_same_as_to_thin_once(times, delays):
    kept, end = set(times), NOW + max(delays, default=timedelta())
    for delay in sorted(delays):
        kept = times_to_keep(kept, NOW + delay)

    assert times_to_keep(kept, end) == times_to_keep(times, end)
