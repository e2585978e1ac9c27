"""The look, the pictures, the icons, and the files that robots and browsers ask for."""

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

from newsletter.buckets import PicturesAway
from newsletter.mail import logs
from newsletter.publication import disclosure, sharing
from newsletter.publication import look as colours
from newsletter.publication.headers import GUARDS
from newsletter.publication.kept import kept
from newsletter.publication.models import Publication
from newsletter.publication.pictures import icons, storages
from newsletter.publication.sharing import YEAR

logger = logging.getLogger(__name__)

AWAY_SECONDS = 120  # after which a browser or a robot may ask again
# Only what a browser shows as a picture, and nothing that can hold a script (SVG can).
PICTURE_TYPES = {
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}


@kept(parameters=["v"])
def look(request: HttpRequest) -> HttpResponse:
    publication = Publication.objects.current()
    version = colours.version(publication.accent, publication.theme)
    if request.GET.get("v", version) != version:
        return sharing.for_now(f"{request.path}?v={version}")
    response = HttpResponse(colours.css(publication.accent, publication.theme), content_type="text/css; charset=utf-8")
    if "v" in request.GET:
        patch_cache_control(response, public=True, max_age=YEAR, immutable=True)
    return response


def card(request: HttpRequest, digest: str) -> HttpResponseBase:
    """Serve the picture that other sites show beside links to pages that have none of their own."""
    publication = Publication.objects.current()
    address = sharing.publication_card_url(publication)
    return sharing.show(sharing.publication_card(publication), asked=digest, address=address)


def _icon(request: HttpRequest, content_type: str, draw: Callable[[bytes], bytes]) -> HttpResponse:
    """Serve an icon, for ever when the address names this version of it; send whoever asks for another one to this.

    draw: takes the logo, b"" for none.
    """
    version = sharing.icon_version(Publication.objects.current())
    if request.GET.get("v", version) != version:
        return sharing.for_now(f"{request.path}?v={version}")
    path = PurePath(request.path)
    octets = _drawn(f"icons/{path.stem}-{version}{path.suffix}", draw)
    response = HttpResponse(octets, content_type=content_type)
    how = {"max_age": YEAR, "immutable": True} if "v" in request.GET else {"max_age": 3600}
    patch_cache_control(response, public=True, **how)
    return response


def _drawn(name: str, draw: Callable[[bytes], bytes]) -> bytes:
    """Return an icon, drawn once; without the logo, and not for good, when its file is lost or the disk is full."""
    try:
        with sharing.drawn(name, lambda: draw(_logo())) as file:
            octets: bytes = file.read()
            return octets
    except PicturesAway:
        raise
    except OSError as error:
        logger.warning("The icon %s cannot be kept: %s", name, error)
        return draw(b"")


def _logo() -> bytes:
    """Return the author's own sign, b"" if there is none. Raise OSError if its file is lost."""
    logo = Publication.objects.current().logo
    if not logo:
        return b""
    with logo.open("rb") as file:
        data: bytes = file.read()
    return data


def _colours() -> dict[str, str]:
    accent, ink = colours.badge(Publication.objects.current().accent)
    return {"accent": accent, "ink": ink}


@kept(parameters=["v"])
def favicon(request: HttpRequest) -> HttpResponse:
    return _icon(request, "image/x-icon", lambda logo: icons.ico(**_colours(), logo=logo))


@kept(parameters=["v"])
def icon_svg(request: HttpRequest) -> HttpResponse:
    """Serve the built-in icon; a logo is a picture, and has no drawing."""
    if Publication.objects.current().logo:
        raise Http404
    return _icon(request, "image/svg+xml", lambda _logo: icons.svg(**_colours()).encode())


@kept(parameters=["v"])
def icon(request: HttpRequest, size: int, is_whole: bool = False) -> HttpResponse:
    return _icon(request, "image/png", lambda logo: icons.png(size, **_colours(), logo=logo, is_whole=is_whole))


@cache_control(public=True, max_age=YEAR, immutable=True)
def media(request: HttpRequest, digest: str, name: str) -> FileResponse:
    """Serve a picture for ever: its address is made of its content, and mails of years ago ask for it."""
    content_type = PICTURE_TYPES.get(PurePath(name).suffix.lower())
    if content_type is None:
        raise Http404
    try:
        response = FileResponse(storages.media.open(f"{digest}/{name}"), content_type=content_type)
    except FileNotFoundError:
        raise Http404 from None
    for header, value in GUARDS.items():  # shorter than those of a page: each picture of a list carries them
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
    """Answer when something broke: "back in a moment" while the database is away, or is being migrated.

    The same for a picture while the bucket is away that it lies in.
    """
    if not isinstance(sys.exc_info()[1], (OperationalError, PicturesAway)):
        return HttpResponseServerError(render_to_string("500.html", {"number": logs.request_id.get()}))
    page = render_to_string("503.html")
    return HttpResponse(
        page,
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        headers={"Retry-After": str(AWAY_SECONDS), "Cache-Control": "no-store"},
    )
