"""Films: which addresses are one, and how it is shown without telling its host who reads."""

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from django.utils.translation import gettext as _

PLAYERS = ("https://www.youtube-nocookie.com/embed/", "https://player.vimeo.com/video/")
YOUTUBE = re.compile(
    r"^https?://(?:(?:www\.|m\.)?youtube(?:-nocookie)?\.com/(?:watch\?(?:[^#\s]*&)?v=|shorts/|live/|embed/|v/)|youtu\.be/)"
    r"(?P<id>[\w-]{11})(?:[?&#/][^\s]*)?$",
    re.ASCII,
)
VIMEO = re.compile(
    r"^https?://(?:www\.|player\.)?vimeo\.com/(?:video/|moogaloop\.swf\?clip_id=)?(?P<id>\d{6,12})(?:[?&#/][^\s]*)?$",
    re.ASCII,
)
LENGTH_MAX = 2_000  # characters of an address or a host's code; to look for one in more takes the square of it
START = re.compile(r"[?&#](?:t|start)=(?P<seconds>\d+)s?\b")
IFRAME = re.compile(r"""^\s*<iframe\b[^>]*\bsrc=["']?(?P<url>[^"'\s>]+)[^>]*>\s*</iframe>\s*$""", re.IGNORECASE)


@dataclass(frozen=True)
class Film:
    """A film on YouTube or Vimeo."""

    host: str
    player_url: str
    page_url: str


def film(text: str) -> Film | None:
    """Return the film that `text` (an address, or the host's own iframe code) shows, if that is all it says."""
    if len(text) > LENGTH_MAX:
        return None
    frame = IFRAME.match(text)
    url = (frame["url"] if frame else text.strip()).replace("&amp;", "&")
    if url.startswith("//"):
        url = f"https:{url}"
    if match := YOUTUBE.match(url):
        return _youtube(match["id"], START.search(url))
    if match := VIMEO.match(url):
        return Film("Vimeo", f"{PLAYERS[1]}{match['id']}?dnt=1", f"https://vimeo.com/{match['id']}")
    return None


def _youtube(id_: str, start: re.Match[str] | None) -> Film:
    player, page = f"{PLAYERS[0]}{id_}", f"https://www.youtube.com/watch?v={id_}"
    if start:
        player, page = f"{player}?start={start['seconds']}", f"{page}&t={start['seconds']}s"
    return Film("YouTube", player, page)


def for_web(parent: Element, film: Film) -> None:
    """Append a closed `details`: the player is loaded, without cookies, when the reader opens it."""
    box = SubElement(parent, "details", {"class": "embed"})
    SubElement(box, "summary").text = _("Play the film (%(host)s)") % {"host": film.host}
    frame = SubElement(
        box, "iframe", {"src": film.player_url, "title": film.host, "allowfullscreen": "allowfullscreen"}
    )
    frame.set("referrerpolicy", "strict-origin-when-cross-origin")  # the player refuses to play without an origin
    _link(SubElement(box, "p"), film)


def for_mail(parent: Element, film: Film) -> None:
    """Append a link: a preview picture would let its host see who opens the mail."""
    _link(SubElement(parent, "p", {"class": "embed"}), film)


def _link(parent: Element, film: Film) -> None:
    link = SubElement(parent, "a", {"href": film.page_url})
    link.text = _("▶ Watch on %(host)s") % {"host": film.host}
