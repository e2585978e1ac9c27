"""Tags of posts. A new one is made where a post is written."""

from typing import Annotated, Any

from django.conf import settings
from django.db.models import Count
from django.forms import modelform_factory
from django.shortcuts import get_object_or_404
from ninja import Query, Schema
from pydantic import ConfigDict, Field

from newsletter.api.cursors import PageOf, Paging, page_of
from newsletter.api.endpoint import Answer, Endpoints, Number, demand_match, etag_of, paged
from newsletter.api.entrance import ApiRequest
from newsletter.api.problems import problem_of
from newsletter.posts.admin import index_again
from newsletter.posts.models import TAG_NAME_MAX, Tag
from newsletter.publication.forms import TypedModelForm

tags = Endpoints(tags=["tags"])
TagForm = modelform_factory(Tag, form=TypedModelForm, fields=("name", "slug"))


class TagOut(Schema):
    """posts: how many have it, drafts too."""

    id: int
    name: str
    slug: str
    url: str
    posts: int


class TagChanges(Schema):
    """What is to be other than it is. slug: the end of its address."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=TAG_NAME_MAX)] = ""
    slug: Annotated[str, Field(min_length=1, max_length=60, pattern="^[-a-zA-Z0-9_]+$")] = ""


@tags.reads("/tags", scope="posts:read", needs=("posts.view_post",), returns=PageOf[TagOut])
def list_tags(request: ApiRequest, wanted: Query[Paging]) -> Answer:
    """A page of tags, the newest first."""
    page = page_of(Tag.objects.annotate(uses=Count("posts")), limit=wanted.limit, cursor=wanted.cursor)
    return paged([_told(tag) for tag in page.rows], page.next)


@tags.reads("/tags/{number:number}", scope="posts:read", needs=("posts.view_post",), returns=TagOut)
def read_tag(request: ApiRequest, number: Number) -> Answer:
    """One tag."""
    return Answer(_told(_tag(number)))


@tags.changes("/tags/{number:number}", scope="posts:write", needs=("posts.change_tag",), returns=TagOut)
def change_tag(request: ApiRequest, number: Number, change: TagChanges) -> Answer:
    """Change the name of a tag or the end of its address."""
    Tag.objects.select_for_update().filter(pk=number).first()  # who else changes it now waits until this is compared
    tag = _tag(number)
    demand_match(request, etag_of(_told(tag)))
    form = TagForm({"name": tag.name, "slug": tag.slug} | change.model_dump(exclude_unset=True), instance=tag)
    if not form.is_valid():
        raise problem_of(form, {})
    form.save()
    if "name" in form.changed_data:
        index_again(tag.posts.all())
    return Answer(_told(_tag(number)))


def _tag(number: int) -> Any:
    return get_object_or_404(Tag.objects.annotate(uses=Count("posts")), pk=number)


def _told(tag: Any) -> dict[str, Any]:
    return {
        "id": tag.pk,
        "name": tag.name,
        "slug": tag.slug,
        "url": f"{settings.SITE_URL}{tag.get_absolute_url()}",
        "posts": tag.uses,
    }
