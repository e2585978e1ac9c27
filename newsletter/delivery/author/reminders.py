"""Reminders about a slot: a draft is due; a day before, the letter with a link to approve it; the slot was missed.

`record_due` records due reminders, `send_due` mails them, `send_unanswered` schedules issues whose letter got no
answer, if the publication lets them go, and `record_missed` records missed slots. All are idempotent and may run late.
The author's answers are `approve`, `move` and `skip`.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone, translation
from django.utils.formats import date_format

from newsletter.delivery.author import reminder_mails
from newsletter.delivery.author.alerts import AuthorMailQueue, insert_new, recipient_addresses
from newsletter.delivery.letter.rendering import FrozenLetter, freeze_letter
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.reminders import MISSED_MAILED_FOR, Reminder
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.planning.approving import PlanningError, obstacles, obstacles_without_letter, size_obstacles
from newsletter.issues import assembly, cadence, schedule
from newsletter.issues.cadence import Cadence, Shifts, Slot
from newsletter.issues.models import Issue
from newsletter.mail.message import Mail
from newsletter.publication.changes import Change
from newsletter.publication.models import Publication

Kind, Response = Reminder.Kind, Reminder.Response
DRAFT_BEFORE, LETTER_BEFORE = timedelta(hours=72), timedelta(hours=24)
SCHEDULE_AHEAD = timedelta(minutes=2)  # a little more than the interval of the task


class IssueChanged(Exception):
    """The issue differs from what the reminder showed."""


class NotASlot(Exception):
    """The time is no longer a slot: the rhythm or the time zone was changed."""


def record_due(now: datetime) -> int:
    """Record due reminders for the slots ahead; return how many are new."""
    slots = schedule.next_slots(Publication.objects.fresh(), after=now, count=SLOTS_CHECKED)
    free = [at for at in slots if at <= now + DRAFT_BEFORE and not has_mailing_on_day(at)]
    return sum(_record_reminder(Kind.LETTER if at <= now + LETTER_BEFORE else Kind.DRAFT, at, now) for at in free)


def record_missed(now: datetime) -> int:
    """Record each missed slot with its reason; return how many are new.

    Call it after `send_unanswered`, which may still send a late issue.
    """
    return insert_new(list(missed_slots(now)))


def _record_reminder(kind: Reminder.Kind, slot_at: datetime, now: datetime) -> bool:
    """Record a reminder for a slot; a letter waits until the issue can be sent. Returns whether it is new."""
    if Reminder.objects.filter(kind=kind, slot_at=slot_at).exists():  # or the issue would be rendered every minute
        return False
    issue = proposed_issue()
    if kind == Kind.LETTER and (
        issue is None or obstacles_without_letter(issue, slot_at) or size_obstacles(issue, freeze_letter(issue))
    ):
        return False
    row = Reminder(kind=kind, slot_at=slot_at, issue=issue, at=now, due_at=now)
    with suppress(IntegrityError), transaction.atomic():  # another task was first, or the author took the issue number
        row.save(force_insert=True)
        if kind == Kind.DRAFT and issue is None:
            _create_draft(row, now)
        return True
    return False


def _create_draft(reminder: Reminder, now: datetime) -> None:
    """Create a draft issue for the slot if posts wait: once per slot, even if the author deletes it."""
    issue = assembly.create_proposed_issue(reminder.slot_at)
    if issue is None:
        return
    reminder.issue = issue
    reminder.save(update_fields=["issue"])
    titles = [str(item) for item in issue.items.select_related("post")]
    Change.objects.log(Change.Action.ADDED, [issue], {"put_in": titles}, at=now)


class ReminderMailQueue(AuthorMailQueue[Reminder]):
    model = Reminder

    def due_rows(self, now: datetime) -> QuerySet[Reminder]:
        return super().due_rows(now).filter(pk__in=Reminder.objects.worth_mailing(now).values("pk"))

    def is_wanted(self, row: Reminder, now: datetime) -> bool:
        is_over = row.kind != Kind.MISSED and (has_mailing_on_day(row.slot_at) or not is_slot(row.slot_at))
        return not is_over and super().is_wanted(row, now)

    def build(self, row: Reminder, now: datetime) -> tuple[Mail, dict[str, object]]:
        """The mail, and fields for the row: for a letter also its content, because only this can be approved."""
        if row.kind != Kind.LETTER or row.issue is None:
            return reminder_mails.build_reminder(row, recipient_addresses(), now), {"notified_at": now}
        frozen = freeze_letter(row.issue)
        shown = {"notified_at": now, "content_hash": frozen.content_hash, "text": frozen.text}
        return reminder_mails.build_reminder(row, recipient_addresses(), now, frozen=frozen), shown


def send_due(now: datetime) -> int:
    return ReminderMailQueue().send_due(now)


def approve(reminder: Reminder, now: datetime) -> Mailing | None:
    """Schedule the letter's content for its slot; return None if there was an answer already.

    Raises NotASlot, IssueChanged if the issue was edited since, or PlanningError if it cannot be sent as it is.
    """
    if not is_slot(reminder.slot_at):
        raise NotASlot
    assert reminder.issue is not None  # noqa: S101 - letters always have an issue
    with transaction.atomic():
        if not reminder.store_answer(Response.APPROVED, now):
            return None
        return _schedule(reminder, reminder.issue, now)


def _schedule(reminder: Reminder, issue: Issue, now: datetime) -> Mailing:
    """Approve within the caller's transaction; raises IssueChanged if an edit came in between."""
    hold = approving.hold_duration(Publication.objects.current())
    mailing = approving.approve(issue, send_at=reminder.slot_at, now=now, hold=hold)
    if mailing.content_hash != reminder.content_hash:
        raise IssueChanged
    return mailing


def move(reminder: Reminder, now: datetime) -> bool:
    """Move the slot by a week, to the same local time; the author gets reminders for the new slot."""
    to = week_later(reminder.slot_at)
    with transaction.atomic():
        given = reminder.store_answer(Response.MOVED, now, moved_to=to)
        if given and (slot := _slot_of(reminder)):
            local = timezone.localtime(to, Publication.objects.fresh().zone)
            schedule.move_slot(slot.day, now, to_on=local.date(), to_at=local.time())
    return given


def skip(reminder: Reminder, now: datetime) -> bool:
    with transaction.atomic():
        given = reminder.store_answer(Response.SKIPPED, now)
        if given and (slot := _slot_of(reminder)):
            schedule.skip_slot(slot.day, now)
    return given


def _slot_of(reminder: Reminder) -> Slot | None:
    return schedule.slot_at(Publication.objects.fresh(), reminder.slot_at)


def week_later(slot_at: datetime) -> datetime:
    """The same local time a week later, or the first such time after a vacation, in UTC."""
    publication = Publication.objects.current()
    local = timezone.localtime(slot_at, publication.zone)
    weekly = Cadence(local.date(), local.time(), publication.zone, days=7)
    vacations = Shifts(vacations=schedule.shifts_from(publication, slot_at).vacations)
    return cadence.next_slot(weekly, vacations, after=slot_at)


def send_unanswered(now: datetime) -> int:
    """Approve unanswered letters at their slot, unless there is a `reason_not_to_send`; return how many.

    Only the letter's content is sent. A slot recorded as missed is not sent any more.
    """
    publication = Publication.objects.fresh()
    if publication.unapproved != Publication.Unapproved.GO:
        return 0
    soon = now + approving.hold_duration(publication) + SCHEDULE_AHEAD
    due = Reminder.objects.unanswered().filter(slot_at__lte=soon, slot_at__gt=now - beginning.LATE_AFTER)
    return sum(_send_unanswered_letter(one, now) for one in due.select_related("issue"))


def _send_unanswered_letter(reminder: Reminder, now: datetime) -> bool:
    issue = reminder.issue
    if issue is None or was_approved_since(reminder) or reason_not_to_send(reminder, now):
        return False
    try:
        with transaction.atomic():
            _schedule(reminder, issue, now)
    except (IssueChanged, PlanningError):  # edited at this moment: `record_missed` reports it
        return False
    return True


Reason = Reminder.Reason
SLOTS_CHECKED = 5  # ahead or back: a rule or a move may have them close together
UNREMINDED_WITHIN = timedelta(days=3)  # for slots without a reminder, because nothing was running
RHYTHM_FIXED_BEFORE = timedelta(hours=24)  # a later change of the rhythm creates slots that nobody could meet


def is_slot(at: datetime) -> bool:
    return schedule.slot_at(Publication.objects.fresh(), at) is not None


def has_mailing_on_day(slot_at: datetime) -> bool:
    zone = Publication.objects.current().zone
    midnight = timezone.localtime(slot_at, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    alive = Mailing.objects.filter(kind=Mailing.Kind.ISSUE).exclude(state=Mailing.State.CANCELLED)
    return alive.filter(send_at__gte=midnight, send_at__lt=midnight + timedelta(days=1)).exists()


def proposed_issue() -> Issue | None:
    return Issue.objects.unsent().exclude(mailings__state__in=Mailing.OPEN_STATES).first()


def was_approved_since(reminder: Reminder) -> bool:
    """Whether the issue has a mailing: one not cancelled, or one approved after the letter, even if cancelled again."""
    assert reminder.issue is not None  # noqa: S101 - letters always have an issue
    mailings = reminder.issue.mailings.filter(kind=Mailing.Kind.ISSUE)
    alive = ~Q(state=Mailing.State.CANCELLED)
    return mailings.filter(alive | Q(approved_at__gte=reminder.at)).exists()


def reason_not_to_send(letter: Reminder, now: datetime) -> tuple[Reminder.Reason, str] | None:
    """Why a letter's issue must not be sent automatically, with details as sentences; None if it may."""
    assert letter.issue is not None  # noqa: S101 - letters always have an issue
    if not is_slot(letter.slot_at):
        return Reason.OFF_RHYTHM, ""
    if neighbour := _nearby_issue_time(letter.slot_at):
        return Reason.TOO_SOON, neighbour
    frozen = freeze_letter(letter.issue)
    if sentences := _obstacle_sentences(letter.issue, max(letter.slot_at, now), frozen):
        return Reason.OBSTACLE, sentences
    if letter.notified_at is None or letter.content_hash != frozen.content_hash:
        return (Reason.UNTOLD if letter.notified_at is None else Reason.EDITED), ""
    with translation.override(Publication.objects.current().language):
        if sentence := approving.losses_sentence(letter.issue, letter=frozen):
            return Reason.UNSHOWN, sentence
    may_go_unapproved = Publication.objects.fresh().unapproved == Publication.Unapproved.GO
    is_in_time = now - letter.slot_at < beginning.LATE_AFTER
    reason = Reason.DOWN if may_go_unapproved else Reason.UNANSWERED
    return None if may_go_unapproved and is_in_time else (reason, "")


def _obstacle_sentences(issue: Issue, send_at: datetime, frozen: FrozenLetter) -> str:
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        return " ".join(obstacles(issue, send_at, letter=frozen))


def _nearby_issue_time(slot_at: datetime) -> str:
    """The time of another issue too close to the slot, as text; "" if there is none."""
    publication = Publication.objects.current()
    day, days = slot_at.astimezone(publication.zone).date(), schedule.cadence_of(publication).days_between
    reach = timedelta(days=days)
    alive = Mailing.objects.filter(kind=Mailing.Kind.ISSUE).exclude(state=Mailing.State.CANCELLED)
    times = alive.filter(send_at__gt=slot_at - reach, send_at__lt=slot_at + reach).values_list("send_at", flat=True)
    near = (timezone.localtime(at, publication.zone) for at in times.order_by("send_at"))
    first = next((at for at in near if abs((at.date() - day).days) < days), None)
    with translation.override(publication.language):
        return date_format(first, "DATETIME_FORMAT") if first else ""


def missed_slots(now: datetime) -> Iterator[Reminder]:
    """Yield an unsaved row for each recently missed slot that is not recorded yet."""
    publication = Publication.objects.fresh()
    passed = Reminder.objects.unanswered().filter(slot_at__lte=now, slot_at__gt=now - MISSED_MAILED_FOR)
    recorded = Reminder.objects.filter(kind=Kind.MISSED).values("slot_at")
    for letter in passed.exclude(slot_at__in=recorded).select_related("issue"):
        is_missed = not was_approved_since(letter) and not schedule.is_slot_removed(publication, letter.slot_at)
        if is_missed and (why := reason_not_to_send(letter, now)):
            yield _missed_row(letter.slot_at, letter.issue, why, now)
    if (slot_at := _unreminded_slot(publication, now)) and (issue := proposed_issue()) and issue.created_at < slot_at:
        sentences = _obstacle_sentences(issue, slot_at, freeze_letter(issue))
        yield _missed_row(slot_at, issue, (Reason.OBSTACLE if sentences else Reason.DOWN, sentences), now)


def _missed_row(slot_at: datetime, issue: Issue | None, why: tuple[Reminder.Reason, str], now: datetime) -> Reminder:
    row = {"kind": Kind.MISSED, "slot_at": slot_at, "issue": issue, "at": now, "due_at": now}
    return Reminder(reason=why[0], detail=why[1], **row)


def _unreminded_slot(publication: Publication, now: datetime) -> datetime | None:
    """The last slot, if it has no letter and no mailing that day, and was not made by a late change of the rhythm."""
    recent = schedule.next_slots(publication, after=now - UNREMINDED_WITHIN, count=SLOTS_CHECKED)
    slot_at = max((at for at in recent if at <= now), default=None)
    if slot_at is None:
        return None
    reminded = Reminder.objects.filter(slot_at=slot_at)
    could_be_met = publication.updated_at <= slot_at - RHYTHM_FIXED_BEFORE or reminded.exists()
    has_letter = reminded.exclude(kind=Kind.DRAFT).exists()
    return None if not could_be_met or has_letter or has_mailing_on_day(slot_at) else slot_at
