"""What stands for us elsewhere: the picture beside a link, the icon of a tab, and their addresses."""

import logging
import os
import tempfile
from pathlib import Path

from django.conf import settings
from django.http import FileResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.cache import patch_cache_control

from newsletter.publication import icons, look
from newsletter.publication.cards import Card, FontUnusable
from newsletter.publication.models import Publication

YEAR = 365 * 24 * 3600  # seconds

logger = logging.getLogger(__name__)


def publication_card(publication: Publication) -> Card:
    """Return the card of every page that has none of its own."""
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
        return _for_now(address)
    try:
        file = _drawn(card)
    except FontUnusable as error:
        logger.error("The picture beside a link cannot be drawn: %s", error)  # noqa: TRY400 - the doctor tells the rest
        return _for_now(icon_url(Publication.objects.current(), "icon-512.png"))
    shown = FileResponse(file.open("rb"), content_type="image/png")
    patch_cache_control(shown, public=True, max_age=YEAR, immutable=True)
    return shown


def _for_now(address: str) -> HttpResponseRedirect:
    response = HttpResponseRedirect(address)
    patch_cache_control(response, public=True, max_age=60)
    return response


def _drawn(card: Card) -> Path:
    """Return the file of a card; it is drawn once, and never seen half written."""
    path: Path = settings.MEDIA_ROOT / "cards" / f"{card.digest}.png"
    if not path.exists():
        octets = card.png()
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(octets)
        Path(name).replace(path)
    return path
