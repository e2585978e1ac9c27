"""Pictures: uploaded once, served at a content hash."""

from datetime import datetime
from typing import Annotated, Any

from django.conf import settings
from django.db.models import Q
from django.shortcuts import get_object_or_404
from ninja import File, Form, Query, Schema, UploadedFile
from pydantic import Field

from newsletter.api.auth import FORM, ApiRequest, RequestBody
from newsletter.api.cursors import PageOf, PageQuery, paginate
from newsletter.api.endpoint import ApiResponse, EndpointRouter, check_if_match, etag_of, page_response, to_dict
from newsletter.api.problems import check_form
from newsletter.posts.forms import AltForm, ImageForm
from newsletter.posts.models import Image
from newsletter.posts.tasks import finish_pictures
from newsletter.publication.task_queue import enqueue_on_commit

pictures = EndpointRouter(tags=["pictures"])
ALT_MAX = 200
Alt = Annotated[str, Field(min_length=1, max_length=ALT_MAX)]


class PictureOut(Schema):
    """id: what a post has as its cover. markdown: what stands in a text to show it. uses: in how many posts it is."""

    id: str
    name: str
    alt: str
    width: int
    height: int
    url: str
    markdown: str
    uses: int
    uploaded_at: datetime


class AltIn(RequestBody):
    """alt: what the picture says, for those who do not see it."""

    alt: Alt


class PictureQuery(PageQuery):
    """q: words of the picture, or of its file name."""

    q: Annotated[str, Query(max_length=100)] = ""


@pictures.reads("/pictures", scope="posts:read", permissions=("posts.view_image",), returns=PageOf[PictureOut])
def list_pictures(request: ApiRequest, wanted: Query[PictureQuery]) -> ApiResponse:
    """A page of pictures, the newest first."""
    words = [Q(alt__icontains=word) | Q(name__icontains=word) for word in wanted.q.split()]
    page = paginate(Image.objects.with_uses().filter(*words), limit=wanted.limit, cursor=wanted.cursor)
    return page_response([_to_json(image) for image in page.rows], page.next_cursor)


@pictures.reads("/pictures/{id}", scope="posts:read", permissions=("posts.view_image",), returns=PictureOut)
def read_picture(request: ApiRequest, id: str) -> ApiResponse:  # noqa: A002 - the name of the parameter, as it is described
    """One picture."""
    return ApiResponse(_to_json(_picture(id)))


@pictures.creates("/pictures", scope="posts:write", permissions=("posts.add_image",), returns=PictureOut, takes=FORM)
def upload_picture(request: ApiRequest, file: File[UploadedFile], alt: Form[Alt]) -> ApiResponse:
    """Upload a picture, at most 10 MB. The same content again is the same picture, with the new words."""
    form = ImageForm({"alt": alt}, {"file": file})
    check_form(form)
    image = form.save()
    enqueue_on_commit(finish_pictures)
    return ApiResponse(_to_json(_picture(image.digest)), status=201, location=f"/api/v1/pictures/{image.digest}")


@pictures.modifies("/pictures/{id}", scope="posts:write", permissions=("posts.change_image",), returns=PictureOut)
def change_picture(request: ApiRequest, id: str, change: AltIn) -> ApiResponse:  # noqa: A002 - see read_picture
    """Change what a picture says."""
    Image.objects.select_for_update().filter(digest=id).first()  # as a tag
    image = _picture(id)
    check_if_match(request, etag_of(_to_json(image)))
    form = AltForm({"alt": change.alt}, instance=image)
    check_form(form)
    form.save()
    return ApiResponse(_to_json(_picture(id)))


def _picture(digest: str) -> Any:
    return get_object_or_404(Image.objects.with_uses(), digest=digest)


def _to_json(image: Any) -> dict[str, Any]:
    url = f"{settings.SITE_URL}{image.get_absolute_url()}"
    return to_dict(PictureOut, image, id=image.digest, url=url, uses=image.use_count or 0, uploaded_at=image.created_at)
