"""Who gets an issue: the segments that an author can choose, and how many readers that is. Reads only."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.translation import gettext as _

from newsletter.delivery.models import Mailing
from newsletter.delivery.rate import Spread, WarmUp
from newsletter.issues.models import Issue
from newsletter.publication.models import Publication
from subscribers.models import Subscriber, barred, tally
from subscribers.models.tags import Tag


@dataclass(frozen=True)
class Audience:
    readers: int
    have_it: int
    others: int  # outside the segment
    pending: int
    paused: int
    unsubscribed: int
    suppressed: int


def audience_of(issue: Issue, now: datetime, segment: str = "") -> Audience:
    """Count the readers. The ledger is not read: who has a copy of the issue is known by what its batches have counted.

    If readers have a copy already, the others are counted closely, not exactly: who has left since had one, too.
    """
    counted = tally(now)
    former = list(issue.mailings.filter(kind=Mailing.Kind.ISSUE, planned_at__isnull=False).defer("html", "text"))
    without = counted.mailable - min(counted.mailable, sum(_still_have(one, now) for one in former))
    readers = min(without, _in_segment(segment, former, now)) if segment else without
    return Audience(
        readers=readers,
        have_it=counted.mailable - without,
        others=without - readers,
        pending=counted.pending,
        paused=counted.resting,
        unsubscribed=counted.unsubscribed,
        suppressed=counted.suppressed,
    )


def _in_segment(segment: str, former: list[Mailing], now: datetime) -> int:
    """Count the mailable readers of a segment, but for those whom a former mailing to it has reached."""
    tag = segment[1:]
    mailable = Subscriber.objects.mailable(now)
    readers = (mailable.tagged(tag) if segment.startswith("+") else mailable.untagged(tag)).count()
    return readers - min(readers, sum(_still_have(one, now) for one in former if one.segment == segment))


def _still_have(mailing: Mailing, now: datetime) -> int:
    """Count who has a copy of a mailing, even one that failed, and may be mailed still."""
    had_it = mailing.total - mailing.counts().skipped
    return had_it - min(had_it, _gone_since(mailing, now))


def _gone_since(mailing: Mailing, now: datetime) -> int:
    """Count who could get a mailing when it began, and cannot be mailed now."""
    since = mailing.planned_at or now
    readers = Subscriber.objects.filter(confirmed_at__lt=since)
    left = Q(state=Subscriber.State.UNSUBSCRIBED, unsubscribed_at__gte=since)
    rests = Q(state=Subscriber.State.PAUSED, paused_until__gt=now)
    suppressed = barred(now).filter(created_at__gte=since)
    if mailing.segment:
        tag = mailing.segment[1:]
        readers = readers.tagged(tag) if mailing.segment.startswith("+") else readers.untagged(tag)
    return readers.filter(left | rests).count() + suppressed.count()


def spread_of(publication: Publication, readers: int, begins_at: datetime) -> Spread | None:
    """Return over which days the warm-up of the sender address spreads an issue; None if it leaves in one."""
    since = publication.warm_up_from
    return WarmUp(since, ZoneInfo(publication.time_zone)).spread(readers, begins_at) if since else None


def segments() -> dict[str, str]:
    tags = Tag.objects.in_use()
    return {"": words_for("")} | {sign + tag: words_for(sign + tag) for sign in "+-" for tag in tags}


def words_for(segment: str) -> str:
    if not segment:
        return _("all readers")
    text = _("tag: %(tag)s") if segment.startswith("+") else _("without the tag: %(tag)s")
    return text % {"tag": segment[1:]}
