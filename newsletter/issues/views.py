"""Home, the archive of issues, about, and the page for new readers."""

from datetime import datetime
from urllib.parse import quote

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from newsletter.issues import annotations, schedule
from newsletter.issues.annotations import attach_contents, attach_reading_minutes
from newsletter.issues.models import QUESTION_OPEN_FOR, Issue, StartingPoint, prefetch_posts, sent_with_neighbours
from newsletter.page_cache.pages import cached_page, requested_page
from newsletter.posts.models import Post, attach_covers, attach_renderings
from newsletter.posts.responsive_images import responsive_pictures
from newsletter.publication import sharing
from newsletter.publication.models import Publication

ISSUES_PER_PAGE = 26  # one year of an issue every 14 days
NEWEST_POSTS_MAX = 6  # posts on the home page
SHARE_URLS = {
    "line": "https://social-plugins.line.me/lineit/share?url=",
    "facebook": "https://www.facebook.com/sharer/sharer.php?u=",
    "threads": "https://www.threads.com/intent/post?url=",
    "x": "https://x.com/intent/post?url=",
}


def _newest_posts(now: datetime, *, without: Issue | None = None) -> list[Post]:
    """Those of the issue are left out."""
    shown = [item.post_id for item in without.items.all()] if without else []
    return attach_renderings(Post.objects.listed(now).exclude(pk__in=shown).prefetch_related("tags")[:NEWEST_POSTS_MAX])


@cached_page(until=Post.objects.next_change_at)
def home(request: HttpRequest) -> HttpResponse:
    return render_home(request)


def render_home(request: HttpRequest) -> HttpResponse:
    """The home page, uncached."""
    now = timezone.now()
    latest = next(iter(attach_reading_minutes(Issue.objects.archived().for_listing(now)[:1])), None)
    posts = _newest_posts(now, without=latest)
    upcoming = schedule.upcoming_schedule(Publication.objects.current(), now)
    response = render(request, "issues/home.html", {"issue": latest, "posts": posts, "upcoming": upcoming})
    response.changes_at = upcoming.changes_at  # type: ignore[attr-defined]  # read by `cached_page`
    return response


@cached_page(until=Post.objects.next_change_at, parameters=["page"])
def archive(request: HttpRequest) -> HttpResponse:
    archived, now = Issue.objects.archived(), timezone.now()
    page = requested_page(request, Paginator(archived.defer("closing"), ISSUES_PER_PAGE))
    page.object_list = attach_covers(annotations.attach_openings(attach_contents(page.object_list, now)))
    return render(request, "issues/archive.html", {"page": page, "years": archived.years()})


@cached_page(until=Post.objects.next_change_at)
@responsive_pictures
def issue(request: HttpRequest, number: int) -> HttpResponse:
    """A sent issue; a number that no sent issue has is taken as a year."""
    older, found, newer = sent_with_neighbours(number)
    if found is None:
        return _year(request, number)
    prefetch_posts([found], timezone.now())
    attach_renderings(item.post for item in found.items.all())
    attach_reading_minutes([found])
    around = {"older": older, "newer": newer}
    beside = {"corrections": found.corrections.all(), "quotes": found.quotes.all()}
    response = render(request, "issues/issue.html", {"issue": found} | around | beside)
    if found.sent_at and found.takes_votes(timezone.now()):
        response.changes_at = found.sent_at + QUESTION_OPEN_FOR  # type: ignore[attr-defined]  # read by `cached_page`
    return response


def _year(request: HttpRequest, year: int) -> HttpResponse:
    volume = annotations.year_volume(year, timezone.now())
    if volume is None:
        raise Http404
    return render(request, "issues/year.html", {"volume": volume})


@require_safe
def share_redirect(request: HttpRequest, number: int, service: str) -> HttpResponse:
    """Redirect to a sharing service; nothing is recorded.

    Mails link here, so that they contain no domain but the sender's.
    """
    found = get_object_or_404(Issue.objects.archived(), number=number)
    if service not in SHARE_URLS:
        raise Http404
    response = redirect(SHARE_URLS[service] + quote(settings.SITE_URL + found.get_absolute_url(), safe=""))
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def card(request: HttpRequest, number: int, digest: str) -> HttpResponseBase:
    """The preview picture of an issue's link on other sites."""
    found = get_object_or_404(Issue.objects.archived(), number=number)
    return sharing.card_response(found.preview_card, asked=digest, url=found.preview_card_url)


@cached_page()
@responsive_pictures
def about(request: HttpRequest) -> HttpResponse:
    return render(request, "issues/about.html")


@cached_page(until=Post.objects.next_change_at)
def start_here(request: HttpRequest) -> HttpResponse:
    """The author's recommendations for new readers; the newest posts if there are none."""
    now = timezone.now()
    points = list(StartingPoint.objects.public(now))
    attach_renderings(point.post for point in points)
    newest = [] if points else _newest_posts(now)
    return render(request, "issues/start_here.html", {"points": points, "posts": newest})
