"""Read posts, including unpublished changes; previews and the format check."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from django.conf import settings
from django.db.models import Q
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Query, Schema
from pydantic import Field

from newsletter.api.auth import ApiRequest, RequestBody
from newsletter.api.cursors import PageOf, PageQuery, paginate
from newsletter.api.endpoint import ApiResponse, AwareTime, EndpointRouter, PathId, page_response, to_dict
from newsletter.desk.editor_api import ALL_RULES, check_result, fixed_text
from newsletter.mail.salutations import fill_name_slots_with_fallbacks
from newsletter.posts.models import BODY_MAX, Image, Post, PostQuerySet, WorkingCopy, parse_tag_names
from newsletter.posts.models.renderings import render_cached, render_uncached
from newsletter.posts.proofreading.check import RULES
from newsletter.publication.models import Publication

State = Literal["draft", "scheduled", "published"]


class PostOut(Schema):
    """is_changed: its author has changed what readers do not see yet. cover: the id of a picture. series: its title."""

    id: int
    state: State
    title: str
    summary: str
    words: str
    tags: list[str]
    cover: str | None
    published_at: datetime | None
    is_web_only: bool
    is_unlisted: bool
    series: str | None
    series_number: int | None
    is_page: bool
    is_changed: bool
    author: str
    url: str
    created_at: datetime
    changed_at: datetime
    body: str


def posts_json(posts: Sequence[Post]) -> list[dict[str, Any]]:
    """Two queries, if tags and authors are prefetched."""
    WorkingCopy.objects.apply_to_posts(posts)
    covers = dict(Image.objects.filter(pk__in={post.cover_id for post in posts}).values_list("pk", "digest"))
    now = timezone.now()
    return [_to_json(post, covers, now) for post in posts]


def _to_json(post: Post, covers: dict[int, str], now: datetime) -> dict[str, Any]:
    pending_copy = post.pending_copy
    return to_dict(
        PostOut,
        post,
        state=post.state(now).value,
        tags=parse_tag_names(pending_copy.tag_names) if pending_copy else [tag.name for tag in post.tags.all()],
        cover=covers.get(post.cover_id or 0),
        series=post.series.title if post.series else None,
        is_changed=pending_copy is not None,
        author=post.created_by.get_username() if post.created_by else "",
        url=f"{settings.SITE_URL}{post.get_absolute_url()}",
        changed_at=(pending_copy or post).updated_at,
    )


posts_router = EndpointRouter(tags=["posts"])
READ_PERMISSIONS = ("posts.view_post",)


class PostQuery(PageQuery):
    """Which posts. tag: the end of its address. changed_since: also a text that is not published yet counts."""

    state: State | None = None
    tag: Annotated[str, Query(max_length=60)] = ""
    changed_since: AwareTime | None = None

    def filter_posts(self, found: PostQuerySet, now: datetime) -> PostQuerySet:
        match self.state:
            case "draft":
                found = found.drafts()
            case "scheduled":
                found = found.scheduled(now)
            case "published":
                found = found.published(now)
        if self.tag:
            found = found.filter(tags__slug=self.tag)
        if since := self.changed_since:
            found = found.filter(Q(updated_at__gte=since) | Q(working_copy__updated_at__gte=since))
        return found


@posts_router.reads("/posts", scope="posts:read", permissions=READ_PERMISSIONS, returns=PageOf[PostOut])
def list_posts(request: ApiRequest, wanted: Query[PostQuery]) -> ApiResponse:
    """A page of posts, the newest first: all of them, or your own if you may not publish."""
    found = Post.objects.visible_to(request.user).select_related("created_by", "series").prefetch_related("tags")
    page = paginate(wanted.filter_posts(found, timezone.now()), limit=wanted.limit, cursor=wanted.cursor)
    return page_response(posts_json(page.rows), page.next_cursor)


@posts_router.reads("/posts/{number:number}", scope="posts:read", permissions=READ_PERMISSIONS, returns=PostOut)
def read_post(request: ApiRequest, number: PathId) -> ApiResponse:
    """One post, with its Markdown."""
    return ApiResponse(posts_json([get_post(request, number)])[0])


def get_post(request: ApiRequest, number: int) -> Post:
    """A post that the user may see. Raises Http404 for others."""
    found = Post.objects.visible_to(request.user).select_related("created_by", "series").prefetch_related("tags")
    return get_object_or_404(found, pk=number)


texts_router = EndpointRouter(tags=["posts"])
WRITE_PERMISSIONS = ("posts.change_post",)
Rule = Annotated[str, Field(json_schema_extra={"enum": [ALL_RULES, *RULES]})]


class TextIn(RequestBody):
    """A text that need not be saved."""

    body: Annotated[str, Field(max_length=BODY_MAX)]


class PreviewOut(Schema):
    """html: sanitised, as on the page of the post."""

    html: str


class FindingOut(Schema):
    """start, end: places in UTF-16 code units, as a script counts. fix: what may stand there instead; null: see for
    yourself."""

    start: int
    end: int
    line: int
    before: str
    text: str
    after: str
    message: str
    fix: str | None


class FindingGroupOut(Schema):
    """hint: a matter of taste, which is not counted. hidden: findings of this rule that are not shown."""

    rule: str
    label: str
    hint: bool
    safe: int
    hidden: int
    count: int
    rows: list[FindingOut]


class CheckOut(Schema):
    """facts: minutes to read and size in the mail, in words. safe: how many can be mended without a look."""

    facts: list[str]
    count: int
    safe: int
    groups: list[FindingGroupOut]


class FixIn(TextIn):
    """rule: one of the check, or “all” of those that are on and no hints."""

    rule: Rule = ALL_RULES


class FixOut(Schema):
    body: str


@texts_router.reads(
    "/posts/{number:number}/preview", scope="posts:read", permissions=READ_PERMISSIONS, returns=PreviewOut
)
def preview_post(request: ApiRequest, number: PathId) -> ApiResponse:
    """A post as HTML, a draft too."""
    return ApiResponse({"html": str(render_cached(_body(request, number)))})


@texts_router.reads("/posts/{number:number}/check", scope="posts:read", permissions=READ_PERMISSIONS, returns=CheckOut)
def check_post(request: ApiRequest, number: PathId) -> ApiResponse:
    """What the format check says about a post."""
    return ApiResponse(check_result(_body(request, number), Publication.objects.current()))


@texts_router.computes("/texts/preview", scope="posts:write", permissions=WRITE_PERMISSIONS, returns=PreviewOut)
def preview_text(request: ApiRequest, text: TextIn) -> ApiResponse:
    """A text as HTML, as readers would see it."""
    return ApiResponse({"html": fill_name_slots_with_fallbacks(render_uncached(text.body))}, etag="")


@texts_router.computes("/texts/check", scope="posts:write", permissions=WRITE_PERMISSIONS, returns=CheckOut)
def check_text(request: ApiRequest, text: TextIn) -> ApiResponse:
    """What the format check says about a text."""
    return ApiResponse(check_result(text.body, Publication.objects.current()), etag="")


@texts_router.computes("/texts/fix", scope="posts:write", permissions=WRITE_PERMISSIONS, returns=FixOut)
def fix_text(request: ApiRequest, text: FixIn) -> ApiResponse:
    """A text with the safe fixes of the format check."""
    return ApiResponse({"body": fixed_text(text.body, text.rule, Publication.objects.current())}, etag="")


def _body(request: ApiRequest, number: int) -> str:
    return str(posts_json([get_post(request, number)])[0]["body"])
