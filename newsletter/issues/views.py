"""The front door, the archive of issues, and the page about us."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from newsletter.issues.models import Issue
from newsletter.posts.models import Post, with_renderings
from newsletter.posts.pictured import pictured
from newsletter.publication import sharing
from newsletter.publication.pages import kept

ISSUES_PER_PAGE = 52  # two years
NEWEST = 6  # posts on the home page


@kept(Post.objects.next_change)
def home(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    latest = Issue.objects.archived().with_posts(now).first()
    posts = with_renderings(Post.objects.published(now).prefetch_related("tags")[:NEWEST])
    return render(request, "issues/home.html", {"issue": latest, "posts": posts})


@kept(Post.objects.next_change)
def archive(request: HttpRequest) -> HttpResponse:
    issues = Issue.objects.archived().counted(timezone.now()).defer("introduction", "closing")
    page = Paginator(issues, ISSUES_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "issues/archive.html", {"page": page})


@kept(Post.objects.next_change)
@pictured
def issue(request: HttpRequest, number: int) -> HttpResponse:
    """Show an issue as it was mailed; one that was not sent does not exist."""
    archived = Issue.objects.archived()
    found = get_object_or_404(archived.with_posts(timezone.now()), number=number)
    with_renderings(item.post for item in found.items.all())
    older, newer = archived.defer("introduction", "closing").around(found)
    return render(request, "issues/issue.html", {"issue": found, "older": older, "newer": newer})


def card(request: HttpRequest, number: int, digest: str) -> HttpResponseBase:
    """Serve the picture that other sites show beside a link to an issue; one that was not sent has none."""
    found = get_object_or_404(Issue.objects.archived(), number=number)
    return sharing.show(found.card, asked=digest, address=found.card_url)


@kept()
@pictured
def about(request: HttpRequest) -> HttpResponse:
    return render(request, "issues/about.html")
