"""Atom and JSON feeds of the newest issues, each whole: corrections, introduction, posts and closing."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control

from newsletter.issues.models import Issue, fetch_whole
from newsletter.issues.years import opening
from newsletter.posts import syndication
from newsletter.posts.feeds import SECONDS
from newsletter.posts.models import Post, with_renderings
from newsletter.posts.models.renderings import Rendering
from newsletter.posts.syndication import Entry
from newsletter.publication.kept import kept
from newsletter.publication.models import Publication

FEED_ISSUES = 10  # five months of a fortnightly letter


def _newest(now: datetime) -> list[Entry]:
    """Return the newest issues as entries. Five queries, however many they are."""
    issues = list(Issue.objects.archived()[:FEED_ISSUES])
    fetch_whole(issues, now)
    with_renderings(item.post for issue in issues for item in issue.items.all())
    Rendering.objects.of(_sources(issues))  # one query, and none when the templates ask
    return [entry_of(issue) for issue in issues]


def _sources(issues: list[Issue]) -> set[str]:
    """Return the Markdown that stands around the posts."""
    texts = {Publication.objects.current().signature}
    for issue in issues:
        texts |= {issue.introduction, issue.closing, *(one.note for one in issue.corrections.all())}
    return texts


def entry_of(issue: Issue) -> Entry:
    """Return what a feed says of a sent issue that is fetched whole."""
    path, sent_at = issue.get_absolute_url(), issue.sent_at or issue.updated_at
    html = render_to_string("issues/feed_entry.html", {"issue": issue, "publication": Publication.objects.current()})
    posts = [item.post.updated_at for item in issue.items.all()]
    return Entry(
        path=path,
        permanent_path=path,
        title=f"{_('Issue %(number)s') % {'number': issue.number}}｜{issue.subject}",
        summary=issue.preheader or opening(issue.introduction),
        html=syndication.at_large(html, syndication.absolute(path)),
        published_at=sent_at,
        changed_at=max(sent_at, issue.updated_at, *posts, *(one.made_at for one in issue.corrections.all())),
    )


@kept(Post.objects.next_change)
@cache_control(public=True, max_age=SECONDS)
def atom(request: HttpRequest) -> HttpResponse:
    return syndication.atom(request, _newest(timezone.now()), subject=_("Issues"), link="/issues/")


@kept(Post.objects.next_change)
@cache_control(public=True, max_age=SECONDS)
def json(request: HttpRequest) -> HttpResponse:
    return syndication.json(request, _newest(timezone.now()), subject=_("Issues"), link="/issues/")
