"""Reminding the author before a slot: of a draft, and a day before by the letter itself, to be approved by a link.

`observe` writes down what is due, `tell` mails it, `let_go` sends what may go without an answer. Each may run twice,
late or not at all. What the author answers is in `approve`, `move` and `skip`.
"""

import logging
from datetime import datetime, timedelta

from django.core import mail
from django.db import transaction
from django.utils import timezone

from newsletter.delivery import planning, prompts
from newsletter.delivery.models import Mailing
from newsletter.delivery.reminded import Reminder
from newsletter.delivery.rendering import freeze
from newsletter.issues import cadence
from newsletter.issues.models import Issue
from newsletter.mail.mailers import mailer_errors
from newsletter.publication.models import Publication

log = logging.getLogger(__name__)

Kind, Answer = Reminder.Kind, Reminder.Answer
DRAFT_BEFORE, LETTER_BEFORE = timedelta(hours=72), timedelta(hours=24)
LEASE = timedelta(minutes=10)  # a worker that has not told by then is dead, and another tries
BACK_OFF, BACK_OFF_MAX = timedelta(minutes=1), timedelta(hours=1)
AHEAD = timedelta(minutes=2)  # a little more than from one look to the next, so that the slot itself is met


class Changed(Exception):
    """The issue is not what the reminder showed any more."""


# --- What is due ---


def observe(now: datetime) -> int:
    """Write down what the author should hear of the slots ahead; return how much that is."""
    before = Reminder.objects.count()
    for slot_at in slots_ahead(Publication.objects.fresh(), now):
        if (kind := _kind(slot_at - now)) and not is_settled(slot_at):
            _note(kind, slot_at, now)
    return Reminder.objects.count() - before


def _kind(left: timedelta) -> Reminder.Kind | None:
    if left <= LETTER_BEFORE:
        return Kind.LETTER
    return Kind.DRAFT if left <= DRAFT_BEFORE else None


def _note(kind: Reminder.Kind, slot_at: datetime, now: datetime) -> None:
    """Keep one reminder for a slot; a letter waits until the issue can be sent at all."""
    issue = proposed_issue()
    if kind == Kind.LETTER and (issue is None or planning.obstacles(issue, slot_at)):
        return
    row = Reminder(kind=kind, slot_at=slot_at, issue=issue, at=now, try_at=now)
    Reminder.objects.bulk_create([row], ignore_conflicts=True)


def slots_ahead(publication: Publication, now: datetime) -> set[datetime]:
    """Return the next slot of the rhythm, and those that an issue was moved to."""
    moved = Reminder.objects.filter(moved_to__gt=now).values_list("moved_to", flat=True)
    rhythm = cadence.next_slot(
        publication.cadence_anchor_on,
        publication.cadence_at,
        zone=publication.zone,
        days=publication.cadence_days,
        after=now,
    )
    return {rhythm, *(at for at in moved if at is not None)}


def is_settled(slot_at: datetime) -> bool:
    """Return whether an issue leaves, or left, on the day of this slot."""
    zone = Publication.objects.current().zone
    midnight = timezone.localtime(slot_at, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    alive = Mailing.objects.filter(kind=Mailing.Kind.ISSUE).exclude(state=Mailing.State.CANCELLED)
    return alive.filter(send_at__gte=midnight, send_at__lt=midnight + timedelta(days=1)).exists()


def proposed_issue() -> Issue | None:
    """Return the next issue that was neither sent nor approved."""
    return Issue.objects.unsent().exclude(mailings__state__in=Mailing.OPEN_STATES).first()


# --- Who hears of it ---


def tell(now: datetime) -> int:
    """Mail what was not told yet to everybody who may send issues and has an address; return how many were told."""
    return sum(_tell(one, now) for one in Reminder.objects.untold(now).select_related("issue"))


def _tell(reminder: Reminder, now: datetime) -> bool:
    """Take one before another worker does, mail it, and put it off when the mail server does not take it."""
    addresses = prompts.who_may_send()
    if not addresses or is_settled(reminder.slot_at):
        return False
    if not _settle(reminder, try_at=now + LEASE, tries=reminder.tries + 1):
        return False
    shown = _shown(reminder)
    try:
        mail.mailers["default"].send_messages([prompts.message(reminder, addresses, now)])
    except mailer_errors(ValueError) as error:
        log.warning("the author is not reminded of %s yet: %s", reminder, type(error).__name__)
        _settle(reminder, try_at=now + min(BACK_OFF * 2 ** (reminder.tries - 1), BACK_OFF_MAX))
        return False
    return _settle(reminder, notified_at=now, **shown)


def _shown(reminder: Reminder) -> dict[str, str]:
    """Return what a letter is about to show, for which alone its approval will be."""
    if reminder.kind != Kind.LETTER or reminder.issue is None:
        return {}
    columns = freeze(reminder.issue).columns()
    return {"content_hash": columns["content_hash"], "text": columns["text"]}


def _settle(reminder: Reminder, **values: object) -> bool:
    """Write down how far it is, unless another worker has taken it since it was read."""
    unchanged = Reminder.objects.filter(pk=reminder.pk, try_at=reminder.try_at, notified_at__isnull=True)
    if moved := bool(unchanged.update(**values)):
        reminder.refresh_from_db(fields=list(values))
    return moved


# --- What the author answers ---


def has_changed(reminder: Reminder) -> bool:
    """Return whether the issue is another one than the letter showed."""
    assert reminder.issue is not None  # noqa: S101 - a letter is of an issue
    return freeze(reminder.issue).columns()["content_hash"] != reminder.content_hash


def approve(reminder: Reminder, now: datetime) -> Mailing | None:
    """Schedule what the letter showed for its slot; return None if there was an answer already.

    Raises Changed when the issue was edited since, PlanningError when it cannot be sent as it is.
    """
    assert reminder.issue is not None  # noqa: S101 - a letter is of an issue
    with transaction.atomic():
        if not reminder.give(Answer.APPROVED, now):
            return None
        return _schedule(reminder, reminder.issue, now)


def _schedule(reminder: Reminder, issue: Issue, now: datetime) -> Mailing:
    """Approve within the caller's transaction; what was frozen is compared, for an edit may come between."""
    hold = planning.hold_of(Publication.objects.current())
    mailing = planning.approve(issue, send_at=reminder.slot_at, now=now, hold=hold)
    if mailing.content_hash != reminder.content_hash:
        raise Changed
    return mailing


def move(reminder: Reminder, now: datetime) -> bool:
    """Put the issue off by a week, to the same time by the clock; its author is reminded again before that."""
    return reminder.give(Answer.MOVED, now, moved_to=a_week_later(reminder.slot_at))


def skip(reminder: Reminder, now: datetime) -> bool:
    """Let the slot pass without an issue."""
    return reminder.give(Answer.SKIPPED, now)


def a_week_later(slot_at: datetime) -> datetime:
    zone = Publication.objects.current().zone
    local = timezone.localtime(slot_at, zone)
    return cadence.next_slot(local.date(), local.time(), zone=zone, days=7, after=slot_at)


# --- Without an answer ---


def let_go(now: datetime) -> int:
    """Approve what nobody has answered when its slot comes, if the publication says so; return how many.

    Only what the letter showed goes: an issue that was edited since waits for its author, and so does one that he
    has approved, and cancelled, meanwhile.
    """
    publication = Publication.objects.fresh()
    if publication.unapproved != Publication.Unapproved.GO:
        return 0
    soon = now + planning.hold_of(publication) + AHEAD
    waiting = Reminder.objects.filter(kind=Kind.LETTER, answer="")
    due = waiting.filter(slot_at__lte=soon, slot_at__gt=now - planning.LATE).select_related("issue")
    return sum(_let_go(one, now) for one in due)


def _let_go(reminder: Reminder, now: datetime) -> bool:
    issue = reminder.issue
    if issue is None or issue.mailings.filter(approved_at__gte=reminder.at).exists() or is_settled(reminder.slot_at):
        return False
    try:
        with transaction.atomic():
            _schedule(reminder, issue, now)
    except (Changed, planning.PlanningError):
        return False
    return True
