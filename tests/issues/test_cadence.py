"""The rhythm, checked over decades, zones and the nights when the clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.issues import cadence, public_holidays
from newsletter.issues.cadence import NO_SHIFTS, Cadence, Shifts, SlotStatus
from tests.support.exhaustive import first_of

TAIPEI = ZoneInfo("Asia/Taipei")


def slots(anchor_on, at, *, zone, days, after, count):
    return cadence.next_slots(Cadence(anchor_on, at, zone, days), after=after, count=count)


def next_slot(anchor_on, at, *, zone, days, after):
    return cadence.next_slot(Cadence(anchor_on, at, zone, days), after=after)


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


def test_a_slot_that_the_clock_skips_into_the_next_day_is_found_by_its_moment():
    nuuk = ZoneInfo("America/Nuuk")  # there is no hour behind 2026-03-28 23:00
    rhythm = Cadence(date(2026, 3, 28), time(23, 30), nuuk, 14)

    found = cadence.next_slot(rhythm, after=datetime(2026, 3, 28, tzinfo=UTC))

    assert found.astimezone(nuuk).date() == date(2026, 3, 29)
    assert cadence.next_slot(rhythm, after=found - timedelta(minutes=10)) == found
    assert cadence.slot_at(rhythm, NO_SHIFTS, found).day == date(2026, 3, 28)


# --- By a rule ---

RULES = {  # and whether a day is of it, by the calendar alone
    "FREQ=WEEKLY;BYDAY=TU,FR": lambda day: day.weekday() in {1, 4},
    "FREQ=MONTHLY;BYMONTHDAY=1,15": lambda day: day.day in {1, 15},
    "FREQ=MONTHLY;BYMONTHDAY=-1": lambda day: (day + timedelta(days=1)).day == 1,
    "FREQ=MONTHLY;BYDAY=2TU": lambda day: day.weekday() == 1 and 8 <= day.day <= 14,
    "FREQ=MONTHLY;BYDAY=-1SU": lambda day: day.weekday() == 6 and (day + timedelta(days=7)).day <= 7,
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("zone", ["Asia/Taipei", "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("clock", first_of(time(2, 30), time(8)))  # the first is skipped in spring and shown twice
def test_over_two_years_each_day_of_a_rule_has_its_slot_once(rule, zone, clock):
    rhythm = Cadence(date(2027, 1, 1), clock, ZoneInfo(zone), 14, rule)
    begins, every = datetime(2026, 12, 31, tzinfo=UTC), timedelta(hours=5)

    awaited = [cadence.next_slot(rhythm, after=begins + every * step) for step in range(2 * 365 * 24 // 5)]

    days = [date(2027, 1, 1) + timedelta(days=count) for count in range(2 * 365)]
    expected = [cadence.local_to_utc(day, clock, rhythm.zone) for day in days if RULES[rule](day)]
    assert [slot for slot in dict.fromkeys(awaited) if slot < datetime(2028, 12, 28, tzinfo=UTC)] == [
        slot for slot in expected if slot < datetime(2028, 12, 28, tzinfo=UTC)
    ]


def test_no_slot_of_a_rule_is_before_the_first_day():
    rhythm = Cadence(date(2027, 1, 10), time(8), TAIPEI, 14, "FREQ=MONTHLY;BYMONTHDAY=1,15")

    assert not rhythm.has(date(2027, 1, 1))
    assert cadence.next_slot(rhythm, after=at(2026, 12, 1)) == at(2027, 1, 15, 8)


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("", 7),
        ("FREQ=WEEKLY;BYDAY=TU", 7),
        ("FREQ=WEEKLY;BYDAY=TU,FR", 3),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15", 7),
        ("FREQ=MONTHLY;BYMONTHDAY=28,-1", 1),  # in a leap year
        ("FREQ=MONTHLY;BYDAY=2TU", 7),
    ],
)
def test_too_close_is_less_than_a_week_unless_the_author_chose_so(rule, days):
    assert Cadence(date(2027, 1, 1), time(8), TAIPEI, 14, rule).days_between == days


def test_a_slot_may_move_as_near_to_another_as_the_rule_has_them():
    rhythm = Cadence(date(2027, 1, 1), time(8), TAIPEI, 14, "FREQ=WEEKLY;BYDAY=TU,FR")
    tuesday, friday = date(2027, 1, 5), date(2027, 1, 8)

    assert cadence.conflicting_slot(rhythm, NO_SHIFTS, tuesday, tuesday) is None
    assert cadence.conflicting_slot(rhythm, NO_SHIFTS, tuesday, date(2027, 1, 6)).day == friday


# --- With shifts: skipped, moved, vacations; and holidays ---

FEW_ZONES = [ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Taipei")]
ANCHOR = date(2026, 11, 5)  # a Thursday
FORTNIGHTLY = Cadence(ANCHOR, time(8), TAIPEI, 14)
FIRST, LAST = date(2026, 1, 1), date(2055, 12, 31)  # thirty years
NOW = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)

days = st.dates(FIRST, LAST)
moments = st.builds(datetime.combine, days, st.times(), st.just(UTC))
times = st.times().map(lambda at: at.replace(second=0, microsecond=0))
rhythms = st.builds(
    Cadence,
    anchor_on=st.dates(FIRST, date(2027, 12, 31)),
    at=times | st.sampled_from([time(0), time(1, 30), time(2), time(2, 30), time(23, 59)]),
    zone=st.sampled_from(FEW_ZONES),
    days=st.sampled_from([7, 14, 28]) | st.integers(7, 60),
    rule=st.sampled_from(["", "", *RULES]),
)


@st.composite
def shifted(draw):
    """Return a rhythm, and shifts of some of its slots, by days and by a vacation or two."""
    rhythm = draw(rhythms)
    slots = st.dates(rhythm.anchor_on, LAST).map(lambda day: next(rhythm.days_from(day)))
    skipped = draw(st.frozensets(slots, max_size=8))
    moved = draw(st.dictionaries(slots, st.tuples(st.integers(-40, 40), times), max_size=8))
    starts = draw(st.lists(st.tuples(days, st.integers(0, 60)), max_size=3))
    return rhythm, Shifts(
        skipped=skipped,
        moved={day: (day + timedelta(days=by), at) for day, (by, at) in moved.items()},
        vacations=tuple((day, day + timedelta(days=length)) for day, length in starts),
    )


def local(at, rhythm):
    return at.astimezone(rhythm.zone)


def thirty_years(rhythm, shifts=NO_SHIFTS):
    """Return all that is due within the thirty years, asked for as a page asks: the next ones behind a moment."""
    count = len(cadence.slots_between(rhythm, NO_SHIFTS, rhythm.anchor_on, LAST))
    return cadence.next_slots(rhythm, shifts, after=datetime(2020, 1, 1, tzinfo=UTC), count=count)


# --- Properties ---


@given(rhythms)
def test_without_shifts_no_two_issues_are_too_close(rhythm):
    found = [local(at, rhythm).date() for at in thirty_years(rhythm)]

    assert min((after - before).days for before, after in pairwise(found)) >= rhythm.days_between


@given(shifted())
def test_two_are_nearer_only_where_the_author_moved_one(case):
    rhythm, shifts = case
    due = [slot for slot in cadence.slots_between(rhythm, shifts, rhythm.anchor_on, LAST) if slot.at]

    near = [
        {before.fate, after.fate}
        for before, after in pairwise(due)
        if (local(after.at, rhythm).date() - local(before.at, rhythm).date()).days < rhythm.days_between
    ]

    assert all(SlotStatus.MOVED in fates for fates in near)


@given(shifted())
def test_what_is_not_shifted_stays_exactly_where_it_was(case):
    rhythm, shifts = case
    untouched = [
        slot.at
        for slot in cadence.slots_between(rhythm, shifts, rhythm.anchor_on, LAST)
        if slot.day not in shifts.moved and slot.day not in shifts.skipped and not shifts.is_away(slot.day)
    ]

    assert set(untouched) <= set(thirty_years(rhythm))


@given(shifted())
def test_a_skipped_slot_and_a_day_of_vacation_have_no_issue(case):
    rhythm, shifts = case

    due = cadence.next_slots(rhythm, shifts, after=datetime(2020, 1, 1, tzinfo=UTC), count=300)

    here = [slot for slot in cadence.slots_between(rhythm, shifts, FIRST, LAST) if slot.day in shifts.skipped]
    assert [local(at, rhythm) for at in due if shifts.is_away(local(at, rhythm).date())] == []
    assert [slot.at for slot in here if slot.at and slot.fate != SlotStatus.MOVED] == []


@given(shifted())
def test_the_clock_on_the_wall_shows_the_time_of_the_rhythm_whatever_the_season(case):
    rhythm, shifts = case
    skipped_by_the_clock = {time(2), time(2, 30)} | {time(hour, minute) for hour in (2, 3) for minute in range(60)}

    clocks = {
        local(slot.due_at, rhythm).time() for slot in cadence.slots_between(rhythm, shifts, rhythm.anchor_on, LAST)
    }

    assert clocks == {rhythm.at} or rhythm.at in skipped_by_the_clock


@given(shifted(), moments)
def test_the_next_slot_is_the_first_of_all_that_lie_behind_a_moment(case, moment):
    rhythm, shifts = case
    first_on, last_on = moment.date() - timedelta(days=60), moment.date() + timedelta(days=800)
    all_due = sorted(slot.at for slot in cadence.slots_between(rhythm, shifts, first_on, last_on) if slot.at)

    found = cadence.next_slot(rhythm, shifts, after=moment)

    assert found == min((at for at in all_due if at > moment), default=found)
    assert cadence.slot_at(rhythm, shifts, found).at == found


@given(rhythms, days)
def test_a_proposed_day_is_not_too_close_to_any_other_slot(rhythm, day):
    slot_on = next(rhythm.days_from(day))

    proposed = public_holidays.proposed_day(rhythm, NO_SHIFTS, slot_on, lambda _day: False)

    near = cadence.slots_between(rhythm, NO_SHIFTS, slot_on - timedelta(days=60), slot_on + timedelta(days=60))
    gaps = [abs((proposed - slot.day).days) for slot in near if slot.day != slot_on] if proposed else []
    assert min(gaps, default=7) >= rhythm.days_between


# --- Single shifts ---


def test_a_moved_slot_leaves_the_ones_behind_it_where_they_were():
    shifts = Shifts(moved={date(2026, 12, 31): (date(2026, 12, 30), time(8))})

    found = cadence.next_slots(FORTNIGHTLY, shifts, after=datetime(2026, 12, 4, tzinfo=UTC), count=3)

    assert [at.astimezone(TAIPEI).date() for at in found] == [date(2026, 12, 17), date(2026, 12, 30), date(2027, 1, 14)]


def test_what_was_moved_out_of_a_vacation_stays_and_what_was_moved_into_it_goes():
    shifts = Shifts(
        moved={date(2026, 12, 3): (date(2026, 12, 15), time(8)), date(2026, 12, 17): (date(2026, 12, 27), time(8))},
        vacations=((date(2026, 12, 14), date(2026, 12, 20)),),
    )

    found = cadence.next_slots(FORTNIGHTLY, shifts, after=NOW, count=2)

    assert [at.astimezone(TAIPEI).date() for at in found] == [date(2026, 12, 27), date(2026, 12, 31)]


def test_a_move_into_the_hour_that_spring_skips_comes_an_hour_later():
    berlin = Cadence(date(2026, 3, 24), time(2, 30), ZoneInfo("Europe/Berlin"), 14)
    shifts = Shifts(moved={date(2026, 3, 24): (date(2026, 3, 29), time(2, 30))})

    found = cadence.next_slot(berlin, shifts, after=datetime(2026, 3, 1, tzinfo=UTC))

    assert found == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("to_on", "near"),
    [
        (date(2026, 12, 10), None),
        (date(2026, 12, 11), date(2026, 12, 17)),
        (date(2026, 11, 26), None),
        (date(2026, 11, 25), date(2026, 11, 19)),
    ],
)
def test_a_neighbour_is_a_slot_fewer_than_seven_days_away(to_on, near):
    found = cadence.conflicting_slot(FORTNIGHTLY, NO_SHIFTS, date(2026, 12, 3), to_on)

    assert (found and found.day) == near


# --- The official calendars ---


@pytest.mark.parametrize("country", ["TW", "JP", "DE", "US", "AU"])
def test_over_thirty_years_a_proposed_day_is_never_a_holiday_and_holidays_do_not_overlap(country):
    holidays = public_holidays.holidays_between(country, FIRST, LAST, "zh-hant")
    asked = list(
        public_holidays.holiday_questions(
            FORTNIGHTLY, NO_SHIFTS, cadence.slots_between(FORTNIGHTLY, NO_SHIFTS, ANCHOR, LAST), holidays, [], ANCHOR
        )
    )

    spans = [(one.holiday.first_on, one.holiday.last_on) for one in asked]
    proposed = [day for one in asked for day in one.proposed.values()]
    assert spans == sorted(spans)
    assert all(before[1] < after[0] for before, after in pairwise(spans))
    assert asked
    assert all(day not in holidays and day.weekday() < 5 for day in proposed)


@pytest.mark.parametrize("year", first_of(*range(2027, 2056)))
def test_the_lunar_new_year_is_one_holiday_in_every_year(year):
    found = public_holidays.group_days(
        public_holidays.holidays_between("TW", date(year, 1, 1), date(year, 12, 31), "zh-hant")
    )

    new_years = [one for one in found if "春節" in one.name]
    assert len(new_years) == 1
    assert 5 <= len(new_years[0].days) <= 11


def test_the_days_off_of_taiwan_are_those_that_its_government_announced_for_2026():
    """Source: 中華民國一百十五年政府行政機關辦公日曆表 (DGPA), without plain weekends."""
    announced = [
        *("01-01", "02-16", "02-17", "02-18", "02-19", "02-20", "02-27", "04-03", "04-06", "05-01", "06-19"),
        *("09-25", "09-28", "10-09", "10-26", "12-25"),
    ]

    found = public_holidays.holidays_between("TW", date(2026, 1, 1), date(2026, 12, 31), "zh-hant")

    assert [f"{day:%m-%d}" for day in found if day.weekday() < 5] == announced
    assert found[date(2026, 10, 9)] == "國慶日（補假）"


def test_a_holiday_that_was_answered_for_is_not_asked_about_again():
    holidays = public_holidays.holidays_between("TW", date(2027, 1, 1), date(2027, 3, 31), "zh-hant")
    weekly = Cadence(ANCHOR, time(8), TAIPEI, 7)
    slots = cadence.slots_between(weekly, NO_SHIFTS, date(2027, 1, 1), date(2027, 3, 31))

    [new_year] = public_holidays.holiday_questions(weekly, NO_SHIFTS, slots, holidays, [], ANCHOR)
    again = public_holidays.holiday_questions(
        weekly, NO_SHIFTS, slots, holidays, [(date(2027, 2, 6), date(2027, 2, 10))], ANCHOR
    )

    assert (new_year.holiday.first_on, new_year.holiday.last_on) == (date(2027, 2, 4), date(2027, 2, 10))
    assert new_year.holiday.name == "農曆除夕、春節"
    assert [slot.day for slot in new_year.slots] == [date(2027, 2, 4)]
    assert new_year.proposed == {}
    assert list(again) == []


def test_without_a_country_there_is_no_holiday():
    assert public_holidays.holidays_between("", FIRST, LAST, "zh-hant") == {}
