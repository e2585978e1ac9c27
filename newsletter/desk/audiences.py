"""Segments that an author can choose, and how many readers each has. Read only."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.translation import gettext as _

from newsletter.delivery.models import Mailing
from newsletter.delivery.rate import WarmUp, WarmUpPlan
from newsletter.issues.models import Issue
from newsletter.publication.models import Publication
from subscribers.models import ReaderCounts, Subscriber, count_readers, effective_suppressions
from subscribers.models.tags import ReaderTag


@dataclass(frozen=True)
class Audience:
    """everybody: all readers, by the reason why some cannot be mailed."""

    readers: int
    already_received: int
    outside_segment: int
    everybody: ReaderCounts


def count_audience(issue: Issue, now: datetime, segment: str = "") -> Audience:
    """Count the readers from the batches of former mailings, without reading deliveries.

    Once readers have a copy, `outside_segment` is approximate: readers who left since also had one.
    """
    counted = count_readers(now)
    former = list(issue.mailings.filter(kind=Mailing.Kind.ISSUE, planned_at__isnull=False).defer("html", "text"))
    without = counted.mailable - min(counted.mailable, sum(_count_still_mailable(one, now) for one in former))
    readers = min(without, _count_in_segment(segment, former, now)) if segment else without
    return Audience(readers, counted.mailable - without, without - readers, counted)


def _count_in_segment(segment: str, former: list[Mailing], now: datetime) -> int:
    """Mailable readers of a segment who got no former mailing to it."""
    tag = segment[1:]
    mailable = Subscriber.objects.mailable(now)
    readers = (mailable.tagged(tag) if segment.startswith("+") else mailable.untagged(tag)).count()
    return readers - min(readers, sum(_count_still_mailable(one, now) for one in former if one.segment == segment))


def _count_still_mailable(mailing: Mailing, now: datetime) -> int:
    """Readers with a copy of the mailing, sent or failed, who are still mailable."""
    had_it = mailing.total - mailing.counts().skipped
    return had_it - min(had_it, _count_gone_since(mailing, now))


def _count_gone_since(mailing: Mailing, now: datetime) -> int:
    """About how many readers ceased to be mailable since; suppressions are not limited to the segment."""
    since = mailing.planned_at or now
    readers = Subscriber.objects.filter(confirmed_at__lt=since)
    left = Q(state=Subscriber.State.UNSUBSCRIBED, unsubscribed_at__gte=since)
    rests = Q(state=Subscriber.State.PAUSED, paused_until__gt=now)
    suppressed = effective_suppressions(now).filter(created_at__gte=since)
    if mailing.segment:
        tag = mailing.segment[1:]
        readers = readers.tagged(tag) if mailing.segment.startswith("+") else readers.untagged(tag)
    return readers.filter(left | rests).count() + suppressed.count()


def warm_up_plan(publication: Publication, readers: int, begins_at: datetime) -> WarmUpPlan | None:
    """None without a warm-up, or if one day is enough."""
    since = publication.warm_up_from
    return WarmUp(since, ZoneInfo(publication.time_zone)).plan(readers, begins_at) if since else None


def segment_choices() -> dict[str, str]:
    tags = ReaderTag.objects.in_use()
    return {"": segment_label("")} | {sign + tag: segment_label(sign + tag) for sign in "+-" for tag in tags}


def segment_label(segment: str) -> str:
    if not segment:
        return _("all readers")
    text = _("tag: %(tag)s") if segment.startswith("+") else _("without the tag: %(tag)s")
    return text % {"tag": segment[1:]}
