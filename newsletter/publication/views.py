"""The look, the pictures, and what robots are told."""

from pathlib import PurePath

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.views.decorators.cache import cache_control

from newsletter.publication import look as colours
from newsletter.publication.models import Publication

YEAR = 365 * 24 * 3600  # seconds
# Only what a browser shows as a picture, and nothing that can hold a script (SVG can).
PICTURE_TYPES = {
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}


def look(request: HttpRequest) -> HttpResponse:
    """Serve the accent colour; for ever when the address names this version of it."""
    accent = Publication.objects.current().accent
    response = HttpResponse(colours.css(accent), content_type="text/css; charset=utf-8")
    if request.GET.get("v") == colours.version(accent):
        patch_cache_control(response, public=True, max_age=YEAR, immutable=True)
    return response


@cache_control(public=True, max_age=YEAR, immutable=True)
def media(request: HttpRequest, digest: str, name: str) -> FileResponse:
    """Serve a picture for ever: its address is made of its content, and mails of years ago ask for it."""
    content_type = PICTURE_TYPES.get(PurePath(name).suffix.lower())
    path = settings.MEDIA_ROOT / digest / name
    if content_type is None or not path.is_file():
        raise Http404
    return FileResponse(path.open("rb"), content_type=content_type)


@cache_control(public=True, max_age=24 * 3600)
def robots(request: HttpRequest) -> HttpResponse:
    return render(request, "publication/robots.txt", content_type="text/plain; charset=utf-8")
