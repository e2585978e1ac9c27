"""Telling a hub that the feeds have news, so that it tells those who follow them (W3C WebSub).

What time alone publishes has no moment at which anybody presses a button: beat asks each minute whether something
has been published since the hub was told, and what was told in vain is told again.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime

from django.conf import settings
from django.urls import reverse

from newsletter.delivery.models import HubNotice
from newsletter.delivery.rehearsal import link_checker
from newsletter.issues.models import Issue
from newsletter.mail.outward import is_askable
from newsletter.posts.models import Post, Tag
from newsletter.publication.models import Publication

FEEDS = ("posts:feed", "posts:json_feed", "issues:feed", "issues:json_feed")
TAGS_MAX = 20  # whose feeds are told at once

logger = logging.getLogger(__name__)


def tell(now: datetime, may_ask: Callable[[str, int], bool] = is_askable) -> int:
    """Tell the hub of what was published since the last time; return of how many feeds it took notice."""
    hub = Publication.objects.current().hub
    newest = _newest(now) if hub else None
    notice = HubNotice.objects.take(newest, now) if newest else None
    if newest is None or notice is None:
        return 0
    topics = list(_topics(notice.told_until, newest))
    for told, topic in enumerate(topics):
        if trouble := link_checker.post(hub, {"hub.mode": "publish", "hub.url": topic}, may_ask=may_ask):
            logger.warning("The hub %s was not told of %s: %s", hub, topic, trouble)
            notice.settle(newest, is_told=False)
            return told
    notice.settle(newest, is_told=True)
    return len(topics)


def _newest(now: datetime) -> datetime | None:
    """Return when readers last got something new; None before the first time."""
    post = Post.objects.listed(now).values_list("published_at", flat=True).first()
    issue = Issue.objects.archived().order_by("-sent_at").values_list("sent_at", flat=True).first()
    return max(filter(None, (post, issue)), default=None)


def _topics(since: datetime | None, newest: datetime) -> Iterator[str]:
    """Yield the addresses of the feeds that have news."""
    for name in FEEDS:
        yield settings.SITE_URL + reverse(name)
    if since is not None:
        new = Post.objects.listed(newest).filter(published_at__gt=since)
        for slug in Tag.objects.filter(posts__in=new).distinct().values_list("slug", flat=True)[:TAGS_MAX]:
            yield settings.SITE_URL + reverse("posts:tag_feed", args=[slug])
