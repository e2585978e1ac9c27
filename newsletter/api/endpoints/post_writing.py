"""Writing posts as their form on the desk does it: made, changed, published, taken back."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from django.utils import timezone
from ninja import Schema
from pydantic import ConfigDict, Field

from newsletter.api.endpoint import Answer, Moment, Number, demand_match, etag_of
from newsletter.api.endpoints.posts import PostOut, post_of, posts, told
from newsletter.api.entrance import ApiRequest, demand_right, demand_scope
from newsletter.api.problems import Error, Problem, problem_of
from newsletter.posts.forms import TAGS_MAX, PostForm
from newsletter.posts.models import BODY_MAX, TAG_NAME_MAX, Post, WorkingCopy
from newsletter.posts.saving import ELSEWHERE, StaleText
from newsletter.posts.working import AT_ONCE, MAY_PUBLISH, store_rest, store_text, take_back
from newsletter.publication.changes import Change

NAMES = {"tag_names": "tags"}  # of fields of the form, as the API has them


def save(request: ApiRequest, post: Post, changes: Mapping[str, Any], *, is_shown: bool = False) -> Post:
    """Store what is to change of a post, new or not, and return it. Raises a Problem.

    is_shown: readers see it from now on, with what was changed before and not published.
    """
    is_new = post.pk is None
    form = _form(post, changes)
    if not form.is_valid():
        raise Problem("changed") if form.has_error("__all__", ELSEWHERE) else problem_of(form, NAMES)
    if not (is_new or is_shown or form.changed_data):
        return post
    _refuse_unless_allowed(request, post)
    _store(request, form, is_new=is_new, is_shown=is_shown)
    return post


def _form(post: Post, changes: Mapping[str, Any]) -> PostForm:
    """Return the form of a post, filled in with what it shows, and `changes` over that."""
    unbound = PostForm(instance=post)
    shown = {name: unbound.get_initial_for_field(field, name) for name, field in unbound.fields.items()}
    shown["published_at"] = _written(post.published_at)
    typed = {name: value for name, value in changes.items() if name not in {"tags", "published_at"}}
    if "tags" in changes:
        typed["tag_names"] = "、".join(changes["tags"])
    if "published_at" in changes:
        typed["published_at"] = _written(changes["published_at"])
    form = PostForm(
        {name: value if value is not None else "" for name, value in (shown | typed).items()}, instance=post
    )
    _refuse_frozen_words(form, changes)
    return form


def _written(at: Any) -> str:
    return at.isoformat(timespec="seconds") if at else ""


def _refuse_frozen_words(form: PostForm, changes: Mapping[str, Any]) -> None:
    field = form.fields["words"]
    if field.disabled and changes.get("words", form.instance.words) != form.instance.words:
        raise Problem("invalid", errors=[Error(str(field.help_text), pointer="/words")])


def _refuse_unless_allowed(request: ApiRequest, post: Post) -> None:
    """Let a post that has a date be changed only by who may publish, as the desk does."""
    if post.published_at is not None or (post.pk and Post.objects.filter(pk=post.pk).exclude(published_at=None)):
        demand_right(request, MAY_PUBLISH)


def _store(request: ApiRequest, form: PostForm, *, is_new: bool, is_shown: bool) -> None:
    post: Post = form.instance
    if is_new:
        post.created_by = request.user
    try:
        store_text(post, form, is_shown=is_shown, write=partial(form.save, commit=True), now=timezone.now())
    except StaleText as error:
        raise Problem("changed") from error
    store_rest(form)
    fields = [name for name in form.changed_data if not form.fields[name].widget.is_hidden]
    if is_new or fields:
        what, detail = (Change.What.ADDED, {}) if is_new else (Change.What.CHANGED, {"fields": fields})
        Change.objects.log(what, [post], detail)
    if is_shown:
        Change.objects.log(Change.What.PUBLISHED, [post])


def is_about_publishing(changes: Mapping[str, Any]) -> bool:
    """Return whether a change asks for what only who publishes decides."""
    return bool(AT_ONCE & changes.keys())


def laid_over(post: Post) -> Post:
    """Return a post with what was changed in it and is not published yet."""
    WorkingCopy.objects.lay_over(post)
    return post


__all__ = ["posts"]  # with these endpoints: v1.py takes it from here

ADD, CHANGE = ("posts.add_post",), ("posts.change_post",)
PUBLISHING = "posts:publish"

Title = Annotated[str, Field(max_length=120)]
Body = Annotated[str, Field(max_length=BODY_MAX)]
TagName = Annotated[str, Field(min_length=1, max_length=TAG_NAME_MAX)]


class PostChanges(Schema):
    """What is to be other than it is; what is not named stays. published_at: null makes a draft of it.

    tags: names; one that is new is made. cover: the id of a picture. published_at, is_web_only and is_unlisted ask for
    the scope posts:publish.
    """

    model_config = ConfigDict(extra="forbid")
    title: Title = ""
    body: Body = ""
    summary: Annotated[str, Field(max_length=200)] = ""
    words: Annotated[str, Field(max_length=60, pattern="^[-a-zA-Z0-9_]*$")] = ""
    tags: Annotated[list[TagName], Field(max_length=TAGS_MAX)] = []
    cover: str | None = None
    published_at: Moment | None = None
    is_web_only: bool = False
    is_unlisted: bool = False


class PostIn(PostChanges):
    """A new post: a draft, unless it is given a time."""

    title: Annotated[Title, Field(min_length=1)]
    body: Annotated[Body, Field(min_length=1)]


@posts.makes("/posts", scope="posts:write", needs=ADD, returns=PostOut)
def create_post(request: ApiRequest, new: PostIn) -> Answer:
    """Write a new post."""
    changes = _asked(request, new)
    post = save(request, Post(), changes)
    return _answer(request, post.pk, status=201)


@posts.changes("/posts/{number:number}", scope="posts:write", needs=CHANGE, returns=PostOut)
def change_post(request: ApiRequest, number: Number, change: PostChanges) -> Answer:
    """Change a post. Of a published one readers see the new text when it is published again."""
    post = _seen(request, number)
    save(request, post, _asked(request, change))
    return _answer(request, number)


@posts.acts("/posts/{number:number}/publish", scope=PUBLISHING, needs=(*CHANGE, MAY_PUBLISH), returns=PostOut)
def publish_post(request: ApiRequest, number: Number) -> Answer:
    """Show readers the post as it is now: a draft for the first time, a published one with what was changed in it."""
    post, now = _seen(request, number), timezone.now()
    changes = {} if post.is_published(now) else {"published_at": now}
    save(request, post, changes, is_shown=True)
    return _answer(request, number)


@posts.acts("/posts/{number:number}/withdraw", scope=PUBLISHING, needs=(*CHANGE, MAY_PUBLISH), returns=PostOut)
def withdraw_post(request: ApiRequest, number: Number) -> Answer:
    """Make a draft of a post again: readers do not find it any more."""
    take_back([_seen(request, number)], timezone.now())
    return _answer(request, number)


def _asked(request: ApiRequest, change: PostChanges) -> dict[str, Any]:
    """Return what is to change. Raises a Problem if that needs more than this endpoint has asked for."""
    asked: dict[str, Any] = change.model_dump(exclude_unset=True)
    if is_about_publishing(asked):
        demand_scope(request, PUBLISHING)
        demand_right(request, MAY_PUBLISH)
    return asked


def _seen(request: ApiRequest, number: int) -> Post:
    """Return a post with what was changed in it, if the request names the state that it has."""
    post = post_of(request, number)
    demand_match(request, etag_of(told([post])[0]))
    return laid_over(post)


def _answer(request: ApiRequest, number: int, *, status: int = 200) -> Answer:
    item = told([post_of(request, number)])[0]
    return Answer(item, status=status, location=f"/api/v1/posts/{number}" if status == 201 else "")
