"""From the author's click to a scheduled mailing with a frozen letter, and what may change before it begins."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from newsletter.delivery.letter.losses import Loss, Unfilled, digest_of, losses
from newsletter.delivery.letter.rendering import FrozenLetter, freeze
from newsletter.delivery.links import kept
from newsletter.delivery.models import Mailing, Quote
from newsletter.delivery.models.history import Step
from newsletter.delivery.models.quotes import QuoteQuerySet
from newsletter.delivery.planning.obstacles import (
    PlanningError,
    from_elsewhere,
    obstacles,
    obstacles_of,
    obstacles_to_correcting,
    too_large,
)
from newsletter.issues.models import Issue
from newsletter.posts.models import Revision
from newsletter.publication.changes import Change
from newsletter.publication.models import Publication

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


def in_words(lost: Sequence[Loss | Unfilled]) -> str:
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
        kept.keep(mailing)
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
            kept.keep(Mailing.objects.get(pk=mailing.pk))
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
