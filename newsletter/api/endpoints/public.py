"""What everybody may read without a token: what the site shows, and nothing else, in its order.

The pages are kept as those of the site (newsletter/api/views.py), so each parameter has one spelling.
"""

from datetime import datetime
from typing import Annotated, Any

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Query, Schema

from newsletter.api.cursors import PageOf, page_of
from newsletter.api.endpoint import Answer, Endpoints, Number, paged, told_time
from newsletter.api.problems import Problem
from newsletter.issues.feeds import entry_of as issue_entry
from newsletter.issues.models import Issue, fetch_whole
from newsletter.posts.feeds import entry_of as post_entry
from newsletter.posts.models import Post, Tag, with_renderings
from newsletter.posts.search.index import Result
from newsletter.posts.search.index import search as look_up
from newsletter.posts.syndication import absolute
from newsletter.posts.views import PER_PAGE, QUERY_LENGTH, closed_seconds_of

public = Endpoints(tags=["public"])
Cursor = Annotated[str, Query(min_length=1, max_length=400)]
PAGES_MAX = 1000


class PublicPost(Schema):
    """html: absent in lists. cover: the address of a picture."""

    id: int
    title: str
    summary: str
    url: str
    tags: list[str]
    cover: str | None
    published_at: datetime
    changed_at: datetime
    html: str = ""


class PublicIssue(Schema):
    """html: of all of it; absent in lists. posts: those that readers may see, in their order."""

    number: int
    subject: str
    preheader: str
    url: str
    sent_at: datetime
    posts: list[int]
    html: str = ""


class PublicTag(Schema):
    name: str
    slug: str
    url: str
    posts: int


class PublicTags(Schema):
    items: list[PublicTag]


class Hit(Schema):
    """kind: post or issue; id: of a post, or the key of an issue."""

    kind: str
    id: int
    title: str
    snippet: str
    url: str
    published_at: datetime


class Hits(Schema):
    items: list[Hit]
    total: int


@public.opens("/public/posts", returns=PageOf[PublicPost])
def list_public_posts(
    request: HttpRequest, cursor: Cursor | None = None, tag: Annotated[str | None, Query(max_length=60)] = None
) -> Answer:
    """A page of the posts that the site lists, the newest first."""
    now = timezone.now()
    listed = Post.objects.listed(now).select_related("cover").prefetch_related("tags")
    if tag is not None:
        listed = listed.filter(tags=get_object_or_404(Tag.objects.in_use(now), slug=tag))
    page = page_of(listed, by=("published_at", "pk"), limit=PER_PAGE, cursor=cursor or "")
    return paged([_post(post) for post in with_renderings(page.rows)], page.next)


@public.opens("/public/posts/{number:number}", returns=PublicPost)
def read_public_post(request: HttpRequest, number: Number) -> Answer:
    """One post, as HTML."""
    listed = Post.objects.listed(timezone.now()).select_related("cover").prefetch_related("tags")
    post = get_object_or_404(listed, pk=number)
    return Answer(_post(post) | {"html": post_entry(post).html})


@public.opens("/public/issues", returns=PageOf[PublicIssue])
def list_public_issues(request: HttpRequest, cursor: Cursor | None = None) -> Answer:
    """A page of the archive, the last issue first."""
    archived = Issue.objects.archived().listed(timezone.now())
    page = page_of(archived, by=("sent_at", "number"), limit=PER_PAGE, cursor=cursor or "")
    return paged([_issue(issue) for issue in page.rows], page.next)


@public.opens("/public/issues/{number:number}", returns=PublicIssue)
def read_public_issue(request: HttpRequest, number: Number) -> Answer:
    """One issue, whole, as HTML."""
    issue = get_object_or_404(Issue.objects.archived(), number=number)
    fetch_whole([issue], timezone.now())
    with_renderings(item.post for item in issue.items.all())
    return Answer(_issue(issue) | {"html": issue_entry(issue).html})


@public.opens("/public/tags", returns=PublicTags)
def list_public_tags(request: HttpRequest) -> Answer:
    """The tags in use, the most used first."""
    tags: Any = Tag.objects.in_use(timezone.now())
    items = [
        {"name": tag.name, "slug": tag.slug, "url": absolute(tag.get_absolute_url()), "posts": tag.post_count}
        for tag in tags
    ]
    return Answer({"items": items})


@public.opens("/public/search", returns=Hits)
def search(
    request: HttpRequest,
    q: Annotated[str, Query(min_length=1, max_length=QUERY_LENGTH)],
    page: Annotated[int, Query(ge=1, le=PAGES_MAX)] = 1,
) -> Answer:
    """What contains all the words, the best hits first."""
    if seconds := closed_seconds_of(request):
        raise Problem("too-many", headers={"Retry-After": str(seconds)})
    found = look_up(q.strip(), now=timezone.now(), limit=PER_PAGE, offset=(page - 1) * PER_PAGE)
    if page > 1 and not found.results:
        raise Http404
    return Answer({"items": [_hit(one) for one in found.results], "total": found.total})


def _post(post: Post) -> dict[str, Any]:
    return {
        "id": post.pk,
        "title": post.title,
        "summary": post.excerpt,
        "url": absolute(post.get_absolute_url()),
        "tags": [tag.name for tag in post.tags.all()],
        "cover": absolute(post.cover.get_absolute_url()) if post.cover else None,
        "published_at": told_time(post.published_at),
        "changed_at": told_time(post.updated_at),
    }


def _issue(issue: Issue) -> dict[str, Any]:
    return {
        "number": issue.number,
        "subject": issue.subject,
        "preheader": issue.preheader,
        "url": absolute(issue.get_absolute_url()),
        "sent_at": told_time(issue.sent_at),
        "posts": [item.post_id for item in issue.items.all()],
    }


def _hit(one: Result) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "id": one.key,
        "title": "".join(piece.text for piece in one.title),
        "snippet": "".join(piece.text for piece in one.snippet),
        "url": absolute(one.url),
        "published_at": told_time(one.published_at),
    }
