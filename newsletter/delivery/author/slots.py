"""Which times are slots, what is settled for one, and the reasons not to send at it. Changes nothing."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone, translation
from django.utils.formats import date_format

from newsletter.delivery import planning
from newsletter.delivery.letter.rendering import FrozenLetter, freeze
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.reminders import MISSED_FOR, Reminder
from newsletter.issues import cadence
from newsletter.issues.models import Issue
from newsletter.publication.models import Publication

Reason = Reminder.Reason
DAYS_BETWEEN = 7  # of the local calendar: by itself no issue follows another sooner
LOOK_BACK = timedelta(days=3)  # for slots that nobody was reminded of, because nothing was running
SETTLED_BEFORE = timedelta(hours=24)  # a rhythm that was changed later made slots that nobody could meet


def slot_after(publication: Publication, after: datetime) -> datetime:
    """Return the first slot of the rhythm behind `after`."""
    return cadence.next_slot(
        publication.cadence_anchor_on,
        publication.cadence_at,
        zone=publication.zone,
        days=publication.cadence_days,
        after=after,
    )


def slots_ahead(publication: Publication, now: datetime) -> set[datetime]:
    """Return the next slot of the rhythm, and those that an issue was moved to."""
    moved = Reminder.objects.filter(moved_to__gt=now).values_list("moved_to", flat=True)
    return {slot_after(publication, now), *(at for at in moved if at is not None)}


def is_slot(at: datetime) -> bool:
    """Return whether `at` is a slot of the rhythm as it is now, or a time that an issue was moved to."""
    rhythm = slot_after(Publication.objects.fresh(), at - timedelta(microseconds=1))
    return rhythm == at or Reminder.objects.filter(moved_to=at).exists()


def is_settled(slot_at: datetime) -> bool:
    """Return whether an issue leaves, or left, on the day of this slot."""
    zone = Publication.objects.current().zone
    midnight = timezone.localtime(slot_at, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    alive = Mailing.objects.filter(kind=Mailing.Kind.ISSUE).exclude(state=Mailing.State.CANCELLED)
    return alive.filter(send_at__gte=midnight, send_at__lt=midnight + timedelta(days=1)).exists()


def proposed_issue() -> Issue | None:
    """Return the next issue that was neither sent nor approved."""
    return Issue.objects.unsent().exclude(mailings__state__in=Mailing.OPEN_STATES).first()


# --- Reasons not to send by itself ---


def was_decided(reminder: Reminder) -> bool:
    """Return whether the author has approved the issue of a letter since, even if they cancelled it again."""
    assert reminder.issue is not None  # noqa: S101 - a letter is of an issue
    mailings = reminder.issue.mailings.filter(kind=Mailing.Kind.ISSUE)
    alive = ~Q(state=Mailing.State.CANCELLED)
    return mailings.filter(alive | Q(approved_at__gte=reminder.at)).exists()


def why_not(letter: Reminder, now: datetime) -> tuple[Reminder.Reason, str] | None:
    """Return why a letter's issue must not go by itself, and details in sentences; None if it may."""
    assert letter.issue is not None  # noqa: S101 - a letter is of an issue
    if not is_slot(letter.slot_at):
        return Reason.OFF_RHYTHM, ""
    if near := _neighbour(letter.slot_at):
        return Reason.TOO_SOON, near
    frozen = freeze(letter.issue)
    if sentences := _obstacles(letter.issue, max(letter.slot_at, now), frozen):
        return Reason.OBSTACLE, sentences
    if reason := _why_unseen(letter, frozen):
        return reason, ""
    if sentence := _unshown(letter.issue, frozen):
        return Reason.UNSHOWN, sentence
    reason = _why_late(letter, now)
    return (reason, "") if reason else None


def _why_unseen(letter: Reminder, frozen: FrozenLetter) -> Reminder.Reason | None:
    if letter.notified_at is None:
        return Reason.UNTOLD
    return Reason.EDITED if letter.content_hash != frozen.content_hash else None


def _why_late(letter: Reminder, now: datetime) -> Reminder.Reason | None:
    if Publication.objects.fresh().unapproved != Publication.Unapproved.GO:
        return Reason.UNANSWERED
    return Reason.DOWN if now - letter.slot_at >= planning.LATE else None


def _obstacles(issue: Issue, send_at: datetime, frozen: FrozenLetter) -> str:
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        return " ".join(planning.obstacles(issue, send_at, letter=frozen))


def _unshown(issue: Issue, frozen: FrozenLetter) -> str:
    with translation.override(Publication.objects.current().language):
        return planning.unshown(issue, letter=frozen)


def _neighbour(slot_at: datetime) -> str:
    """Return the time of an issue that leaves, or left, too near to a slot, as text; "" if there is none."""
    publication = Publication.objects.current()
    day, reach = slot_at.astimezone(publication.zone).date(), timedelta(days=DAYS_BETWEEN)
    alive = Mailing.objects.filter(kind=Mailing.Kind.ISSUE).exclude(state=Mailing.State.CANCELLED)
    times = alive.filter(send_at__gt=slot_at - reach, send_at__lt=slot_at + reach).values_list("send_at", flat=True)
    near = (timezone.localtime(at, publication.zone) for at in times.order_by("send_at"))
    first = next((at for at in near if abs((at.date() - day).days) < DAYS_BETWEEN), None)
    with translation.override(publication.language):
        return date_format(first, "DATETIME_FORMAT") if first else ""


# --- What should have gone and did not ---


def missed(now: datetime) -> Iterator[Reminder]:
    """Yield a row for each slot of the last days at which an issue should have gone and did not, if it has none yet."""
    passed = Reminder.objects.unanswered().filter(slot_at__lte=now, slot_at__gt=now - MISSED_FOR)
    told = Reminder.objects.filter(kind=Reminder.Kind.MISSED).values("slot_at")
    for letter in passed.exclude(slot_at__in=told).select_related("issue"):
        if not was_decided(letter) and (why := why_not(letter, now)):
            yield _missed(letter.slot_at, letter.issue, why, now)
    if (slot_at := _unreminded(now)) and (issue := proposed_issue()) and issue.created_at < slot_at:
        sentences = _obstacles(issue, slot_at, freeze(issue))
        yield _missed(slot_at, issue, (Reason.OBSTACLE if sentences else Reason.DOWN, sentences), now)


def _missed(slot_at: datetime, issue: Issue | None, why: tuple[Reminder.Reason, str], now: datetime) -> Reminder:
    reason, detail = why
    row = Reminder(kind=Reminder.Kind.MISSED, slot_at=slot_at, issue=issue, at=now, due_at=now)
    row.reason, row.detail = reason, detail
    return row


def _unreminded(now: datetime) -> datetime | None:
    """Return a slot that has passed without a letter and without an issue; None if there is none."""
    publication = Publication.objects.fresh()
    slot_at = slot_after(publication, now - LOOK_BACK)
    reminded = Reminder.objects.filter(slot_at=slot_at)
    was_real = publication.updated_at <= slot_at - SETTLED_BEFORE or reminded.exists()
    has_letter = reminded.exclude(kind=Reminder.Kind.DRAFT).exists()
    return None if slot_at > now or not was_real or has_letter or is_settled(slot_at) else slot_at
