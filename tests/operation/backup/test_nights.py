"""When a backup is made by itself, and which are kept."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.operation.backup import nights

TAIPEI = ZoneInfo("Asia/Taipei")
TODAY = date(2026, 11, 28)
days = st.sets(st.dates(date(2020, 1, 1), date(2030, 12, 31)), max_size=60)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 28, hour, minute, tzinfo=TAIPEI)


def test_a_backup_is_due_from_half_past_three():
    assert nights.due(at(3, 29), []) is None
    assert nights.due(at(3, 30), []) == TODAY
    assert nights.due(at(23, 59), [TODAY - timedelta(1)]) == TODAY


def test_a_day_has_one_backup():
    assert nights.due(at(4), [TODAY]) is None


def test_a_clock_that_was_ahead_hinders_no_backup():
    assert nights.due(at(4), [TODAY + timedelta(30)]) == TODAY


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_a_name_tells_the_day(is_encrypted):
    assert nights.day_of(nights.name(TODAY, is_encrypted=is_encrypted)) == TODAY


@pytest.mark.parametrize("name", ["newsletter.tar", "newsletter-2026-02-30.tar", "newsletter-2026-11-28.tar.part", ""])
def test_other_files_are_none_of_ours(name):
    assert nights.day_of(name) is None


def test_after_two_years_of_nights_24_at_most_are_kept():
    kept: set[date] = set()
    for number in range(800):
        kept.add(TODAY + timedelta(number))
        kept -= nights.superfluous(kept)

    last = TODAY + timedelta(799)
    assert {last - timedelta(number) for number in range(7)} <= kept
    assert 18 <= len(kept) <= 24
    assert last - min(kept) > timedelta(300)


@given(days)
def test_the_newest_stays_and_thinning_twice_takes_no_more(found):
    kept = found - nights.superfluous(found)

    assert not found or max(found) in kept
    assert nights.superfluous(kept) == set()
    assert len(kept) <= nights.DAYS + nights.WEEKS + nights.MONTHS


@given(days)
def test_few_backups_all_stay(found):
    assert nights.superfluous(sorted(found)[:7]) == set()
