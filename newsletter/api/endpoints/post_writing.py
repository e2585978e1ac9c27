"""Create, change, publish and withdraw posts, by the form of the desk."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from django.utils import timezone
from pydantic import Field

from newsletter.api.auth import ApiRequest, RequestBody, require_permission, require_scope
from newsletter.api.endpoint import ApiResponse, AwareTime, PathId, check_if_match, etag_of
from newsletter.api.endpoints.posts import PostOut, get_post, posts_json, posts_router
from newsletter.api.problems import FieldError, Problem, check_form
from newsletter.posts.forms import TAGS_MAX, PostForm
from newsletter.posts.json_saves import StaleTextError
from newsletter.posts.models import BODY_MAX, SERIES_TITLE_MAX, TAG_NAME_MAX, Post, WorkingCopy
from newsletter.posts.storing import PUBLISH_PERMISSION, UNVERSIONED_FIELDS, store_relations, store_text, withdraw_posts
from newsletter.publication.changes import Change

FIELD_NAMES = {"tag_names": "tags"}  # API names of form fields


def save_post(request: ApiRequest, post: Post, changes: Mapping[str, Any], *, update_live: bool = False) -> Post:
    """Save a new or existing post. Raises Problem.

    update_live: publish it, with earlier unpublished changes.
    """
    is_new = post.pk is None
    form = _form(post, changes)
    check_form(form, FIELD_NAMES)
    if not (is_new or update_live or form.changed_data):
        return post
    _refuse_unless_allowed(request, post)
    _store(request, form, is_new=is_new, update_live=update_live)
    return post


def _form(post: Post, changes: Mapping[str, Any]) -> PostForm:
    unbound = PostForm(instance=post)
    shown = {name: unbound.get_initial_for_field(field, name) for name, field in unbound.fields.items()}
    shown["published_at"] = _written(post.published_at)
    typed = {name: value for name, value in changes.items() if name not in {"tags", "published_at"}}
    if "tags" in changes:
        typed["tag_names"] = "、".join(changes["tags"])
    if "published_at" in changes:
        typed["published_at"] = _written(changes["published_at"])
    values = {name: "" if value is None else value for name, value in (shown | typed).items()}
    form = PostForm(values, instance=post)
    _refuse_frozen_words(form, changes)
    return form


def _written(at: Any) -> str:
    return at.isoformat(timespec="seconds") if at else ""


def _refuse_frozen_words(form: PostForm, changes: Mapping[str, Any]) -> None:
    field = form.fields["words"]
    if field.disabled and changes.get("words", form.instance.words) != form.instance.words:
        raise Problem("invalid", errors=[FieldError(str(field.help_text), pointer="/words")])


def _refuse_unless_allowed(request: ApiRequest, post: Post) -> None:
    """Dated posts may be changed only with permission to publish, as on the desk."""
    if post.published_at is not None or (post.pk and Post.objects.filter(pk=post.pk).exclude(published_at=None)):
        require_permission(request, PUBLISH_PERMISSION)


def _store(request: ApiRequest, form: PostForm, *, is_new: bool, update_live: bool) -> None:
    post: Post = form.instance
    if is_new:
        post.created_by = request.user
    try:
        store_text(post, form, update_live=update_live, save_row=partial(form.save, commit=True), now=timezone.now())
    except StaleTextError as error:
        raise Problem("changed") from error
    store_relations(form)
    fields = [name for name in form.changed_data if not form.fields[name].widget.is_hidden]
    if is_new or fields:
        what, detail = (Change.Action.ADDED, {}) if is_new else (Change.Action.CHANGED, {"fields": fields})
        Change.objects.log(what, [post], detail)
    if update_live:
        Change.objects.log(Change.Action.PUBLISHED, [post])


__all__ = ["posts_router"]  # v1.py imports the router from here, so that these endpoints are registered

ADD, CHANGE = ("posts.add_post",), ("posts.change_post",)
PUBLISHING = "posts:publish"

Title = Annotated[str, Field(max_length=120)]
Body = Annotated[str, Field(max_length=BODY_MAX)]
TagName = Annotated[str, Field(min_length=1, max_length=TAG_NAME_MAX)]


class PostChanges(RequestBody):
    """What is to be other than it is; what is not named stays. published_at: null makes a draft of it.

    tags: names; one that is new is made. cover: the id of a picture. series: a title; one that is new is made, and null
    takes the post out. series_number: null is the next. published_at, is_web_only, is_unlisted, is_page, series and
    series_number ask for the scope posts:publish. A page is unlisted.
    """

    title: Title = ""
    body: Body = ""
    summary: Annotated[str, Field(max_length=200)] = ""
    words: Annotated[str, Field(max_length=60, pattern="^[-a-zA-Z0-9_]*$")] = ""
    tags: Annotated[list[TagName], Field(max_length=TAGS_MAX)] = []
    cover: str | None = None
    published_at: AwareTime | None = None
    is_web_only: bool = False
    is_unlisted: bool = False
    series: Annotated[str, Field(max_length=SERIES_TITLE_MAX)] | None = None
    series_number: Annotated[int, Field(ge=1, le=32_767)] | None = None
    is_page: bool = False


class PostIn(PostChanges):
    """A new post: a draft, unless it is given a time."""

    title: Annotated[Title, Field(min_length=1)]
    body: Annotated[Body, Field(min_length=1)]


@posts_router.creates("/posts", scope="posts:write", permissions=ADD, returns=PostOut)
def create_post(request: ApiRequest, new: PostIn) -> ApiResponse:
    """Write a new post."""
    post = save_post(request, Post(), _asked(request, new))
    return _answer(request, post.pk, status=201)


@posts_router.modifies("/posts/{number:number}", scope="posts:write", permissions=CHANGE, returns=PostOut)
def change_post(request: ApiRequest, number: PathId, change: PostChanges) -> ApiResponse:
    """Change a post. Of a published one readers see the new text when it is published again."""
    post = _seen(request, number)
    save_post(request, post, _asked(request, change))
    return _answer(request, number)


@posts_router.acts(
    "/posts/{number:number}/publish", scope=PUBLISHING, permissions=(*CHANGE, PUBLISH_PERMISSION), returns=PostOut
)
def publish_post(request: ApiRequest, number: PathId) -> ApiResponse:
    """Show readers the post as it is now: a draft for the first time, a published one with what was changed in it."""
    post, now = _seen(request, number), timezone.now()
    changes = {} if post.is_published(now) else {"published_at": now}
    save_post(request, post, changes, update_live=True)
    return _answer(request, number)


@posts_router.acts(
    "/posts/{number:number}/withdraw", scope=PUBLISHING, permissions=(*CHANGE, PUBLISH_PERMISSION), returns=PostOut
)
def withdraw_post(request: ApiRequest, number: PathId) -> ApiResponse:
    """Make a draft of a post again: readers do not find it any more."""
    withdraw_posts([_seen(request, number)], timezone.now())
    return _answer(request, number)


def _asked(request: ApiRequest, change: PostChanges) -> dict[str, Any]:
    """The requested changes. Raises Problem if they need a further scope or permission."""
    asked: dict[str, Any] = change.model_dump(exclude_unset=True)
    if UNVERSIONED_FIELDS & asked.keys():
        require_scope(request, PUBLISHING)
        require_permission(request, PUBLISH_PERMISSION)
    return asked


def _seen(request: ApiRequest, number: int) -> Post:
    """The post with unpublished changes, if If-Match names its current state."""
    post = get_post(request, number)
    check_if_match(request, etag_of(posts_json([post])[0]))
    WorkingCopy.objects.overlay(post)
    return post


def _answer(request: ApiRequest, number: int, *, status: int = 200) -> ApiResponse:
    item = posts_json([get_post(request, number)])[0]
    return ApiResponse(item, status=status, location=f"/api/v1/posts/{number}" if status == 201 else "")
