"""What the author does to the rhythm: skip and move a slot, take a vacation, answer for a holiday, and undo it.

Each is written into the history, by whoever acts. None moves the anchor.
"""

from datetime import date, datetime, time

from django.db import transaction

from newsletter.issues import days_off, rhythm
from newsletter.issues.shifts import HolidayAnswer, Shift
from newsletter.publication.changes import Change
from newsletter.publication.models import Publication

Kind, What = Shift.Kind, Change.What


def skip(slot_on: date, now: datetime) -> Shift:
    """Leave a slot out, by its day in the rhythm."""
    return _shift(slot_on, now, kind=Kind.SKIPPED, to_on=None, to_at=None)


def move(slot_on: date, now: datetime, *, to_on: date, to_at: time) -> Shift:
    """Have a slot due at another day and time by the clock; the slots behind it stay where they are."""
    return _shift(slot_on, now, kind=Kind.MOVED, to_on=to_on, to_at=to_at)


def _shift(slot_on: date, now: datetime, **columns: object) -> Shift:
    with transaction.atomic():
        row, is_new = Shift.objects.update_or_create(slot_on=slot_on, defaults={**columns, "made_at": now})
        Change.objects.log(What.ADDED if is_new else What.CHANGED, [row], at=now)
    return row


def restore(slot_on: date, now: datetime) -> bool:
    """Put a slot back to where the rhythm has it; return False if it was there."""
    return _take_back(Shift.objects.filter(slot_on=slot_on).first(), now)


def take_vacation(first_on: date, last_on: date, now: datetime, *, note: str = "") -> Shift:
    """Leave out every slot from `first_on` to `last_on`, both included.

    note: what readers see of it; "" for a sentence with the days.
    """
    with transaction.atomic():
        row = Shift.objects.create(kind=Kind.VACATION, first_on=first_on, last_on=last_on, note=note, made_at=now)
        Change.objects.log(What.ADDED, [row], at=now)
    return row


def give_up_vacation(pk: int, now: datetime) -> bool:
    """Have the slots of a vacation back; return False if it is gone already."""
    return _take_back(Shift.objects.vacations().filter(pk=pk).first(), now)


def _take_back(row: Shift | None, now: datetime) -> bool:
    if row is None:
        return False
    with transaction.atomic():
        is_gone = bool(Shift.objects.filter(pk=row.pk).delete()[0])
        if is_gone:
            Change.objects.log(What.DELETED, [row], at=now)
    return is_gone


def answer(question: days_off.Question, choice: HolidayAnswer.Choice, publication: Publication, now: datetime) -> bool:
    """Do with the slots on a holiday what the author has chosen, and remember it; return False if that was done before.

    A slot without a proposed day stays where it is when the others are moved.
    """
    holiday = question.holiday
    with transaction.atomic():
        row, is_new = HolidayAnswer.objects.get_or_create(
            first_on=holiday.first_on,
            defaults={"last_on": holiday.last_on, "name": holiday.name[:200], "choice": choice, "answered_at": now},
        )
        if not is_new:
            return False
        Change.objects.log(What.ADDED, [row], at=now)
        for slot in question.slots:
            _follow(choice, slot.day, question.proposed.get(slot.day), publication, now)
    return True


def _follow(
    choice: HolidayAnswer.Choice, slot_on: date, to_on: date | None, publication: Publication, now: datetime
) -> None:
    if choice == HolidayAnswer.Choice.SKIP:
        skip(slot_on, now)
    elif choice == HolidayAnswer.Choice.MOVE and to_on:
        move(slot_on, now, to_on=to_on, to_at=rhythm.of(publication).at)
