"""The front door, the archive of issues, the page about us, and the ways in for somebody who is new."""

from datetime import datetime
from urllib.parse import quote

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from newsletter.issues import rhythm, years
from newsletter.issues.models import Issue, StartingPoint, fetch_posts, in_line
from newsletter.issues.years import measured, with_minutes
from newsletter.posts.models import Post, with_covers, with_renderings
from newsletter.posts.responsive_images import pictured
from newsletter.publication import sharing
from newsletter.publication.kept import asked_page, kept
from newsletter.publication.models import Publication

ISSUES_PER_PAGE = 26  # a year
NEWEST = 6  # posts on the home page
SERVICES = {
    "line": "https://social-plugins.line.me/lineit/share?url=",
    "facebook": "https://www.facebook.com/sharer/sharer.php?u=",
    "threads": "https://www.threads.com/intent/post?url=",
    "x": "https://x.com/intent/post?url=",
}


def _newest(now: datetime) -> list[Post]:
    return with_renderings(Post.objects.listed(now).prefetch_related("tags")[:NEWEST])


@kept(Post.objects.next_change)
def home(request: HttpRequest) -> HttpResponse:
    return front(request)


def front(request: HttpRequest) -> HttpResponse:
    """Build the home page anew; it is kept nowhere."""
    now = timezone.now()
    latest = next(iter(with_minutes(Issue.objects.archived().listed(now)[:1])), None)
    posts = _newest(now)
    ahead = rhythm.ahead(Publication.objects.current(), now)
    response = render(request, "issues/home.html", {"issue": latest, "posts": posts, "ahead": ahead})
    response.changes_at = ahead.changes_at  # type: ignore[attr-defined]  # `kept` reads it
    return response


@kept(Post.objects.next_change, parameters=["page"])
def archive(request: HttpRequest) -> HttpResponse:
    archived, now = Issue.objects.archived(), timezone.now()
    page = asked_page(request, Paginator(archived.defer("closing"), ISSUES_PER_PAGE))
    page.object_list = with_covers(years.with_openings(measured(page.object_list, now)))
    return render(request, "issues/archive.html", {"page": page, "years": archived.years()})


@kept(Post.objects.next_change)
@pictured
def issue(request: HttpRequest, number: int) -> HttpResponse:
    """Show an issue as it was mailed; one that was not sent does not exist, but a year may have its number."""
    older, found, newer = in_line(number)
    if found is None:
        return _year(request, number)
    fetch_posts([found], timezone.now())
    with_renderings(item.post for item in found.items.all())
    with_minutes([found])
    around = {"older": older, "newer": newer}
    beside = {"corrections": found.corrections.all(), "quotes": found.quotes.all()}
    return render(request, "issues/issue.html", {"issue": found} | around | beside)


def _year(request: HttpRequest, year: int) -> HttpResponse:
    """Show the contents of all issues of a year, as a bound volume has them in front."""
    volume = years.bound(year, timezone.now())
    if volume is None:
        raise Http404
    return render(request, "issues/year.html", {"volume": volume})


@require_safe
def pass_on(request: HttpRequest, number: int, service: str) -> HttpResponse:
    """Lead on to a service where an issue can be shared; nothing is kept of who did.

    A mail has this short address instead of the service's own: it names no domain but the sender's.
    """
    found = get_object_or_404(Issue.objects.archived(), number=number)
    if service not in SERVICES:
        raise Http404
    response = redirect(SERVICES[service] + quote(settings.SITE_URL + found.get_absolute_url(), safe=""))
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def card(request: HttpRequest, number: int, digest: str) -> HttpResponseBase:
    """Serve the picture that other sites show beside a link to an issue; one that was not sent has none."""
    found = get_object_or_404(Issue.objects.archived(), number=number)
    return sharing.show(found.card, asked=digest, address=found.card_url)


@kept()
@pictured
def about(request: HttpRequest) -> HttpResponse:
    return render(request, "issues/about.html")


@kept(Post.objects.next_change)
def start_here(request: HttpRequest) -> HttpResponse:
    """Show the posts that the author hands to somebody who is new; the latest ones until there are any."""
    now = timezone.now()
    points = list(StartingPoint.objects.public(now))
    with_renderings(point.post for point in points)
    newest = [] if points else _newest(now)
    return render(request, "issues/start_here.html", {"points": points, "posts": newest})
