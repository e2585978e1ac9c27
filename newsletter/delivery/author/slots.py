"""Which times are slots, what is settled for one, and the reasons not to send at it. Changes nothing."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone, translation
from django.utils.formats import date_format

from newsletter.delivery.letter.rendering import FrozenLetter, freeze
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.reminders import MISSED_FOR, Reminder
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.planning.approving import obstacles
from newsletter.issues import rhythm
from newsletter.issues.cadence import DAYS_BETWEEN
from newsletter.issues.models import Issue
from newsletter.publication.models import Publication

Reason = Reminder.Reason
NEAR = 3  # slots looked at: of the days for which the author is reminded, a moved one and its neighbours
LOOK_BACK = timedelta(days=3)  # for slots that nobody was reminded of, because nothing was running
SETTLED_BEFORE = timedelta(hours=24)  # a rhythm that was changed later made slots that nobody could meet


def slots_ahead(publication: Publication, now: datetime, within: timedelta) -> list[datetime]:
    """Return the slots until `within` from now: two can be near each other, because one was moved."""
    return [at for at in rhythm.slots(publication, after=now, count=NEAR) if at <= now + within]


def is_slot(at: datetime) -> bool:
    """Return whether `at` is a slot as the rhythm and its shifts are now."""
    return rhythm.slot_at(Publication.objects.fresh(), at) is not None


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
    return Reason.DOWN if now - letter.slot_at >= beginning.LATE else None


def _obstacles(issue: Issue, send_at: datetime, frozen: FrozenLetter) -> str:
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        return " ".join(obstacles(issue, send_at, letter=frozen))


def _unshown(issue: Issue, frozen: FrozenLetter) -> str:
    with translation.override(Publication.objects.current().language):
        return approving.unshown(issue, letter=frozen)


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
    publication = Publication.objects.fresh()
    passed = Reminder.objects.unanswered().filter(slot_at__lte=now, slot_at__gt=now - MISSED_FOR)
    told = Reminder.objects.filter(kind=Reminder.Kind.MISSED).values("slot_at")
    for letter in passed.exclude(slot_at__in=told).select_related("issue"):
        is_missed = not was_decided(letter) and not rhythm.was_given_up(publication, letter.slot_at)
        if is_missed and (why := why_not(letter, now)):
            yield _missed(letter.slot_at, letter.issue, why, now)
    if (slot_at := _unreminded(publication, now)) and (issue := proposed_issue()) and issue.created_at < slot_at:
        sentences = _obstacles(issue, slot_at, freeze(issue))
        yield _missed(slot_at, issue, (Reason.OBSTACLE if sentences else Reason.DOWN, sentences), now)


def _missed(slot_at: datetime, issue: Issue | None, why: tuple[Reminder.Reason, str], now: datetime) -> Reminder:
    reason, detail = why
    row = Reminder(kind=Reminder.Kind.MISSED, slot_at=slot_at, issue=issue, at=now, due_at=now)
    row.reason, row.detail = reason, detail
    return row


def _unreminded(publication: Publication, now: datetime) -> datetime | None:
    """Return a slot that has passed without a letter and without an issue; None if there is none."""
    slot_at = rhythm.next_slot(publication, now - LOOK_BACK)
    if slot_at > now:
        return None
    reminded = Reminder.objects.filter(slot_at=slot_at)
    was_real = publication.updated_at <= slot_at - SETTLED_BEFORE or reminded.exists()
    has_letter = reminded.exclude(kind=Reminder.Kind.DRAFT).exists()
    return None if not was_real or has_letter or is_settled(slot_at) else slot_at
