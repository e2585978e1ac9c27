"""From the author's click to a scheduled mailing with a frozen letter: what keeps an issue from it, and who gets it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from newsletter.delivery.letter.losses import Loss, digest_of, losses, weigh
from newsletter.delivery.letter.rendering import FrozenLetter, freeze
from newsletter.delivery.links import rewriting
from newsletter.delivery.models import Batch, Delivery, Mailing, Quote
from newsletter.delivery.models.mailing import Step
from newsletter.delivery.models.replies import QuoteQuerySet
from newsletter.issues.models import Issue
from newsletter.posts.models import Revision
from newsletter.publication.changes import Change
from newsletter.publication.models import Publication
from subscribers.models import Subscriber, SubscriberQuerySet

HAD_IT = [Delivery.State.SENT, Delivery.State.UNCERTAIN]  # or may have had it


def copies(issue: Issue) -> int:
    """Return how many copies of `issue` readers have, or may have, as its batches have counted them."""
    have_it = F("sent") + F("uncertain")
    counted: int = Batch.objects.filter(mailing__in=former_of(issue)).aggregate(sum=Sum(have_it, default=0))["sum"]
    return counted


def former_of(issue: Issue) -> list[int]:
    """Return the planned mailings of `issue` itself, few: a reader's copy of each is one look into the index."""
    planned = issue.mailings.filter(kind=Mailing.Kind.ISSUE, planned_at__isnull=False)
    return list(planned.order_by("pk").values_list("pk", flat=True))


def _copies_in(mailings: list[int]) -> QuerySet[Delivery]:
    return Delivery.objects.filter(mailing_id__in=mailings)


def audience(mailing: Mailing, now: datetime) -> SubscriberQuerySet:
    """Return who gets this mailing: of the mailable, a correction's are those who have a copy of the issue.

    An issue's are those of its segment without a copy, even one that failed. One that was skipped, because its
    reader rested or its mailing was cancelled, is none. Once copies of an issue
    are deleted nothing is planned: see `is_deleted`.
    """
    readers = Subscriber.objects.mailable(now)
    own = Q(subscriber=OuterRef("pk"))
    if mailing.kind == Mailing.Kind.CORRECTION:
        had_it = _copies_in(former_of(mailing.issue)).filter(state__in=HAD_IT)
        return readers.filter(Exists(had_it.filter(own)))
    if mailing.segment:
        tag = mailing.segment[1:]
        readers = readers.tagged(tag) if mailing.segment.startswith("+") else readers.untagged(tag)
    if not (former := [pk for pk in former_of(mailing.issue) if pk != mailing.pk]):
        return readers
    return readers.filter(~Exists(_copies_in(former).filter(own).exclude(state=Delivery.State.SKIPPED)))


def take_over(reader: Subscriber, other: Subscriber) -> None:
    """Give a reader the copies of another, whose address they get: this mailbox has them, and gets none again.

    A copy of the same issue that the reader never had loses its reader: if it waits, it is skipped as that of somebody
    who is gone.
    """
    theirs = Delivery.objects.filter(subscriber=other.pk, state__in=HAD_IT)
    own = Delivery.objects.filter(subscriber=reader.pk)
    for missed in own.exclude(state__in=HAD_IT).select_related("mailing"):
        same = theirs.filter(mailing__issue=missed.mailing.issue_id, mailing__kind=missed.mailing.kind)
        if same.exists():
            own.filter(mailing=missed.mailing_id).update(subscriber=None)
    theirs.exclude(mailing__in=list(own.values_list("mailing", flat=True))).update(subscriber=reader.pk)


def is_deleted(issue: Issue) -> bool:
    """Return whether copies of `issue` are no more; if not, none will be until the transaction ends."""
    former = Mailing.objects.select_for_update(no_key=True).filter(pk__in=former_of(issue)).order_by("pk")
    return any(former.values_list("copies_deleted_at", flat=True))


def is_unsettled(issue: Issue) -> bool:
    """Return whether a cancelled mailing of `issue` may still have copies in a worker's hands.

    Until they are settled nobody knows who has a copy, and whom a second mailing must not forget.
    """
    unsettled = Batch.objects.filter(mailing__issue=issue, mailing__state=Mailing.State.CANCELLED)
    return unsettled.exclude(state=Batch.State.DONE).exists()


class PlanningError(Exception):
    """An issue cannot be sent as it is; the message says why, in the author's language."""


def obstacles(issue: Issue, send_at: datetime, *, letter: FrozenLetter | Mailing | None = None) -> list[str]:
    """Return what keeps `issue` from being sent at `send_at`, in sentences for its author; [] if nothing does.

    letter: the issue as it is frozen already; None to freeze it here.
    """
    found = unready(issue, send_at)
    return found if issue.imported_at else found + too_large(issue, letter or freeze(issue))


def unready(issue: Issue, send_at: datetime) -> list[str]:
    """Return the obstacles that can be seen without the letter: to render it is most of the work."""
    if issue.imported_at:
        return [from_elsewhere(issue)]
    if gone := copies_are_gone(issue):
        return gone
    posts = [item.post for item in issue.items.select_related("post")]
    found = []
    if not posts:
        found.append(_("Issue %(number)d has no posts yet.") % {"number": issue.number})
    if not issue.subject.strip():
        found.append(_("Issue %(number)d has no subject yet.") % {"number": issue.number})
    found += [
        _("“%(title)s” will not be public when the issue is sent. Publish it, or take it out.") % {"title": post.title}
        for post in posts
        if not post.is_published(send_at)
    ]
    if was_sent_to_all(issue):
        found.append(_("Issue %(number)d was sent already.") % {"number": issue.number})
    return found


def from_elsewhere(issue: Issue) -> str:
    words = _("Issue %(number)d was sent by another program. It belongs to the archive, and is never mailed from here.")
    return words % {"number": issue.number}


def copies_are_gone(issue: Issue) -> list[str]:
    """Return that an issue is never mailed again, as nobody knows who has it; [] while its copies are kept."""
    if not issue.mailings.filter(copies_deleted_at__isnull=False).exists():
        return []
    words = _("The list of who got issue %(number)d was deleted, as KEEP_DELIVERIES_DAYS says. It is not mailed again.")
    return [words % {"number": issue.number}]


def too_large(issue: Issue, letter: FrozenLetter | Mailing) -> list[str]:
    refusal = weigh(issue, letter).refusal()
    return [refusal] if refusal else []


def obstacles_of(mailing: Mailing, send_at: datetime) -> list[str]:
    """Return what keeps a mailing that is scheduled from being sent at `send_at`."""
    if mailing.kind == Mailing.Kind.CORRECTION:
        return obstacles_to_correcting(mailing.issue, mailing.note)
    return obstacles(mailing.issue, send_at, letter=mailing)


def was_sent_to_all(issue: Issue) -> bool:
    """Return whether a mailing of `issue` to everybody is finished; one to a segment leaves the others to be mailed."""
    return issue.mailings.filter(kind=Mailing.Kind.ISSUE, state=Mailing.State.SENT, segment="").exists()


def obstacles_to_correcting(issue: Issue, note: str) -> list[str]:
    """Return what keeps a correction of `issue` from being sent, in sentences for its author."""
    if issue.imported_at:
        return [from_elsewhere(issue)]
    if gone := copies_are_gone(issue):
        return gone
    found = []
    if issue.mailings.open().filter(kind=Mailing.Kind.ISSUE).exists():
        found.append(_("The issue is still being sent. Pause it and use the current text for those who wait."))
    if not copies(issue):
        found.append(
            _("Nobody has a copy of issue %(number)d, so there is nothing to correct.") % {"number": issue.number}
        )
    if not note.strip():
        found.append(_("Say in a sentence what was wrong."))
    return found


def can_be_corrected(issue: Issue) -> bool:
    """Return whether somebody has a copy of `issue`, and nothing of it is under way."""
    is_over = not issue.imported_at and not issue.mailings.open().exists()
    return is_over and bool(copies(issue)) and not copies_are_gone(issue)


PROGRAM_HOLD = timedelta(minutes=15)
LOSSES_TOLD = 3  # of an issue, in one sentence


def hold_of(publication: Publication) -> timedelta:
    return timedelta(minutes=publication.hold_minutes)


def hold_for_programs(publication: Publication) -> timedelta:
    """Return the hold of what a program schedules: its author was not there, and needs time to read the mail."""
    return max(hold_of(publication), PROGRAM_HOLD)


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
    """Freeze `issue` and schedule it; a second call (a double click, another tab) returns the same mailing.

    send_at: None means now. Never begins before `hold` has passed, so that a cancel reaches nobody.
    segment: as in Mailing; fixed from here on.
    acknowledged: losses.digest_of what the author has seen that readers will not be shown, to send it all the same.
    letter: the issue as the author has seen it, which is sent even if an edit comes now; None to freeze it here.
    Raises PlanningError when the issue cannot be sent as it is.
    """
    begins = max(send_at or now, now + hold)
    if under_way := issue.mailings.open().filter(kind=Mailing.Kind.ISSUE).first():
        return under_way
    letter = letter or freeze(issue)
    if reasons := obstacles(issue, begins, letter=letter):
        raise PlanningError(" ".join(reasons))
    check_acknowledged(issue, letter, acknowledged)
    return _schedule(Mailing(issue=issue, segment=segment, approved_at=now, send_at=begins), letter)


def check_acknowledged(issue: Issue, letter: FrozenLetter, acknowledged: str, note: str = "") -> None:
    """Raise PlanningError if readers of `letter` would miss something that its author has not acknowledged."""
    lost = losses(issue, letter, note)
    if lost and digest_of(lost) != acknowledged:
        raise PlanningError(in_words(lost))


def unshown(issue: Issue, *, letter: FrozenLetter | None = None) -> str:
    """Return what readers of `issue` would not get as it was typed, in a sentence; "" if there is nothing.

    letter: the issue as it is frozen already; None to freeze it here.
    """
    lost = losses(issue, letter or freeze(issue))
    return in_words(lost) if lost else ""


def in_words(lost: Sequence[Loss]) -> str:
    words = _(
        "Readers would not get everything as it was typed: %(losses)s. Mend it, or say at the desk that you know."
    )
    return words % {"losses": _("; ").join(map(str, lost[:LOSSES_TOLD]))}


def correct(
    issue: Issue,
    *,
    note: str,
    send_at: datetime | None,
    now: datetime,
    hold: timedelta,
    acknowledged: str = "",
    letter: FrozenLetter | None = None,
) -> Mailing:
    """Schedule a correction to those who have a copy: the issue as it is now, below `note` (Markdown).

    letter: the correction as the author has seen it; None to freeze it here.
    A second call returns the same mailing while it is open. Raises PlanningError when there is nothing to correct,
    or something to acknowledge as in `approve`.
    """
    if under_way := issue.mailings.open().filter(kind=Mailing.Kind.CORRECTION).first():
        return under_way
    if reasons := obstacles_to_correcting(issue, note):
        raise PlanningError(" ".join(reasons))
    begins, note = max(send_at or now, now + hold), note.strip()
    letter = letter or freeze(issue, note)
    if reasons := too_large(issue, letter):
        raise PlanningError(" ".join(reasons))
    check_acknowledged(issue, letter, acknowledged, note)
    kind = Mailing.Kind.CORRECTION
    return _schedule(Mailing(issue=issue, kind=kind, note=note, approved_at=now, send_at=begins), letter)


def _schedule(mailing: Mailing, letter: FrozenLetter) -> Mailing:
    """Give a mailing its number and its content, and keep it; return the other click's, if that was first.

    Also if the other one was cancelled since this click: whoever has cancelled means both.
    """
    if mailing.issue.imported_at:  # the last of several bars: whoever asks, no mailing comes to be
        raise PlanningError(from_elsewhere(mailing.issue))
    for name, value in letter.columns().items():
        setattr(mailing, name, value)
    mailing.counts_links = Publication.objects.current().counts_links
    with transaction.atomic():
        Issue.objects.select_for_update(no_key=True).get(pk=mailing.issue_id)  # the other click waits here
        former = mailing.issue.mailings.filter(kind=mailing.kind).order_by("-number").first()
        if former and former.answers_click(mailing.approved_at):
            return former
        mailing.number = former.number + 1 if former else 1
        # A reader who takes a quote back waits for this, and finds the mailing; one who was first is found.
        _check_quotes(mailing.issue, letter, Quote.objects.select_for_update().order_by("pk"))
        mailing.save(force_insert=True)
        rewriting.keep(mailing)
        mailing.record(Step.What.APPROVED, mailing.content_hash, mailing.approved_at, send_at=mailing.send_at)
        Change.objects.log(Change.What.ADDED, [mailing], {"issue": str(mailing.issue)}, at=mailing.approved_at)
        Revision.objects.mark(mailing.issue.posts.all(), what="mailed", at=mailing.approved_at)
    return mailing


def _check_quotes(issue: Issue, letter: FrozenLetter, among: QuoteQuerySet) -> None:
    """Raise PlanningError if a quote in `letter` does not stand in `issue` any more."""
    if len(among.filter(pk__in=letter.quotes, issue=issue).values_list("pk")) < len(letter.quotes):
        raise PlanningError(_("A quote in this letter has just been taken back. Look at the letter again."))


def refreeze(mailing: Mailing, *, now: datetime, acknowledged: str = "") -> bool:
    """Replace the frozen content by the issue as it is now, for those not yet mailed.

    Possible while nothing is on its way: scheduled or paused. Returns False otherwise. Raises PlanningError when the
    issue could not be approved as it is now, or when there is something to acknowledge, as in `approve`.
    """
    stopped = Mailing.objects.filter(pk=mailing.pk, state__in=[Mailing.State.SCHEDULED, Mailing.State.PAUSED])
    if not stopped.exists():
        return False
    letter = freeze(mailing.issue, mailing.note)
    if reasons := _obstacles_to_replacing(mailing, letter, now):
        raise PlanningError(" ".join(reasons))
    check_acknowledged(mailing.issue, letter, acknowledged, mailing.note)
    with transaction.atomic():
        mailing.lock()  # from a reader who takes a quote back: what they find, they freeze again
        _check_quotes(mailing.issue, letter, Quote.objects.all())
        replaced = stopped.update(**letter.columns(), counts_links=Publication.objects.current().counts_links)
        if replaced:
            stopped.filter(paused_by=Mailing.Cause.QUOTE).update(paused_by=Mailing.Cause.AUTHOR)
            rewriting.keep(Mailing.objects.get(pk=mailing.pk))
            mailing.record(Step.What.REPLACED, letter.content_hash)
            Revision.objects.mark(mailing.issue.posts.all(), what="mailed", at=timezone.now())
    return bool(replaced)


def _obstacles_to_replacing(mailing: Mailing, letter: FrozenLetter, now: datetime) -> list[str]:
    if mailing.kind == Mailing.Kind.CORRECTION:
        return obstacles_to_correcting(mailing.issue, mailing.note) + too_large(mailing.issue, letter)
    return obstacles(mailing.issue, max(mailing.send_at, now), letter=letter)


def bring_forward(mailing: Mailing, *, send_at: datetime, now: datetime, hold: timedelta) -> bool:
    """Move a scheduled mailing to another time; return False when it has begun."""
    waiting = Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SCHEDULED)
    begins = max(send_at, now + hold)
    with transaction.atomic():
        if waiting.exclude(send_at=begins).update(send_at=begins):
            mailing.record(Step.What.MOVED, at=now, send_at=begins)
            return True
    return waiting.exists()


def end_hold(mailing: Mailing, *, now: datetime) -> bool:
    """Let a scheduled mailing begin at once, without its hold; return False when it has begun or was stopped.

    Raises PlanningError when it could not be sent as it is now.
    """
    waiting = Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SCHEDULED)
    if not waiting.exists():
        return False
    if reasons := obstacles_of(mailing, now):
        raise PlanningError(" ".join(reasons))
    with transaction.atomic():
        if waiting.filter(send_at__gt=now).update(send_at=now):
            mailing.record(Step.What.AT_ONCE, at=now)
            return True
    return waiting.exists()
