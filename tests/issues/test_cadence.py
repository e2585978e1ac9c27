"""The rhythm, checked over decades, zones and the nights when the clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from newsletter.issues import cadence
from newsletter.issues.cadence import NO_SHIFTS, Rhythm

TAIPEI = ZoneInfo("Asia/Taipei")
ZONES = [
    "Asia/Taipei",
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",  # moves its clock by half an hour
    "Pacific/Apia",  # had no 2011-12-30
    "Africa/Casablanca",  # goes back for Ramadan
    "Asia/Kathmandu",
]
TIMES = [time(0, 0), time(0, 30), time(2, 30), time(8, 0), time(23, 59)]
YEARS_20 = 522  # slots of 14 days in 20 years


def slots(anchor_on, at, *, zone, days, after, count):
    return cadence.slots(Rhythm(anchor_on, at, zone, days), after=after, count=count)


def next_slot(anchor_on, at, *, zone, days, after):
    return cadence.next_slot(Rhythm(anchor_on, at, zone, days), after=after)


def at(*parts: int, zone: ZoneInfo = TAIPEI) -> datetime:
    return datetime(*parts, tzinfo=zone)


def test_every_second_tuesday_at_eight_in_taipei():
    found = slots(date(2025, 1, 7), time(8), zone=TAIPEI, days=14, after=at(2026, 3, 1), count=3)

    assert found == [at(2026, 3, 3, 8), at(2026, 3, 17, 8), at(2026, 3, 31, 8)]


def test_the_first_slot_is_the_anchor_however_early_one_asks():
    found = slots(date(2025, 1, 7), time(8), zone=TAIPEI, days=14, after=at(1999, 12, 31), count=2)

    assert found == [at(2025, 1, 7, 8), at(2025, 1, 21, 8)]


def test_a_slot_has_passed_at_its_very_instant_and_not_a_moment_before():
    slot = at(2025, 1, 21, 8)

    first = next_slot(date(2025, 1, 7), time(8), zone=TAIPEI, days=14, after=slot - timedelta(microseconds=1))
    second = next_slot(date(2025, 1, 7), time(8), zone=TAIPEI, days=14, after=slot)

    assert first == slot
    assert second == at(2025, 2, 4, 8)


def test_the_day_is_the_local_one_although_it_is_still_yesterday_in_utc():
    after = datetime(2025, 1, 20, 23, 30, tzinfo=UTC)  # 07:30 of the 21st in Taipei

    assert next_slot(date(2025, 1, 7), time(8), zone=TAIPEI, days=14, after=after) == at(2025, 1, 21, 8)


def test_the_clock_on_the_wall_stays_when_summer_time_begins():
    berlin = ZoneInfo("Europe/Berlin")

    winter, summer = slots(
        date(2026, 3, 17), time(8), zone=berlin, days=14, after=at(2026, 3, 17, zone=berlin), count=2
    )

    assert winter == datetime(2026, 3, 17, 7, tzinfo=UTC)
    assert summer == datetime(2026, 3, 31, 6, tzinfo=UTC)


def test_a_time_that_spring_skips_comes_an_hour_later_by_the_clock():
    berlin = ZoneInfo("Europe/Berlin")

    slot = next_slot(date(2026, 3, 29), time(2, 30), zone=berlin, days=14, after=at(2026, 3, 28, zone=berlin))

    assert slot == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert slot.astimezone(berlin).time() == time(3, 30)


@pytest.mark.parametrize("fold", [0, 1])
def test_of_a_time_that_autumn_shows_twice_the_first_counts(fold):
    berlin = ZoneInfo("Europe/Berlin")

    found = slots(
        date(2026, 10, 25), time(2, 30, fold=fold), zone=berlin, days=14, after=at(2026, 10, 24, zone=berlin), count=2
    )

    assert found[0] == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert found[1] == datetime(2026, 11, 8, 1, 30, tzinfo=UTC)


def test_between_the_two_showings_of_that_time_the_slot_has_passed():
    berlin = ZoneInfo("Europe/Berlin")
    between = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)  # 02:00, the second time

    slot = next_slot(date(2026, 10, 25), time(2, 30), zone=berlin, days=14, after=between)

    assert slot.astimezone(berlin).date() == date(2026, 11, 8)


def test_a_day_that_an_island_left_out_is_mailed_on_the_next():
    apia = ZoneInfo("Pacific/Apia")

    slot = next_slot(date(2011, 12, 30), time(8), zone=apia, days=14, after=at(2011, 12, 29, 12, zone=apia))

    assert slot.astimezone(apia) == at(2011, 12, 31, 8, zone=apia)


@pytest.mark.parametrize("name", ZONES)
def test_over_twenty_years_each_slot_is_one_local_fortnight_behind_the_last(name):
    zone, anchor_on = ZoneInfo(name), date(2010, 1, 5)
    wanted = [anchor_on + timedelta(days=14 * k) for k in range(YEARS_20)]
    for at_time in TIMES:
        found = slots(anchor_on, at_time, zone=zone, days=14, after=datetime(2009, 1, 1, tzinfo=UTC), count=YEARS_20)

        late = [(slot.astimezone(zone).date() - day).days for slot, day in zip(found, wanted, strict=True)]
        assert found == sorted(set(found)), at_time
        assert all(days == 0 for days, day in zip(late, wanted, strict=True) if day != date(2011, 12, 30)), at_time


@pytest.mark.parametrize("name", ZONES)
def test_whenever_one_asks_the_answer_is_the_first_slot_behind(name):
    zone = ZoneInfo(name)
    all_slots = slots(date(2010, 1, 5), time(0, 30), zone=zone, days=14, after=at(2000, 1, 1), count=60)
    moments = [all_slots[0] + timedelta(hours=7 * step) for step in range(2000)]

    wrong = [
        moment
        for moment in moments
        if next_slot(date(2010, 1, 5), time(0, 30), zone=zone, days=14, after=moment)
        != min(slot for slot in all_slots if slot > moment)
    ]

    assert wrong == []


def test_a_slot_that_the_clock_skips_into_the_next_day_is_found_by_its_moment():
    nuuk = ZoneInfo("America/Nuuk")  # there is no hour behind 2026-03-28 23:00
    rhythm = Rhythm(date(2026, 3, 28), time(23, 30), nuuk, 14)

    found = cadence.next_slot(rhythm, after=datetime(2026, 3, 28, tzinfo=UTC))

    assert found.astimezone(nuuk).date() == date(2026, 3, 29)
    assert cadence.next_slot(rhythm, after=found - timedelta(minutes=10)) == found
    assert cadence.slot_at(rhythm, NO_SHIFTS, found).day == date(2026, 3, 28)
