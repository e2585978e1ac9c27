"""From the author's click to a fixed audience: approve an issue, and plan its deliveries when the time has come."""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate, pairwise

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from newsletter.delivery.cutting import sizes
from newsletter.delivery.letter.losses import Loss, Unfilled, digest_of, losses
from newsletter.delivery.letter.rendering import FrozenLetter, freeze
from newsletter.delivery.letter.size import weigh
from newsletter.delivery.links import kept
from newsletter.delivery.models import Batch, Delivery, Mailing, Pack, packs
from newsletter.delivery.models.history import Step
from newsletter.issues.indexing import index_issue
from newsletter.issues.models import Issue
from newsletter.mail.mailers import provider_name
from newsletter.posts.models import Revision
from newsletter.publication.models import Publication
from subscribers.models import Subscriber, SubscriberQuerySet

log = logging.getLogger(__name__)

BATCH = 4000  # deliveries that one worker holds, at the most
MACHINES = 8  # that batches are cut for, where there may be more than one: a few small ones more cost little
UNPACKING_SECONDS = 2.0  # of one look at what is due, for the copies of an issue that was sent long ago
LATE = timedelta(hours=6)  # an issue that missed its slot by more waits for its author
LOSSES_TOLD = 3  # of an issue, in one sentence


class PlanningError(Exception):
    """An issue cannot be sent as it is; the message says why, in the author's language."""


def hold_of(publication: Publication) -> timedelta:
    return timedelta(minutes=publication.hold_minutes)


def obstacles(issue: Issue, send_at: datetime, *, letter: FrozenLetter | Mailing | None = None) -> list[str]:
    """Return what keeps `issue` from being sent at `send_at`, in sentences for its author; [] if nothing does.

    letter: the issue as it is frozen already; None to freeze it here.
    """
    if issue.imported_at:
        return [_from_elsewhere(issue)]
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
    return found + _too_large(issue, letter or freeze(issue))


def _from_elsewhere(issue: Issue) -> str:
    words = _("Issue %(number)d was sent by another program. It belongs to the archive, and is never mailed from here.")
    return words % {"number": issue.number}


def _too_large(issue: Issue, letter: FrozenLetter | Mailing) -> list[str]:
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
        return [_from_elsewhere(issue)]
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
    return not issue.imported_at and not issue.mailings.open().exists() and bool(copies(issue))


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
    if reasons := _too_large(issue, letter):
        raise PlanningError(" ".join(reasons))
    check_acknowledged(issue, letter, acknowledged, note)
    kind = Mailing.Kind.CORRECTION
    return _schedule(Mailing(issue=issue, kind=kind, note=note, approved_at=now, send_at=begins), letter)


def _schedule(mailing: Mailing, letter: FrozenLetter) -> Mailing:
    """Give a mailing its number and its content, and keep it; the other click's, if that was first."""
    if mailing.issue.imported_at:  # the last of several bars: whoever asks, no mailing comes to be
        raise PlanningError(_from_elsewhere(mailing.issue))
    kin = mailing.issue.mailings.filter(kind=mailing.kind)
    former = kin.order_by("-number").first()
    mailing.number = former.number + 1 if former else 1
    for name, value in letter.columns().items():
        setattr(mailing, name, value)
    mailing.counts_links = Publication.objects.current().counts_links
    try:
        with transaction.atomic():
            mailing.save(force_insert=True)
            kept.keep(mailing)
            mailing.record(Step.What.APPROVED, mailing.content_hash, mailing.approved_at, send_at=mailing.send_at)
            Revision.objects.mark(mailing.issue.posts.all(), what="mailed", at=mailing.approved_at)
    except IntegrityError:
        return kin.open().get()
    return mailing


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
        replaced = stopped.update(**letter.columns(), counts_links=Publication.objects.current().counts_links)
        if replaced:
            stopped.filter(paused_by=Mailing.Cause.QUOTE).update(paused_by=Mailing.Cause.AUTHOR)
            kept.keep(Mailing.objects.get(pk=mailing.pk))
            mailing.record(Step.What.REPLACED, letter.content_hash)
            Revision.objects.mark(mailing.issue.posts.all(), what="mailed", at=timezone.now())
    return bool(replaced)


def _obstacles_to_replacing(mailing: Mailing, letter: FrozenLetter, now: datetime) -> list[str]:
    if mailing.kind == Mailing.Kind.CORRECTION:
        return obstacles_to_correcting(mailing.issue, mailing.note) + _too_large(mailing.issue, letter)
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


def begin_due(now: datetime) -> list[Mailing]:
    """Plan every mailing whose time has come; return those that began.

    One that is later than LATE, or late on a day that had an issue, is paused and says why:
    after a long night nothing goes out by surprise.
    """
    begun = []
    publication = Publication.objects.current()
    for mailing in Mailing.objects.due(now).select_related("issue"):
        if _is_unsettled(mailing.issue):
            continue
        with translation.override(publication.language), timezone.override(publication.zone):
            reason = _why_it_waits(mailing, now)
        if reason:
            mailing.pause(reason, Mailing.Cause.LATE)
        elif _unpack_former(mailing.issue) and plan(mailing, now):
            begun.append(mailing)
    return begun


def _unpack_former(issue: Issue) -> bool:
    """Make rows of packed copies of `issue`, of which the next audience depends, for some seconds; return if all are.

    They stay rows while a mailing of the issue is open.
    """
    until = time.monotonic() + UNPACKING_SECONDS
    for batch in Batch.objects.filter(pack__mailing__in=_former(issue)).select_related("mailing").order_by("pk"):
        with transaction.atomic():
            batch.mailing.lock()
            Mailing.objects.filter(pk=batch.mailing_id).update(packed_at=None)
            packs.unpack(Batch.objects.select_for_update().filter(pk=batch.pk))
        if time.monotonic() >= until:
            break
    return not Pack.objects.filter(mailing__in=_former(issue)).exists()


def _is_unsettled(issue: Issue) -> bool:
    """Return whether a cancelled mailing of `issue` may still have copies in a worker's hands.

    Until they are settled nobody knows who has a copy, and whom a second mailing must not forget.
    """
    unsettled = Batch.objects.filter(mailing__issue=issue, mailing__state=Mailing.State.CANCELLED)
    return unsettled.exclude(state=Batch.State.DONE).exists()


def _why_it_waits(mailing: Mailing, now: datetime) -> str:
    if mailing.issue.imported_at:
        return _from_elsewhere(mailing.issue)
    late = now - mailing.send_at
    was_due = date_format(localtime(mailing.send_at), "Y-m-d H:i")
    if late > LATE:
        return _("It was due at %(time)s, but nothing was running then. Send it now, or choose another time.") % {
            "time": was_due
        }
    midnight = localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    today = Mailing.objects.filter(kind=Mailing.Kind.ISSUE, planned_at__gte=midnight).exclude(issue=mailing.issue)
    is_issue = mailing.kind == Mailing.Kind.ISSUE
    if is_issue and late > timedelta(minutes=10) and today.exists():
        return _("It was due at %(time)s, and another issue went out today already.") % {"time": was_due}
    return ""


def copies(issue: Issue) -> int:
    """Return how many copies of `issue` readers have, or may have, as its batches have counted them."""
    have_it = F("sent") + F("uncertain")
    counted: int = Batch.objects.filter(mailing__in=_former(issue)).aggregate(sum=Sum(have_it, default=0))["sum"]
    return counted


def _former(issue: Issue) -> list[int]:
    """Return the planned mailings of `issue` itself, few: a reader's copy of each is one look into the index."""
    planned = issue.mailings.filter(kind=Mailing.Kind.ISSUE, planned_at__isnull=False)
    return list(planned.order_by("pk").values_list("pk", flat=True))


def _copies_in(mailings: list[int]) -> QuerySet[Delivery]:
    return Delivery.objects.filter(mailing_id__in=mailings)


def audience(mailing: Mailing, now: datetime) -> SubscriberQuerySet:
    """Return who gets this mailing: of the mailable, a correction's are those who have a copy of the issue.

    An issue's are those of its segment without a copy, even one that failed. One that was skipped, because its
    reader rested or its mailing was cancelled, is none. Packed copies are not seen: `plan` waits until there is none.
    """
    readers = Subscriber.objects.mailable(now)
    own = Q(subscriber=OuterRef("pk"))
    if mailing.kind == Mailing.Kind.CORRECTION:
        had_it = _copies_in(_former(mailing.issue)).filter(state__in=[Delivery.State.SENT, Delivery.State.UNCERTAIN])
        return readers.filter(Exists(had_it.filter(own)))
    if mailing.segment:
        tag = mailing.segment[1:]
        readers = readers.tagged(tag) if mailing.segment.startswith("+") else readers.untagged(tag)
    if not (former := [pk for pk in _former(mailing.issue) if pk != mailing.pk]):
        return readers
    return readers.filter(~Exists(_copies_in(former).filter(own).exclude(state=Delivery.State.SKIPPED)))


def plan(mailing: Mailing, now: datetime) -> bool:
    """Fix the audience and cut it into batches, in one transaction.

    Returns False if another was first, or if former copies of the issue are packed: they are asked for who has one.
    """
    with transaction.atomic():
        if _are_packed(mailing.issue):
            return False
        due = Q(state=Mailing.State.SCHEDULED, planned_at__isnull=True)
        if not Mailing.objects.filter(due, pk=mailing.pk).update(state=Mailing.State.SENDING, planned_at=now):
            return False
        total = _write_deliveries(mailing, now)
        _cut(mailing, total)
        Mailing.objects.filter(pk=mailing.pk).update(total=total)
        mailing.record(Step.What.BEGUN, provider_name(settings.MAILERS[mailing.mailer]), now)
        mailing.issue.mark_sent(now)
        if mailing.kind == Mailing.Kind.CORRECTION:
            mailing.issue.mark_corrected(mailing.note, now)
    mailing.refresh_from_db()
    _make_found(mailing.issue)
    return True


def _are_packed(issue: Issue) -> bool:
    """Return whether copies of `issue` are packed; if not, none will be until the transaction ends."""
    former = Mailing.objects.select_for_update(no_key=True).filter(pk__in=_former(issue)).order_by("pk")
    return Pack.objects.filter(mailing__in=list(former.values_list("pk", flat=True))).exists()


def _make_found(issue: Issue) -> None:
    """Put the issue into the search; a search in trouble stops no mailing."""
    try:
        with transaction.atomic():
            index_issue(issue)
    except DatabaseError:
        log.exception("issue %s is not found by the search yet; saving it once more mends that", issue.number)


def _cut(mailing: Mailing, total: int) -> None:
    """Cut the rows of a mailing into batches, by one statement whatever their number; SQLite has one machine."""
    machines = 1 if connection.vendor == "sqlite" else MACHINES
    ends = list(accumulate(sizes(total, machines * settings.DELIVERY_LANES, BATCH), initial=0))
    Batch.objects.bulk_create(
        Batch(mailing=mailing, no=no, lo=lo, hi=hi, cursor=lo) for no, (lo, hi) in enumerate(pairwise(ends))
    )


def _write_deliveries(mailing: Mailing, now: datetime) -> int:
    """Write one queued row a reader by a single INSERT … SELECT; return how many."""
    readers, params = audience(mailing, now).order_by().values("id").query.sql_with_params()
    table = connection.ops.quote_name(Delivery._meta.db_table)
    # The table's name is ours and the query is Django's; every value is a parameter.
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (mailing_id, seq, subscriber_id, state, attempts, provider_id, reply)"  # noqa: S608  # nosec B608
            f" SELECT %s, ROW_NUMBER() OVER (ORDER BY id) - 1, id, %s, 0, '', '' FROM ({readers}) AS readers",
            [mailing.pk, Delivery.State.QUEUED, *params],
        )
        written: int = cursor.rowcount
    return written
