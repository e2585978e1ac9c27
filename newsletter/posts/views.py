"""The pages of posts: all of them, one, those of a tag, those that were searched for."""

import re

from django.core.paginator import Page, Paginator
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from newsletter.posts.models import Post, PostQuerySet, Tag, with_covers, with_renderings
from newsletter.posts.old_addresses import moved
from newsletter.posts.responsive_images import pictured
from newsletter.posts.search.index import search as look_up
from newsletter.publication import limits, sharing
from newsletter.publication.doors import capability, opening
from newsletter.publication.kept import asked_page, kept
from newsletter.publication.limits import closed_seconds

PER_PAGE = 20
READ_MORE = 3
QUERY_LENGTH = 100
SEARCHES_A_MINUTE = 30


def _page(request: HttpRequest, posts: PostQuerySet) -> Page[Post]:
    page = asked_page(request, Paginator(posts.prefetch_related("tags"), PER_PAGE))
    page.object_list = with_renderings(page.object_list)
    return page


@kept(Post.objects.next_change, parameters=["page"])
def index(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    posts = _page(request, Post.objects.listed(now))
    return render(request, "posts/index.html", {"page": posts, "tags": Tag.objects.in_use(now)})


@kept(Post.objects.next_change)
@pictured
def post(request: HttpRequest, number: int) -> HttpResponse:
    """Show a post at its one address; its number alone, or with other words, leads there."""
    now = timezone.now()
    found = Post.objects.published(now).filter(pk=number).first()
    if found is None:
        raise Http404
    if request.path != found.get_absolute_url():
        return moved(request) or redirect(found, permanent=True)
    listed = Post.objects.none() if found.is_unlisted else Post.objects.listed(now)
    older, newer = listed.beside(found)
    prefetch_related_objects([found], "tags", "issues")
    related = with_covers(with_renderings([found, *listed.related(found, READ_MORE)]))[1:]
    return render(request, "posts/post.html", {"post": found, "older": older, "newer": newer, "related": related})


def card(request: HttpRequest, number: int, digest: str) -> HttpResponseBase:
    """Serve the picture that other sites show beside a link to a post; a draft has none."""
    found = get_object_or_404(Post.objects.published(timezone.now()), pk=number)
    return sharing.show(found.card, asked=digest, address=found.card_url)


@kept(Post.objects.next_change, parameters=["page"])
def tag(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the posts of a tag. One that only drafts have is as unknown as one that nobody has made."""
    now = timezone.now()
    found = get_object_or_404(Tag.objects.in_use(now), slug=slug)
    posts = _page(request, Post.objects.listed(now).filter(tags=found))
    return render(request, "posts/tag.html", {"tag": found, "page": posts})


def closed_seconds_of(request: HttpRequest) -> int:
    """Count one search; return for how many seconds no more are answered to its network, 0 when this one is."""
    who = limits.neighbourhood(limits.client_address(request))
    return closed_seconds("search", who, limit=SEARCHES_A_MINUTE, seconds=60, now=timezone.now())


def search(request: HttpRequest) -> HttpResponse:
    """Show what contains all the words of `q`, the best hits first."""
    query = request.GET.get("q", "").replace("\0", "").strip()[:QUERY_LENGTH]
    if query and (seconds := closed_seconds_of(request)):
        context = {"query": query, "opens_at": opening(seconds, timezone.now())}
        response = render(request, "posts/search.html", context, status=429)
        response.headers["Retry-After"] = str(seconds)
        return response
    asked = request.GET.get("page", "")
    number, now = int(asked) if re.fullmatch("[1-9][0-9]{0,5}", asked) else 1, timezone.now()
    found = look_up(query, now=now, limit=PER_PAGE, offset=(number - 1) * PER_PAGE)
    if number > 1 and not found.results:  # beyond the last page, which does not say how many there are
        number, found = 1, look_up(query, now=now, limit=PER_PAGE)
    page = Paginator(range(found.total), PER_PAGE).get_page(number)
    return render(request, "posts/search.html", {"query": query, "page": page, "results": found.results})


@capability
def preview(request: HttpRequest, token: str) -> HttpResponse:
    """Show a draft to whoever has its link; lead to the post once it is published."""
    now = timezone.now()
    post = Post.objects.previewed(token, now)
    if post is None:
        text = _("It has expired, or the author has taken it back. Ask for a new one.")
        context = {"title": _("This link no longer opens anything"), "text": text}
        return render(request, "publication/shut.html", context, status=410)
    if post.is_published(now):
        return redirect(post)
    return render(request, "posts/preview.html", {"post": post})
