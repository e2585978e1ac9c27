"""Public pages: posts, tags, search, previews."""

import re

from django.core.paginator import Page, Paginator
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from newsletter.limits import client_ip
from newsletter.limits.public_views import private_view, retry_time_text
from newsletter.limits.rate_limits import retry_after_seconds
from newsletter.page_cache.pages import cached_page, requested_page
from newsletter.posts.models import Post, PostQuerySet, Series, Tag, attach_covers, attach_renderings
from newsletter.posts.redirects import find_redirect
from newsletter.posts.responsive_images import responsive_pictures
from newsletter.posts.search.index import search as look_up
from newsletter.posts.search.index import similar_words
from newsletter.publication import sharing

PER_PAGE = 20
READ_MORE = 3
QUERY_LENGTH = 100
SEARCHES_PER_MINUTE = 30


def _page(request: HttpRequest, posts: PostQuerySet) -> Page[Post]:
    page = requested_page(request, Paginator(posts.prefetch_related("tags"), PER_PAGE))
    page.object_list = attach_renderings(page.object_list)
    return page


@cached_page(until=Post.objects.next_change_at, parameters=["page"])
def index(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    posts = _page(request, Post.objects.listed(now))
    context = {"page": posts, "tags": Tag.objects.in_use(now), "series": Series.objects.in_use(now)}
    return render(request, "posts/index.html", context)


@cached_page(until=Post.objects.next_change_at)
@responsive_pictures
def post(request: HttpRequest, number: int) -> HttpResponse:
    """Show a post at its canonical URL; other slugs redirect to it."""
    now = timezone.now()
    found = Post.objects.published(now).select_related("series").filter(pk=number).first()
    if found is None:
        raise Http404
    if request.path != found.get_absolute_url():
        return find_redirect(request) or redirect(found, permanent=True)
    listed = Post.objects.none() if found.is_unlisted else Post.objects.listed(now)
    length = listed.series_length(found.series_id)
    older, newer = listed.series_neighbours(found) if length else (None, None)
    prefetch_related_objects([found], "tags", "issues")
    newest = attach_covers(attach_renderings([found, *listed.exclude(pk=found.pk)[:READ_MORE]]))[1:]
    context = {"post": found, "older": older, "newer": newer, "newest": newest, "series_length": length}
    return render(request, "posts/post.html", context)


@cached_page(until=Post.objects.next_change_at)
@responsive_pictures
def page(request: HttpRequest, words: str) -> HttpResponse:
    found = get_object_or_404(Post.objects.published(timezone.now()).pages(), words=words)
    return render(request, "posts/post.html", {"post": found})


def card(request: HttpRequest, number: int, digest: str) -> HttpResponseBase:
    found = get_object_or_404(Post.objects.published(timezone.now()), pk=number)
    return sharing.card_response(found.preview_card, asked=digest, url=found.preview_card_url)


@cached_page(until=Post.objects.next_change_at, parameters=["page"])
def tag(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the posts of a tag; one without listed posts is a 404."""
    now = timezone.now()
    found = get_object_or_404(Tag.objects.in_use(now), slug=slug)
    posts = _page(request, Post.objects.listed(now).filter(tags=found))
    return render(request, "posts/tag.html", {"tag": found, "page": posts})


@cached_page(until=Post.objects.next_change_at, parameters=["page"])
def series(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the posts of a series by their numbers; one without listed posts is a 404."""
    now = timezone.now()
    found = get_object_or_404(Series.objects.in_use(now), slug=slug)
    posts = _page(request, Post.objects.listed(now).filter(series=found).order_by("series_number"))
    return render(request, "posts/series.html", {"series": found, "page": posts})


def count_search(request: HttpRequest) -> int:
    """Count a search of the client's network; return the seconds to wait if it is over the limit, else 0."""
    who = client_ip.client_network(client_ip.client_address(request))
    return retry_after_seconds("search", who, limit=SEARCHES_PER_MINUTE, seconds=60, now=timezone.now())


def search(request: HttpRequest) -> HttpResponse:
    """Show the documents that contain all words of `q`, best first."""
    query = request.GET.get("q", "").replace("\0", "").strip()[:QUERY_LENGTH]
    if query and (seconds := count_search(request)):
        context = {"query": query, "opens_at": retry_time_text(seconds, timezone.now())}
        response = render(request, "posts/search.html", context, status=429)
        response.headers["Retry-After"] = str(seconds)
        return response
    asked = request.GET.get("page", "")
    number, now = int(asked) if re.fullmatch("[1-9][0-9]{0,5}", asked) else 1, timezone.now()
    found = look_up(query, now=now, limit=PER_PAGE, offset=(number - 1) * PER_PAGE)
    if number > 1 and not found.results:  # beyond the last page, whose query cannot say how many there are
        number, found = 1, look_up(query, now=now, limit=PER_PAGE)
    page = Paginator(range(found.total), PER_PAGE).get_page(number)
    alike = similar_words(query, now) if query and not found.results else []
    shown = {"query": query, "page": page, "results": found.results, "alike": alike}
    return render(request, "posts/search.html", shown)


@private_view
def preview(request: HttpRequest, token: str) -> HttpResponse:
    """Show a draft by its preview link; redirect to the post once it is published."""
    now = timezone.now()
    post = Post.objects.previewed(token, now)
    if post is None:
        text = _("It has expired, or the author has taken it back. Ask for a new one.")
        context = {"title": _("This link no longer opens anything"), "text": text}
        return render(request, "publication/shut.html", context, status=410)
    if post.is_published(now):
        return redirect(post)
    return render(request, "posts/preview.html", {"post": post})
