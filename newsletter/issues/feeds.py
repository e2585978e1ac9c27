"""Atom and JSON feeds of the newest issues in full text."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.cache import cache_control

from newsletter.issues.annotations import first_sentences
from newsletter.issues.models import Issue, prefetch_whole
from newsletter.page_cache.pages import cached_page
from newsletter.posts import syndication
from newsletter.posts.feeds import MAX_AGE
from newsletter.posts.models import Post, attach_renderings
from newsletter.posts.models.renderings import Rendering
from newsletter.posts.syndication import FeedEntry
from newsletter.publication.models import Publication

FEED_ISSUES = 10  # five months of a fortnightly letter


def _newest(now: datetime) -> list[FeedEntry]:
    """Five queries for any number of issues."""
    issues = list(Issue.objects.archived()[:FEED_ISSUES])
    prefetch_whole(issues, now)
    attach_renderings(item.post for issue in issues for item in issue.items.all())
    Rendering.objects.for_sources(_sources(issues))  # fills the cache by one query
    return [feed_entry(issue) for issue in issues]


def _sources(issues: list[Issue]) -> set[str]:
    texts = {Publication.objects.current().signature}
    for issue in issues:
        texts |= {issue.introduction, issue.closing, *(one.note for one in issue.corrections.all())}
    return texts


def feed_entry(issue: Issue) -> FeedEntry:
    """issue: sent, and loaded by `prefetch_whole`."""
    path, sent_at = issue.get_absolute_url(), issue.sent_at or issue.updated_at
    html = render_to_string("issues/feed_entry.html", {"issue": issue, "publication": Publication.objects.current()})
    posts = [item.post.updated_at for item in issue.items.all()]
    return FeedEntry(
        path=path,
        permanent_path=path,
        title=pgettext("title", "Issue %(number)s: %(subject)s") % {"number": issue.number, "subject": issue.subject},
        summary=issue.preheader or first_sentences(issue.introduction),
        html=syndication.html_for_feed(html, syndication.absolute_url(path)),
        published_at=sent_at,
        changed_at=max(sent_at, issue.updated_at, *posts, *(one.made_at for one in issue.corrections.all())),
    )


@cached_page(until=Post.objects.next_change_at)
@cache_control(public=True, max_age=MAX_AGE)
def atom_feed(request: HttpRequest) -> HttpResponse:
    return syndication.atom_response(request, _newest(timezone.now()), subject=_("Issues"), link="/issues/")


@cached_page(until=Post.objects.next_change_at)
@cache_control(public=True, max_age=MAX_AGE)
def json_feed(request: HttpRequest) -> HttpResponse:
    return syndication.json_response(request, _newest(timezone.now()), subject=_("Issues"), link="/issues/")
