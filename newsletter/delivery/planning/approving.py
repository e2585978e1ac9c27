"""Schedules mailings with a frozen letter: obstacles, audience, approval, correction and replacement of the text."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from newsletter.delivery.letter.losses import Loss, losses, losses_digest, weigh_letter
from newsletter.delivery.letter.rendering import FrozenLetter, freeze_letter
from newsletter.delivery.links import rewriting
from newsletter.delivery.models import Batch, Delivery, Mailing, Quote, Trial
from newsletter.delivery.models.mailing import MailingStep
from newsletter.delivery.models.replies import QuoteQuerySet
from newsletter.issues.models import Issue
from newsletter.mail import reach
from newsletter.posts.models import UPLOAD_MARK, Revision
from newsletter.publication.changes import Change
from newsletter.publication.models import Publication
from subscribers.models import Subscriber, SubscriberQuerySet

RECEIVED_STATES = [Delivery.State.SENT, Delivery.State.UNCERTAIN]  # or may have got it


def count_copies(issue: Issue) -> int:
    """Deliveries of `issue` that were sent or are uncertain, by the counters of its batches."""
    batches = Batch.objects.filter(mailing__in=planned_mailing_ids(issue))
    count: int = batches.aggregate(sum=Sum(F("sent") + F("uncertain"), default=0))["sum"]
    return count


def planned_mailing_ids(issue: Issue) -> list[int]:
    """The keys of the issue's planned mailings, without corrections."""
    planned = issue.mailings.filter(kind=Mailing.Kind.ISSUE, planned_at__isnull=False)
    return list(planned.order_by("pk").values_list("pk", flat=True))


def _deliveries_of(mailings: list[int]) -> QuerySet[Delivery]:
    return Delivery.objects.filter(mailing_id__in=mailings)


def audience(mailing: Mailing, now: datetime) -> SubscriberQuerySet:
    """The readers of a mailing. A correction goes to the mailable readers who have a copy of the issue.

    An issue goes to those of its segment without a delivery of it, not even a failed one; skipped ones do not count,
    because the reader was paused or the mailing cancelled. Once deliveries were deleted nothing is planned: see
    `are_deliveries_deleted`.
    """
    readers = Subscriber.objects.mailable(now)
    of_reader = Q(subscriber=OuterRef("pk"))
    if mailing.kind == Mailing.Kind.CORRECTION:
        had_it = _deliveries_of(planned_mailing_ids(mailing.issue)).filter(state__in=RECEIVED_STATES)
        return readers.filter(Exists(had_it.filter(of_reader)))
    if mailing.segment:
        tag = mailing.segment[1:]
        readers = readers.tagged(tag) if mailing.segment.startswith("+") else readers.untagged(tag)
    if not (former := [pk for pk in planned_mailing_ids(mailing.issue) if pk != mailing.pk]):
        return readers
    return readers.filter(~Exists(_deliveries_of(former).filter(of_reader).exclude(state=Delivery.State.SKIPPED)))


def reassign_copies(reader: Subscriber, other: Subscriber) -> None:
    """Give `reader`, who takes over the address of `other`, their deliveries: the mailbox already has those issues.

    A delivery of the same issue that `reader` never got is detached: if it waits, it is skipped.
    """
    theirs = Delivery.objects.filter(subscriber=other.pk, state__in=RECEIVED_STATES)
    own = Delivery.objects.filter(subscriber=reader.pk)
    for missed in own.exclude(state__in=RECEIVED_STATES).select_related("mailing"):
        same = theirs.filter(mailing__issue=missed.mailing.issue_id, mailing__kind=missed.mailing.kind)
        if same.exists():
            own.filter(mailing=missed.mailing_id).update(subscriber=None)
    theirs.exclude(mailing__in=list(own.values_list("mailing", flat=True))).update(subscriber=reader.pk)


def are_deliveries_deleted(issue: Issue) -> bool:
    """Whether deliveries of `issue` were deleted. Locks its mailings: none are deleted until the transaction ends."""
    former = Mailing.objects.select_for_update(no_key=True).filter(pk__in=planned_mailing_ids(issue)).order_by("pk")
    return any(former.values_list("copies_deleted_at", flat=True))


def has_unsettled_batches(issue: Issue) -> bool:
    """Whether a worker may still hold batches of a cancelled mailing of `issue`.

    Until they are settled, the audience of another mailing is not known.
    """
    unsettled = Batch.objects.filter(mailing__issue=issue, mailing__state=Mailing.State.CANCELLED)
    return unsettled.exclude(state=Batch.State.DONE).exists()


class PlanningError(Exception):
    """An issue cannot be sent as it is. The message says why, in the author's language."""


def obstacles(issue: Issue, send_at: datetime, *, letter: FrozenLetter | Mailing | None = None) -> list[str]:
    """Reasons why `issue` cannot be sent at `send_at`, as sentences for its author; [] if it can.

    letter: its frozen letter; None to freeze it here.
    """
    return issue_obstacles(issue, send_at, letter=letter) + reach_obstacles()


def reach_obstacles(mailer: str = "bulk") -> list[str]:
    """The obstacle that nobody could get an issue from this installation; [] otherwise."""
    return list(filter(None, [reach.obstacle(mailer)]))


def issue_obstacles(issue: Issue, send_at: datetime, *, letter: FrozenLetter | Mailing | None = None) -> list[str]:
    """The obstacles that lie in the issue."""
    found = obstacles_without_letter(issue, send_at)
    return found if issue.imported_at else found + size_obstacles(issue, letter or freeze_letter(issue))


def obstacles_without_letter(issue: Issue, send_at: datetime) -> list[str]:
    """Those of the issue's obstacles that need no rendering, which is most of the work."""
    if issue.imported_at:
        return [imported_obstacle(issue)]
    if not Publication.objects.current().is_set_up:
        return [_("The newsletter has no name yet: readers would not know whose letter it is. Set it up at the desk.")]
    if deleted := deleted_deliveries_obstacles(issue):
        return deleted
    posts = [item.post for item in issue.items.select_related("post")]
    reasons = []
    if not posts:
        reasons.append(_("Issue %(number)d has no posts yet.") % {"number": issue.number})
    if not issue.subject.strip():
        reasons.append(_("Issue %(number)d has no subject yet.") % {"number": issue.number})
    reasons += [
        _("“%(title)s” will not be public when the issue is sent. Publish it, or take it out.") % {"title": post.title}
        for post in posts
        if not post.is_published(send_at)
    ]
    texts = [*(post.body for post in posts), issue.introduction, issue.closing]
    if any(UPLOAD_MARK in text for text in texts):
        reasons.append(_("A picture has not been uploaded whole. Upload it again, or take it out."))
    if was_sent_to_all(issue):
        reasons.append(_("Issue %(number)d was sent already.") % {"number": issue.number})
    return reasons


def imported_obstacle(issue: Issue) -> str:
    text = _("Issue %(number)d was sent by another program. It belongs to the archive, and is never mailed from here.")
    return text % {"number": issue.number}


def deleted_deliveries_obstacles(issue: Issue) -> list[str]:
    """The obstacle that deliveries were deleted, so that nobody knows who has the issue; [] otherwise."""
    if not issue.mailings.filter(copies_deleted_at__isnull=False).exists():
        return []
    text = _("The list of who got issue %(number)d was deleted, as KEEP_DELIVERIES_DAYS says. It is not mailed again.")
    return [text % {"number": issue.number}]


def size_obstacles(issue: Issue, letter: FrozenLetter | Mailing) -> list[str]:
    refusal = weigh_letter(issue, letter).refusal()
    return [refusal] if refusal else []


def mailing_obstacles(mailing: Mailing, send_at: datetime, letter: FrozenLetter | None = None) -> list[str]:
    """Reasons why a scheduled mailing cannot be sent at `send_at`. letter: instead of its own."""
    if mailing.kind != Mailing.Kind.CORRECTION:
        found = issue_obstacles(mailing.issue, send_at, letter=letter or mailing)
        return found + reach_obstacles(mailing.mailer)
    return correction_obstacles(mailing.issue, mailing.note) + (size_obstacles(mailing.issue, letter) if letter else [])


def was_sent_to_all(issue: Issue) -> bool:
    return issue.mailings.filter(kind=Mailing.Kind.ISSUE, state=Mailing.State.SENT, segment="").exists()


def correction_obstacles(issue: Issue, note: str) -> list[str]:
    if issue.imported_at:
        return [imported_obstacle(issue)]
    if deleted := deleted_deliveries_obstacles(issue):
        return deleted
    reasons = []
    if issue.mailings.open().filter(kind=Mailing.Kind.ISSUE).exists():
        reasons.append(_("The issue is still being sent. Pause it and use the current text for those who wait."))
    if not count_copies(issue):
        reasons.append(
            _("Nobody has a copy of issue %(number)d, so there is nothing to correct.") % {"number": issue.number}
        )
    if not note.strip():
        reasons.append(_("Say in a sentence what was wrong."))
    return reasons + reach_obstacles()


def can_be_corrected(issue: Issue) -> bool:
    is_over = not issue.imported_at and not issue.mailings.open().exists()
    return is_over and bool(count_copies(issue)) and not deleted_deliveries_obstacles(issue)


API_HOLD_MIN = timedelta(minutes=15)
LOSSES_NAMED = 3  # in one sentence


def hold_duration(publication: Publication) -> timedelta:
    return timedelta(minutes=publication.hold_minutes)


def api_hold_time(publication: Publication) -> timedelta:
    """The hold for mailings scheduled by the API: the author needs time to read the announcement."""
    return max(hold_duration(publication), API_HOLD_MIN)


def approve(
    issue: Issue,
    *,
    send_at: datetime | None,
    now: datetime,
    hold: timedelta,
    segment: str = "",
    acknowledged: str = "",
    letter: FrozenLetter | None = None,
) -> Mailing:
    """Freeze `issue` and schedule it. A second call (a double click, another tab) returns the same mailing.

    send_at: None means now. Never begins before `hold` has passed, so that it can be cancelled in time.
    segment: as in Mailing; fixed from here on.
    acknowledged: losses_digest of the losses that the author has accepted.
    letter: as the author has seen it, which is sent even if an edit follows; None to freeze it here.
    Raises PlanningError if the issue cannot be sent as it is.
    """
    begins = max(send_at or now, now + hold)
    if under_way := issue.mailings.open().filter(kind=Mailing.Kind.ISSUE).first():
        return under_way
    letter = letter or freeze_letter(issue)
    if reasons := obstacles(issue, begins, letter=letter):
        raise PlanningError(" ".join(reasons))
    check_acknowledged(issue, letter, acknowledged)
    Trial.objects.throw_away(issue)  # of a time without a mail server
    return _schedule(Mailing(issue=issue, segment=segment, approved_at=now, send_at=begins), letter)


def check_acknowledged(issue: Issue, letter: FrozenLetter, acknowledged: str, note: str = "") -> None:
    lost = losses(issue, letter, note)
    if lost and losses_digest(lost) != acknowledged:
        raise PlanningError(_losses_text(lost))


def losses_sentence(issue: Issue, *, letter: FrozenLetter | None = None) -> str:
    lost = losses(issue, letter or freeze_letter(issue))
    return _losses_text(lost) if lost else ""


def _losses_text(lost: Sequence[Loss]) -> str:
    text = _("Readers would not get everything as it was typed: %(losses)s. Fix it, or say on the desk that you know.")
    return text % {"losses": _("; ").join(map(str, lost[:LOSSES_NAMED]))}


def schedule_correction(
    issue: Issue,
    *,
    note: str,
    send_at: datetime | None,
    now: datetime,
    hold: timedelta,
    acknowledged: str = "",
    letter: FrozenLetter | None = None,
) -> Mailing:
    """Schedule a correction to readers who have a copy: the issue as it is now, below `note` (Markdown).

    letter: the correction as the author has seen it; None to freeze it here.
    A second call returns the same mailing while it is open. Raises PlanningError if there is nothing to correct, or
    something to acknowledge as in `approve`.
    """
    if under_way := issue.mailings.open().filter(kind=Mailing.Kind.CORRECTION).first():
        return under_way
    if reasons := correction_obstacles(issue, note):
        raise PlanningError(" ".join(reasons))
    begins, note = max(send_at or now, now + hold), note.strip()
    letter = letter or freeze_letter(issue, note)
    if reasons := size_obstacles(issue, letter):
        raise PlanningError(" ".join(reasons))
    check_acknowledged(issue, letter, acknowledged, note)
    kind = Mailing.Kind.CORRECTION
    return _schedule(Mailing(issue=issue, kind=kind, note=note, approved_at=now, send_at=begins), letter)


def _schedule(mailing: Mailing, letter: FrozenLetter) -> Mailing:
    """Number the mailing, add its content and save it. If another click was first, return its mailing.

    Even if it was cancelled after this click: the cancellation counts for both clicks.
    """
    if mailing.issue.imported_at:  # the last of several checks
        raise PlanningError(imported_obstacle(mailing.issue))
    for name, value in letter.columns().items():
        setattr(mailing, name, value)
    mailing.counts_links = Publication.objects.current().counts_links
    with transaction.atomic():
        Issue.objects.select_for_update(no_key=True).get(pk=mailing.issue_id)  # the other click waits here
        former = mailing.issue.mailings.filter(kind=mailing.kind).order_by("-number").first()
        if former and former.was_open_at(mailing.approved_at):
            return former
        mailing.number = former.number + 1 if former else 1
        # A withdrawal of a quote waits for this lock, then sees the mailing; after an earlier one this check fails.
        _check_quotes(mailing.issue, letter, Quote.objects.select_for_update().order_by("pk"))
        mailing.save(force_insert=True)
        rewriting.store_links(mailing)
        mailing.record(MailingStep.Kind.APPROVED, mailing.content_hash, mailing.approved_at, send_at=mailing.send_at)
        Change.objects.log(Change.Action.ADDED, [mailing], {"issue": str(mailing.issue)}, at=mailing.approved_at)
        Revision.objects.mark(mailing.issue.posts.all(), what="mailed", at=mailing.approved_at)
    return mailing


def _check_quotes(issue: Issue, letter: FrozenLetter, among: QuoteQuerySet) -> None:
    if len(among.filter(pk__in=letter.quote_ids, issue=issue).values_list("pk")) < len(letter.quote_ids):
        raise PlanningError(_("A quote in this letter has just been taken back. Look at the letter again."))


def refreeze(mailing: Mailing, *, now: datetime, acknowledged: str = "") -> bool:
    """Replace the frozen content by the issue as it is now, for readers not yet mailed.

    Only while scheduled or paused; returns False otherwise. Raises PlanningError if the issue could not be approved
    as it is now, or if there is something to acknowledge, as in `approve`.
    """
    stopped = Mailing.objects.filter(pk=mailing.pk, state__in=[Mailing.State.SCHEDULED, Mailing.State.PAUSED])
    if not stopped.exists():
        return False
    letter = freeze_letter(mailing.issue, mailing.note)
    if reasons := mailing_obstacles(mailing, max(mailing.send_at, now), letter):
        raise PlanningError(" ".join(reasons))
    check_acknowledged(mailing.issue, letter, acknowledged, mailing.note)
    with transaction.atomic():
        mailing.lock()  # a withdrawal of a quote waits here, then freezes the letter again without the quote
        _check_quotes(mailing.issue, letter, Quote.objects.all())
        replaced = stopped.update(**letter.columns(), counts_links=Publication.objects.current().counts_links)
        if replaced:
            stopped.filter(paused_by=Mailing.Cause.QUOTE).update(paused_by=Mailing.Cause.AUTHOR)
            rewriting.store_links(Mailing.objects.get(pk=mailing.pk))
            mailing.record(MailingStep.Kind.REPLACED, letter.content_hash)
            Revision.objects.mark(mailing.issue.posts.all(), what="mailed", at=timezone.now())
    return bool(replaced)


def reschedule(mailing: Mailing, *, send_at: datetime, now: datetime, hold: timedelta) -> bool:
    """Move a scheduled mailing to another time; return False if it has begun."""
    waiting = Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SCHEDULED)
    begins = max(send_at, now + hold)
    with transaction.atomic():
        if waiting.exclude(send_at=begins).update(send_at=begins):
            mailing.record(MailingStep.Kind.MOVED, at=now, send_at=begins)
            return True
    return waiting.exists()


def end_hold(mailing: Mailing, *, now: datetime) -> bool:
    """Let a scheduled mailing begin at once, without its hold; return False if it has begun or was stopped.

    Raises PlanningError if it cannot be sent now.
    """
    waiting = Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SCHEDULED)
    if not waiting.exists():
        return False
    if reasons := mailing_obstacles(mailing, now):
        raise PlanningError(" ".join(reasons))
    with transaction.atomic():
        if waiting.filter(send_at__gt=now).update(send_at=now):
            mailing.record(MailingStep.Kind.AT_ONCE, at=now)
            return True
    return waiting.exists()
