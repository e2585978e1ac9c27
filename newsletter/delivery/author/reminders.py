"""Reminding the author before a slot: of a draft, and a day before by the letter itself, to be approved by a link.

`observe` writes down what is due, `send_due` mails it, `let_go` sends what may go without an answer, and
`observe_missed` writes down what should have gone and did not. Each may run twice, late or not at all.
What the author answers is in `approve`, `move` and `skip`.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone, translation
from django.utils.formats import date_format

from newsletter.delivery.author import reminder_mails
from newsletter.delivery.author.alerts import AuthorMail, who_may_send
from newsletter.delivery.letter.rendering import FrozenLetter, freeze
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.reminders import MISSED_FOR, Reminder
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.planning.approving import PlanningError, obstacles, too_large, unready
from newsletter.issues import assembly, cadence, rhythm
from newsletter.issues.cadence import DAYS_BETWEEN, Rhythm, Shifts, Slot
from newsletter.issues.models import Issue
from newsletter.mail.message import Mail
from newsletter.publication.changes import Change
from newsletter.publication.models import Publication

Kind, Answer = Reminder.Kind, Reminder.Answer
DRAFT_BEFORE, LETTER_BEFORE = timedelta(hours=72), timedelta(hours=24)
AHEAD = timedelta(minutes=2)  # a little more than from one look to the next, so that the slot itself is met


class Changed(Exception):
    """The issue is not what the reminder showed any more."""


class OffRhythm(Exception):
    """The time that a letter names is no slot any more: the rhythm or the time zone was moved."""


# --- What is due ---


def observe(now: datetime) -> int:
    """Write down which reminders of the slots ahead are due; return how many are new."""
    ahead = slots_ahead(Publication.objects.fresh(), now, DRAFT_BEFORE)
    due = [(kind, slot_at) for slot_at in ahead if (kind := _kind(slot_at - now)) and not is_settled(slot_at)]
    return sum(_note(kind, slot_at, now) for kind, slot_at in due)


def observe_missed(now: datetime) -> int:
    """Write down each slot at which an issue should have gone and did not, with the reason; return how many these are.

    To be called after `let_go`, which may still send what is late.
    """
    found = list(missed(now))
    if not found:  # as nearly always: nothing is counted
        return 0
    before = Reminder.objects.count()
    Reminder.objects.bulk_create(found, ignore_conflicts=True)
    return Reminder.objects.count() - before


def _kind(left: timedelta) -> Reminder.Kind | None:
    if left <= LETTER_BEFORE:
        return Kind.LETTER
    return Kind.DRAFT if left <= DRAFT_BEFORE else None


def _note(kind: Reminder.Kind, slot_at: datetime, now: datetime) -> bool:
    """Keep one reminder for a slot; a letter waits until the issue can be sent at all. Return whether it is new."""
    if Reminder.objects.filter(kind=kind, slot_at=slot_at).exists():  # else each minute would render the issue in vain
        return False
    issue = proposed_issue()
    if kind == Kind.LETTER and (issue is None or unready(issue, slot_at) or too_large(issue, freeze(issue))):
        return False
    row = Reminder(kind=kind, slot_at=slot_at, issue=issue, at=now, due_at=now)
    with suppress(IntegrityError), transaction.atomic():  # another task was first, or an author with the same number
        row.save(force_insert=True)
        if kind == Kind.DRAFT and issue is None:
            _propose(row, now)
        return True
    return False


def _propose(reminder: Reminder, now: datetime) -> None:
    """Make a draft for the slot of `reminder`, if posts wait: once for a slot, even if its author deletes it."""
    issue = assembly.propose(reminder.slot_at)
    if issue is None:
        return
    reminder.issue = issue
    reminder.save(update_fields=["issue"])
    Change.objects.log(
        Change.What.ADDED, [issue], {"put_in": [str(item) for item in issue.items.select_related("post")]}, at=now
    )


# --- Who is mailed ---


class ReminderMail(AuthorMail[Reminder]):
    """The mail of a reminder, for as long as its slot may still be met."""

    model, failed = Reminder, "the author is not reminded of %s yet: %s"

    def waiting(self, now: datetime) -> QuerySet[Reminder]:
        return super().waiting(now).filter(pk__in=Reminder.objects.of_use(now).values("pk"))

    def is_wanted(self, row: Reminder, now: datetime) -> bool:
        is_over = row.kind != Kind.MISSED and (is_settled(row.slot_at) or not is_slot(row.slot_at))
        return not is_over and super().is_wanted(row, now)

    def write(self, row: Reminder, now: datetime) -> tuple[Mail, dict[str, object]]:
        """Return the mail, and what a letter shows, for which alone its approval will be."""
        if row.kind != Kind.LETTER or row.issue is None:
            return reminder_mails.message(row, who_may_send(), now), {"notified_at": now}
        frozen = freeze(row.issue)
        shown = {"notified_at": now, "content_hash": frozen.content_hash, "text": frozen.text}
        return reminder_mails.message(row, who_may_send(), now, frozen=frozen), shown


MAIL = ReminderMail()
send_due = MAIL.send_due


# --- What the author answers ---


def approve(reminder: Reminder, now: datetime) -> Mailing | None:
    """Schedule what the letter showed for its slot; return None if there was an answer already.

    Raises OffRhythm when its slot is none any more, Changed when the issue was edited since, PlanningError when it
    cannot be sent as it is.
    """
    if not is_slot(reminder.slot_at):
        raise OffRhythm
    assert reminder.issue is not None  # noqa: S101 - a letter is of an issue
    with transaction.atomic():
        if not reminder.give(Answer.APPROVED, now):
            return None
        return _schedule(reminder, reminder.issue, now)


def _schedule(reminder: Reminder, issue: Issue, now: datetime) -> Mailing:
    """Approve within the caller's transaction; what was frozen is compared, for an edit may come between."""
    hold = approving.hold_of(Publication.objects.current())
    mailing = approving.approve(issue, send_at=reminder.slot_at, now=now, hold=hold)
    if mailing.content_hash != reminder.content_hash:
        raise Changed
    return mailing


def move(reminder: Reminder, now: datetime) -> bool:
    """Put the slot off by a week, to the same time by the clock; its author is reminded again before that."""
    to = a_week_later(reminder.slot_at)
    with transaction.atomic():
        given = reminder.give(Answer.MOVED, now, moved_to=to)
        if given and (slot := _slot_of(reminder)):
            local = timezone.localtime(to, Publication.objects.fresh().zone)
            rhythm.move(slot.day, now, to_on=local.date(), to_at=local.time())
    return given


def skip(reminder: Reminder, now: datetime) -> bool:
    with transaction.atomic():
        given = reminder.give(Answer.SKIPPED, now)
        if given and (slot := _slot_of(reminder)):
            rhythm.skip(slot.day, now)
    return given


def _slot_of(reminder: Reminder) -> Slot | None:
    return rhythm.slot_at(Publication.objects.fresh(), reminder.slot_at)


def a_week_later(slot_at: datetime) -> datetime:
    """Return the same time by the clock a week later, or as many weeks as the author is on vacation, in UTC."""
    publication = Publication.objects.current()
    local = timezone.localtime(slot_at, publication.zone)
    weekly = Rhythm(local.date(), local.time(), publication.zone, days=7)
    vacations = Shifts(vacations=rhythm.shifts_from(publication, slot_at).vacations)
    return cadence.next_slot(weekly, vacations, after=slot_at)


# --- Without an answer ---


def let_go(now: datetime) -> int:
    """Approve what nobody has answered when its slot comes, unless `why_not` has a reason; return how many.

    Only what the letter showed is sent. A slot that the author got a mail about as missed no longer goes by itself.
    """
    publication = Publication.objects.fresh()
    if publication.unapproved != Publication.Unapproved.GO:
        return 0
    soon = now + approving.hold_of(publication) + AHEAD
    due = Reminder.objects.unanswered().filter(slot_at__lte=soon, slot_at__gt=now - beginning.LATE)
    return sum(_let_go(one, now) for one in due.select_related("issue"))


def _let_go(reminder: Reminder, now: datetime) -> bool:
    issue = reminder.issue
    if issue is None or was_decided(reminder) or why_not(reminder, now):
        return False
    try:
        with transaction.atomic():
            _schedule(reminder, issue, now)
    except (Changed, PlanningError):  # edited in this moment: `observe_missed` says so
        return False
    return True


# --- Slots: which times are, what is settled for one, and the reasons not to send at it ---

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
