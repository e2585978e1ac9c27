"""Posts: what the desk's list and form do, by the same form and the same rules."""

from datetime import datetime
from typing import Annotated, Any

from django.db.models import Q
from django.http import Http404
from django.utils import timezone
from ninja import Query, Schema

from newsletter.api import conditions
from newsletter.api.cursors import LIMIT, LIMIT_MAX, page_of
from newsletter.api.endpoint import Answer, Endpoints, Moment, Number, chosen_fields, paged
from newsletter.api.endpoints.post_texts import FIELDS, USUAL_OF_MANY, USUAL_OF_ONE, PostOut, State, told
from newsletter.api.entrance import ApiRequest
from newsletter.mail.salutations import without_names
from newsletter.posts.models import Post, PostQuerySet
from newsletter.posts.models.renderings import Rendering, rendered

posts = Endpoints(tags=["posts"])
READ = ("posts.view_post",)


class PostsOut(Schema):
    items: list[PostOut]
    next: str | None


class Wanted(Schema):
    """Which posts. tag: the end of its address. changed_since: also a text that is not published yet counts."""

    state: State | None = None
    tag: Annotated[str, Query(max_length=60)] = ""
    changed_since: Moment | None = None
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT
    cursor: Annotated[str, Query(max_length=400)] = ""

    def among(self, found: PostQuerySet, now: datetime) -> PostQuerySet:
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


@posts.reads("/posts", scope="posts:read", needs=READ, returns=PostsOut, fields=FIELDS)
def list_posts(request: ApiRequest, wanted: Query[Wanted]) -> Answer:
    """A page of posts, the newest first: all of them, or your own if you may not publish."""
    names = chosen_fields(request, FIELDS) or USUAL_OF_MANY
    found = Post.objects.open_to(request.user).select_related("created_by").prefetch_related("tags")
    page = page_of(wanted.among(found, timezone.now()), limit=wanted.limit, cursor=wanted.cursor)
    items = told(page.rows)
    if "html" in names:
        renderings = Rendering.objects.of(item["body"] for item in items)
        items = [item | {"html": without_names(renderings[item["body"]].html)} for item in items]
    return paged([_only(item, names) for item in items], page.next)


@posts.reads("/posts/{number:number}", scope="posts:read", needs=READ, returns=PostOut, fields=FIELDS)
def read_post(request: ApiRequest, number: Number) -> Answer:
    """One post, with its Markdown."""
    names = chosen_fields(request, FIELDS) or USUAL_OF_ONE
    item = told([post_of(request, number)])[0]
    etag = conditions.etag_of(item)
    if "html" in names:
        item["html"] = str(rendered(item["body"]))
    return Answer(_only(item, names), etag=etag)


def _only(item: dict[str, Any], names: Any) -> dict[str, Any]:
    return {name: item[name] for name in names}


def post_of(request: ApiRequest, number: int) -> Post:
    """Return a post that the user may look at. Raises Http404, in the same way for one of somebody else."""
    found = Post.objects.open_to(request.user).select_related("created_by").prefetch_related("tags")
    post = found.filter(pk=number).first()
    if post is None:
        raise Http404
    return post
