"""Tags of posts. A new one is made where a post is written."""

from typing import Annotated, Any

from django.conf import settings
from django.db.models import Count
from django.forms import modelform_factory
from django.shortcuts import get_object_or_404
from ninja import Query, Schema
from pydantic import Field

from newsletter.api.auth import ApiRequest, RequestBody
from newsletter.api.cursors import PageOf, PageQuery, paginate
from newsletter.api.endpoint import ApiResponse, EndpointRouter, PathId, check_if_match, etag_of, page_response, to_dict
from newsletter.api.problems import check_form
from newsletter.posts.admin import reindex
from newsletter.posts.models import TAG_NAME_MAX, Tag
from newsletter.publication.forms import CleanTextModelForm

tags = EndpointRouter(tags=["tags"])
TagForm = modelform_factory(Tag, form=CleanTextModelForm, fields=("name", "slug"))


class TagOut(Schema):
    """posts: how many have it, drafts too."""

    id: int
    name: str
    slug: str
    url: str
    posts: int


class TagChanges(RequestBody):
    """The fields to change; those that are absent stay. slug: the last part of the tag's URL."""

    name: Annotated[str, Field(min_length=1, max_length=TAG_NAME_MAX)] = ""
    slug: Annotated[str, Field(min_length=1, max_length=60, pattern="^[-a-zA-Z0-9_]+$")] = ""


@tags.reads("/tags", scope="posts:read", permissions=("posts.view_post",), returns=PageOf[TagOut])
def list_tags(request: ApiRequest, wanted: Query[PageQuery]) -> ApiResponse:
    """A page of tags, the newest first."""
    page = paginate(Tag.objects.annotate(uses=Count("posts")), limit=wanted.limit, cursor=wanted.cursor)
    return page_response([_to_json(tag) for tag in page.rows], page.next_cursor)


@tags.reads("/tags/{number:number}", scope="posts:read", permissions=("posts.view_post",), returns=TagOut)
def read_tag(request: ApiRequest, number: PathId) -> ApiResponse:
    """One tag."""
    return ApiResponse(_to_json(_tag(number)))


@tags.modifies("/tags/{number:number}", scope="posts:write", permissions=("posts.change_tag",), returns=TagOut)
def change_tag(request: ApiRequest, number: PathId, change: TagChanges) -> ApiResponse:
    """Change the name of a tag or the last part of its URL."""
    Tag.objects.select_for_update().filter(pk=number).first()  # locked: nobody changes it between If-Match and save()
    tag = _tag(number)
    check_if_match(request, etag_of(_to_json(tag)))
    form = TagForm({"name": tag.name, "slug": tag.slug} | change.model_dump(exclude_unset=True), instance=tag)
    check_form(form)
    form.save()
    if "name" in form.changed_data:
        reindex(tag.posts.all())
    return ApiResponse(_to_json(_tag(number)))


def _tag(number: int) -> Any:
    return get_object_or_404(Tag.objects.annotate(uses=Count("posts")), pk=number)


def _to_json(tag: Any) -> dict[str, Any]:
    return to_dict(TagOut, tag, url=f"{settings.SITE_URL}{tag.get_absolute_url()}", posts=tag.uses)
