"""Writing posts: made, changed, published, taken back. Their addresses are those of posts.py, and so is the router."""

from typing import Annotated, Any

from django.utils import timezone
from ninja import Schema
from pydantic import ConfigDict, Field

from newsletter.api import conditions
from newsletter.api.endpoint import Answer, Moment, Number
from newsletter.api.endpoints.post_saving import is_about_publishing, laid_over, save
from newsletter.api.endpoints.post_texts import PostOut, told
from newsletter.api.endpoints.posts import post_of, posts
from newsletter.api.entrance import ApiRequest, demand_right, demand_scope
from newsletter.posts.forms import TAGS_MAX
from newsletter.posts.models import BODY_MAX, TAG_NAME_MAX, Post
from newsletter.posts.working import MAY_PUBLISH, take_back

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
    conditions.demand(request, conditions.etag_of(told([post])[0]))
    return laid_over(post)


def _answer(request: ApiRequest, number: int, *, status: int = 200) -> Answer:
    item = told([post_of(request, number)])[0]
    return Answer(item, status=status, location=f"/api/v1/posts/{number}" if status == 201 else "")
