"""What stands for us elsewhere: the picture beside a link, the icon of a tab, and their addresses."""

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

from newsletter.publication import look
from newsletter.publication.models import Publication
from newsletter.publication.pictures import icons
from newsletter.publication.pictures.cards import Card, FontUnusable
from newsletter.publication.pictures.storages import media

YEAR = 365 * 24 * 3600  # seconds

logger = logging.getLogger(__name__)


def publication_card(publication: Publication) -> Card:
    title = publication.promise or publication.name
    return Card(title, publication.name, detail=publication.author, accent=publication.accent)


def publication_card_url(publication: Publication) -> str:
    return reverse("publication:card", args=[publication_card(publication).digest])


def language_tag(publication: Publication) -> str:
    """Return the language of the pages as BCP 47 has it: Traditional Chinese as written in Taiwan."""
    return "zh-Hant-TW" if publication.language == "zh-hant" else publication.language


def icon_version(publication: Publication) -> str:
    """Return what changes when the icons do: 8 hex characters for their addresses."""
    return icons.digest(*look.badge(publication.accent), publication.logo.name or "")


def icon_url(publication: Publication, name: str) -> str:
    return f"/{name}?v={icon_version(publication)}"


def show(card: Card, *, asked: str, address: str) -> HttpResponseBase:
    """Answer with a card's picture for ever; send whoever asks for a former one to `address`.

    asked: the digest in the address that was called. Without a font to draw it, the icon stands in for the picture.
    """
    if asked != card.digest:
        return for_now(address)
    try:
        file = drawn(address.removeprefix("/"), card.png)
    except FontUnusable as error:
        logger.error("The picture beside a link cannot be drawn: %s", error)  # noqa: TRY400 - `doctor` reports the rest
        return for_now(icon_url(Publication.objects.current(), "icon-512.png"))
    shown = FileResponse(file, content_type="image/png")
    patch_cache_control(shown, public=True, max_age=YEAR, immutable=True)
    return shown


def for_now(address: str) -> HttpResponseRedirect:
    response = HttpResponseRedirect(address)
    patch_cache_control(response, public=True, max_age=60)
    return response


# --- What is drawn once ---


def drawn(name: str, draw: Callable[[], bytes]) -> IO[bytes]:
    """Return what `media` has by this name, which is small enough to be drawn in memory: see `made`."""
    return made(name, lambda file: file.write(draw()), turn="drawing")


def made(name: str, write: Callable[[IO[bytes]], object], *, turn: str) -> IO[bytes]:
    """Return what `media` has by this name, open; `write` fills it once, and it is never seen half written.

    name: a folder, what it shows, "-" and a version: of one thing only the latest version is kept, so that the folder
        does not grow with each change.
    turn: what processes make of one kind they make one after the other: a stranger may ask for many at once.
    """
    with suppress(FileNotFoundError):
        return media.open(name)
    with _alone(turn):
        with suppress(FileNotFoundError):  # another request may have made it while this one waited
            return media.open(name)
        with tempfile.TemporaryFile(dir=settings.DATA_DIR) as file:
            write(file)
            file.seek(0)
            media.put(name, file)
        _forget_former(name)
    return media.open(name)


def _forget_former(name: str) -> None:
    """Delete the other versions of a file: of "p/12-abc.png" all "12-*.png"; without a number, all of its folder."""
    path = PurePosixPath(name)
    what, dash, _version = path.name.rpartition("-")
    for other in media.beginning(f"{path.parent}/{what}{dash}"):
        if other != name and other.endswith(path.suffix):
            media.delete(other)


@contextmanager
def _alone(turn: str) -> Iterator[None]:
    """Keep other threads and processes of this machine from the same; the kernel lets go when one of them dies."""
    with (settings.DATA_DIR / f"{turn}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
