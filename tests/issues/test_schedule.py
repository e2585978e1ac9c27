"""What the author does to the rhythm, and what everybody who asks for slots then hears."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.utils import translation

from newsletter.issues import schedule
from newsletter.issues.cadence import SlotStatus
from newsletter.issues.models import HolidayAnswer, Shift
from newsletter.publication.changes import Via, acting_as
from newsletter.publication.models import Change, Publication
from tests.factories import make_publication

NOW = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)  # a Thursday, noon in Taipei
SLOT_ON = date(2026, 12, 3)
Choice = HolidayAnswer.Choice
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def publication(db):
    return make_publication(cadence_anchor_on=date(2026, 11, 5), cadence_at=time(8), cadence_days=14)


def due(publication, count=3):
    return [
        f"{at.astimezone(publication.zone):%m-%d %H:%M}"
        for at in schedule.next_slots(publication, after=NOW, count=count)
    ]


def history():
    return [(one.what, one.title, one.by) for one in Change.objects.all()]


# --- Verbs ---


def test_a_skipped_slot_is_left_out_and_comes_back_when_that_is_undone(publication):
    schedule.skip_slot(SLOT_ON, NOW)
    skipped = due(publication)
    is_undone = schedule.restore_slot(SLOT_ON, NOW)

    assert skipped == ["12-17 08:00", "12-31 08:00", "01-14 08:00"]
    assert is_undone
    assert due(publication) == ["12-03 08:00", "12-17 08:00", "12-31 08:00"]
    assert not schedule.restore_slot(SLOT_ON, NOW)


def test_a_slot_that_is_moved_twice_has_one_shift_and_the_anchor_stays(publication):
    schedule.move_slot(SLOT_ON, NOW, to_on=date(2026, 12, 4), to_at=time(9, 30))
    schedule.move_slot(SLOT_ON, NOW, to_on=date(2026, 12, 5), to_at=time(9, 30))

    assert due(publication) == ["12-05 09:30", "12-17 08:00", "12-31 08:00"]
    assert Shift.objects.count() == 1
    assert Publication.objects.fresh().cadence_anchor_on == date(2026, 11, 5)


def test_a_vacation_leaves_out_its_slots_until_it_is_given_up(publication):
    vacation = schedule.add_vacation(date(2026, 12, 3), date(2026, 12, 17), NOW)
    away = due(publication)
    schedule.cancel_vacation(vacation.pk, NOW)

    assert away == ["12-31 08:00", "01-14 08:00", "01-28 08:00"]
    assert due(publication)[0] == "12-03 08:00"
    assert not schedule.cancel_vacation(vacation.pk, NOW)


def test_the_history_says_who_did_what(publication):
    with acting_as("editor", Via.DESK), translation.override("en"):
        schedule.skip_slot(SLOT_ON, NOW)
        schedule.move_slot(SLOT_ON, NOW, to_on=date(2026, 12, 4), to_at=time(9, 30))
        schedule.restore_slot(SLOT_ON, NOW)

    assert history() == [
        ("added", "Slot of Dec. 3, 2026 skipped", "editor"),
        ("changed", "Slot of Dec. 3, 2026 moved to Dec. 4, 2026, 09:30", "editor"),
        ("deleted", "Slot of Dec. 3, 2026 moved to Dec. 4, 2026, 09:30", "editor"),
    ]


def test_a_shift_stays_with_its_day_when_the_time_of_day_is_changed(publication):
    schedule.skip_slot(SLOT_ON, NOW)

    publication = make_publication(cadence_at=time(20))

    assert due(publication, 1) == ["12-17 20:00"]


# --- Asking ---


def test_what_the_author_took_away_was_given_up_and_what_the_rhythm_lost_was_not(publication):
    slot = schedule.next_slot(publication, NOW)
    schedule.skip_slot(SLOT_ON, NOW)

    assert schedule.is_slot_removed(publication, slot)
    assert schedule.slot_at(publication, slot) is None
    assert not schedule.is_slot_removed(publication, slot + timedelta(days=14))
    assert not schedule.is_slot_removed(make_publication(cadence_anchor_on=date(2026, 11, 6)), slot)


# --- Vacation, as readers see it ---


def test_readers_are_told_of_a_vacation_from_two_weeks_before_until_its_end(publication):
    schedule.add_vacation(date(2027, 1, 11), date(2027, 1, 20), NOW)

    told = [
        day
        for day in (date(2026, 12, 27), date(2026, 12, 28), date(2027, 1, 15), date(2027, 1, 20), date(2027, 1, 21))
        if schedule.upcoming_schedule(publication, datetime(day.year, day.month, day.day, 4, tzinfo=UTC)).vacation
    ]

    assert told == [date(2026, 12, 28), date(2027, 1, 15), date(2027, 1, 20)]


def test_the_home_page_promises_the_slot_after_the_shifts_and_shows_the_vacation(publication, client):
    schedule.add_vacation(date(2026, 12, 1), date(2026, 12, 5), NOW)

    page = client.get("/").text

    assert "On vacation from" in page
    assert 'datetime="2026-12-17T08:00:00+08:00"' in page


# --- Holidays ---


def ask(publication):
    return schedule.open_questions(publication, NOW, "zh-hant")


def new_year(publication):
    publication = make_publication(cadence_anchor_on=date(2026, 11, 12), cadence_at=time(8), cadence_days=14)
    [question] = [one for one in ask(publication) if "春節" in one.holiday.name]
    return publication, question


def test_a_slot_in_the_lunar_new_year_is_asked_about_once_with_a_day_behind_it(publication):
    publication, question = new_year(publication)

    assert [slot.day for slot in question.slots] == [date(2027, 2, 4)]
    assert question.proposed == {date(2027, 2, 4): date(2027, 2, 3)}


@pytest.mark.parametrize(
    ("choice", "fates"),
    [(Choice.KEEP, [SlotStatus.KEPT]), (Choice.SKIP, [SlotStatus.SKIPPED]), (Choice.MOVE, [SlotStatus.MOVED])],
)
def test_an_answer_is_followed_and_remembered_even_when_it_is_undone(publication, choice, fates):
    publication, question = new_year(publication)

    assert schedule.answer_question(question, choice, publication, NOW)
    followed = [slot.fate for slot in schedule.slots_between(publication, date(2027, 2, 1), date(2027, 2, 10))]
    schedule.restore_slot(date(2027, 2, 4), NOW)

    assert followed == fates
    assert ask(publication) == []
    assert not schedule.answer_question(question, Choice.SKIP, publication, NOW)
    assert [slot.fate for slot in schedule.slots_between(publication, date(2027, 2, 1), date(2027, 2, 10))] == [
        SlotStatus.KEPT
    ]


def test_nothing_is_asked_without_a_country_or_about_what_lies_far_ahead(publication):
    publication, _question = new_year(publication)

    assert schedule.open_questions(publication, NOW - timedelta(days=90), "en") == []
    assert ask(make_publication(holiday_country="")) == []
