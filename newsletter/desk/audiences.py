"""Who gets an issue: the segments that an author can choose, and how many readers that is. Reads only."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Count
from django.utils.translation import gettext as _

from newsletter.delivery import planning
from newsletter.delivery.models import Mailing
from newsletter.delivery.warmup import Spread, WarmUp
from newsletter.issues.models import Issue
from newsletter.publication.models import Publication
from subscribers.models import Subscriber
from subscribers.tags import Tag


@dataclass(frozen=True)
class Audience:
    """How many readers would get an issue now, and why the others would not."""

    readers: int
    have_it: int
    others: int  # outside the segment
    pending: int
    paused: int
    unsubscribed: int
    suppressed: int


def audience_of(issue: Issue, now: datetime, segment: str = "") -> Audience:
    """Count the readers; half a second for a million."""
    states = dict(Subscriber.objects.order_by().values_list("state").annotate(Count("pk")))
    resting = Subscriber.objects.filter(state=Subscriber.State.PAUSED, paused_until__gt=now).count()
    awake = states.get("active", 0) + states.get("paused", 0) - resting
    without = planning.audience(Mailing(issue=issue), now).count()
    mailable = Subscriber.objects.mailable(now).count() if issue.mailings.exists() else without
    readers = planning.audience(Mailing(issue=issue, segment=segment), now).count() if segment else without
    return Audience(
        readers=readers,
        have_it=mailable - without,
        others=without - readers,
        pending=states.get("pending", 0),
        paused=resting,
        unsubscribed=states.get("unsubscribed", 0),
        suppressed=awake - mailable,
    )


def spread_of(publication: Publication, readers: int, begins_at: datetime) -> Spread | None:
    """Return over which days the warm-up of the sender address spreads an issue; None if it leaves in one."""
    since = publication.warm_up_from
    return WarmUp(since, ZoneInfo(publication.time_zone)).spread(readers, begins_at) if since else None


def segments() -> dict[str, str]:
    """Return what can be chosen, everybody first, each with its words."""
    tags = Tag.objects.in_use()
    return {"": words_for("")} | {sign + tag: words_for(sign + tag) for sign in "+-" for tag in tags}


def words_for(segment: str) -> str:
    """Return the words for a segment of Mailing."""
    if not segment:
        return _("all readers")
    text = _("tag: %(tag)s") if segment.startswith("+") else _("without the tag: %(tag)s")
    return text % {"tag": segment[1:]}
