"""Sharing cards and icons: their URLs, and files that are drawn once."""

import fcntl
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import IO

from django.conf import settings
from django.http import FileResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.cache import patch_cache_control

from newsletter.publication import stylesheet
from newsletter.publication.models import Publication
from newsletter.publication.pictures import icons
from newsletter.publication.pictures.cards import Card, FontUnusable
from newsletter.publication.pictures.storages import media

YEAR_SECONDS = 365 * 24 * 3600  # seconds

logger = logging.getLogger(__name__)


def publication_card(publication: Publication) -> Card:
    title = publication.promise or publication.name
    return Card(title, publication.name, detail=publication.author, accent=publication.accent)


def publication_card_url(publication: Publication) -> str:
    return reverse("publication:card", args=[publication_card(publication).digest])


def language_tag(publication: Publication) -> str:
    """The BCP 47 tag of the pages' language."""
    return "zh-Hant-TW" if publication.language == "zh-hant" else publication.language


def icon_version(publication: Publication) -> str:
    """8 hex characters for the URLs of the icons."""
    return icons.digest(*stylesheet.icon_colours(publication.accent), publication.logo.name or "")


def icon_url(publication: Publication, name: str) -> str:
    return f"/{name}?v={icon_version(publication)}"


def card_response(card: Card, *, asked: str, url: str) -> HttpResponseBase:
    """Serve a card, immutable; redirect a former digest to `url`, and to the icon if the font is missing.

    asked: the digest in the requested URL.
    """
    if asked != card.digest:
        return temporary_redirect(url)
    try:
        file = draw_once(url.removeprefix("/"), card.png)
    except FontUnusable as error:
        logger.error("The picture beside a link cannot be drawn: %s", error)  # noqa: TRY400 - `doctor` reports the rest
        return temporary_redirect(icon_url(Publication.objects.current(), "icon-512.png"))
    shown = FileResponse(file, content_type="image/png")
    patch_cache_control(shown, public=True, max_age=YEAR_SECONDS, immutable=True)
    return shown


def temporary_redirect(url: str) -> HttpResponseRedirect:
    response = HttpResponseRedirect(url)
    patch_cache_control(response, public=True, max_age=60)
    return response


def draw_once(name: str, draw: Callable[[], bytes]) -> IO[bytes]:
    """`open_or_create` for a file that is small enough for memory."""
    return open_or_create(name, lambda file: file.write(draw()), lock="drawing")


def open_or_create(name: str, write: Callable[[IO[bytes]], object], *, lock: str) -> IO[bytes]:
    """Open the file `name` in `media`; if it is missing, `write` creates it once, atomically.

    name: folder/subject-version. Other versions of the subject are deleted.
    lock: name of the lock that serializes creation: strangers may request many files at once.
    """
    with suppress(FileNotFoundError):
        return media.open(name)
    with _locked(lock):
        with suppress(FileNotFoundError):  # created while this request waited
            return media.open(name)
        with tempfile.TemporaryFile(dir=settings.DATA_DIR) as file:
            write(file)
            file.seek(0)
            media.put(name, file)
        _delete_former(name)
    return media.open(name)


def _delete_former(name: str) -> None:
    """Delete other versions: for "p/12-abc.png" all "12-*.png"; without a "-", all in the folder."""
    path = PurePosixPath(name)
    what, dash, _version = path.name.rpartition("-")
    for other in media.names_with_prefix(f"{path.parent}/{what}{dash}"):
        if other != name and other.endswith(path.suffix):
            media.delete(other)


@contextmanager
def _locked(lock: str) -> Iterator[None]:
    """A lock between threads and processes; the kernel releases it if its owner dies."""
    with (settings.DATA_DIR / f"{lock}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
