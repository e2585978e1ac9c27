"""Style sheet, pictures, icons, robots.txt and security.txt."""

import logging
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import PurePath

from django.conf import settings
from django.db import OperationalError
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseServerError
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.views.decorators.cache import cache_control

from newsletter.buckets import PicturesUnavailable
from newsletter.mail import logs
from newsletter.page_cache.pages import cached_page
from newsletter.publication import disclosure, sharing, stylesheet
from newsletter.publication.models import Publication
from newsletter.publication.pictures import icons, storages
from newsletter.publication.response_headers import STATIC_HEADERS
from newsletter.publication.sharing import YEAR_SECONDS

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 120
# No SVG, which may contain scripts.
PICTURE_TYPES = {
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}


@cached_page(parameters=["v"])
def look(request: HttpRequest) -> HttpResponse:
    publication = Publication.objects.current()
    version = stylesheet.css_version(publication.accent, publication.theme)
    if request.GET.get("v", version) != version:
        return sharing.temporary_redirect(f"{request.path}?v={version}")
    response = HttpResponse(
        stylesheet.full_css(publication.accent, publication.theme), content_type="text/css; charset=utf-8"
    )
    if "v" in request.GET:
        patch_cache_control(response, public=True, max_age=YEAR_SECONDS, immutable=True)
    return response


def card(request: HttpRequest, digest: str) -> HttpResponseBase:
    """The sharing picture (og:image) of pages without their own."""
    publication = Publication.objects.current()
    url = sharing.publication_card_url(publication)
    return sharing.card_response(sharing.publication_card(publication), asked=digest, url=url)


def _icon(request: HttpRequest, content_type: str, draw: Callable[[bytes], bytes]) -> HttpResponse:
    """Serve an icon, immutable under its version; redirect other versions to the current one.

    draw: takes the logo, b"" for none.
    """
    version = sharing.icon_version(Publication.objects.current())
    if request.GET.get("v", version) != version:
        return sharing.temporary_redirect(f"{request.path}?v={version}")
    path = PurePath(request.path)
    octets = _drawn(f"icons/{path.stem}-{version}{path.suffix}", draw)
    response = HttpResponse(octets, content_type=content_type)
    how = {"max_age": YEAR_SECONDS, "immutable": True} if "v" in request.GET else {"max_age": 3600}
    patch_cache_control(response, public=True, **how)
    return response


def _drawn(name: str, draw: Callable[[bytes], bytes]) -> bytes:
    """An icon, cached; without the logo and uncached if the logo's file is missing or the disk full."""
    try:
        with sharing.draw_once(name, lambda: draw(_logo())) as file:
            octets: bytes = file.read()
            return octets
    except PicturesUnavailable:
        raise
    except OSError as error:
        logger.warning("The icon %s cannot be kept: %s", name, error)
        return draw(b"")


def _logo() -> bytes:
    """The logo, b"" without one. Raise OSError if its file is missing."""
    logo = Publication.objects.current().logo
    return storages.media.read(logo.name) if logo.name else b""


def _colours() -> dict[str, str]:
    accent, ink = stylesheet.icon_colours(Publication.objects.current().accent)
    return {"accent": accent, "ink": ink}


@cached_page(parameters=["v"])
def favicon(request: HttpRequest) -> HttpResponse:
    return _icon(request, "image/x-icon", lambda logo: icons.ico(**_colours(), logo=logo))


@cached_page(parameters=["v"])
def icon_svg(request: HttpRequest) -> HttpResponse:
    """The built-in icon; 404 if there is a logo, which is a bitmap."""
    if Publication.objects.current().logo:
        raise Http404
    return _icon(request, "image/svg+xml", lambda _logo: icons.svg(**_colours()).encode())


@cached_page(parameters=["v"])
def icon(request: HttpRequest, size: int, is_whole: bool = False) -> HttpResponse:
    return _icon(request, "image/png", lambda logo: icons.png(size, **_colours(), logo=logo, is_whole=is_whole))


@cache_control(public=True, max_age=YEAR_SECONDS, immutable=True)
def media(request: HttpRequest, digest: str, name: str) -> FileResponse:
    """Immutable: the URL holds a hash of the content, and old mails still request it."""
    content_type = PICTURE_TYPES.get(PurePath(name).suffix.lower())
    if content_type is None:
        raise Http404
    try:
        response = FileResponse(storages.media.open(f"{digest}/{name}"), content_type=content_type)
    except FileNotFoundError:
        raise Http404 from None
    for header, value in STATIC_HEADERS.items():  # shorter than a page's policy
        response.headers[header] = value
    return response


@cache_control(public=True, max_age=24 * 3600)
def robots(request: HttpRequest) -> HttpResponse:
    return render(request, "publication/robots.txt", content_type="text/plain; charset=utf-8")


@cache_control(public=True, max_age=24 * 3600)
def security(request: HttpRequest) -> HttpResponse:
    publication = Publication.objects.current()
    text = disclosure.security_txt(
        publication.security_contact or publication.reply_to or publication.sender_email,
        languages=[sharing.language_tag(publication), "en"],
        address=settings.SITE_URL + reverse("publication:security"),
        now=timezone.now(),
    )
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


def failure(request: HttpRequest) -> HttpResponseBase:
    """handler500: a 503 page while the database or the picture storage is down or being migrated, else 500."""
    if not isinstance(sys.exc_info()[1], (OperationalError, PicturesUnavailable)):
        return HttpResponseServerError(render_to_string("500.html", {"number": logs.request_id.get()}))
    page = render_to_string("503.html")
    return HttpResponse(
        page,
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        headers={"Retry-After": str(RETRY_AFTER_SECONDS), "Cache-Control": "no-store"},
    )
