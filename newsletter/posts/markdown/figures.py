"""What is more than words: pictures with captions, films without a trace, wide tables that scroll."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape, unescape
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from django.utils.translation import gettext as _
from markdown import Markdown
from markdown.treeprocessors import Treeprocessor


class Figures(Treeprocessor):
    """Make a figure of every paragraph that is a single picture, linked or not."""

    def run(self, root: Element) -> None:
        for paragraph in root.iter("p"):
            picture = _lone_picture(paragraph)
            if picture is not None:
                _make_figure(paragraph, picture)


def _lone_picture(paragraph: Element) -> Element | None:
    """Return the `img` that is all of `paragraph`, itself or inside one link."""
    if (paragraph.text or "").strip() or len(paragraph) != 1 or (paragraph[0].tail or "").strip():
        return None
    child = paragraph[0]
    if child.tag == "a" and len(child) == 1 and not (child.text or "").strip() and not (child[0].tail or "").strip():
        child = child[0]
    return child if child.tag == "img" else None


def _make_figure(paragraph: Element, picture: Element) -> None:
    paragraph.tag = "figure"
    paragraph.text = paragraph[0].tail = None
    caption = picture.attrib.pop("title", "")
    if caption:
        SubElement(paragraph, "figcaption").text = caption


class Sizes(Treeprocessor):
    """Write the width and height of pictures that are known, so that text does not jump as they load."""

    def __init__(self, md: Markdown, sizes: Mapping[str, tuple[int, int]]) -> None:
        super().__init__(md)
        self.sizes = sizes

    def run(self, root: Element) -> None:
        for picture in root.iter("img"):
            size = self.sizes.get(picture.get("src", ""))
            if size:
                picture.set("width", str(size[0]))
                picture.set("height", str(size[1]))


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


PART: Final = re.compile(r"<(/?)table\b[^>]*>|<(h[1-6])\b[^>]*>(.*?)</\2>", re.DOTALL)
CAPTION: Final = re.compile(r"\s*<caption\b[^>]*>(.*?)</caption>", re.DOTALL)
TAG: Final = re.compile(r"<[^>]*>")
NAME_MAX: Final = 80  # characters


def with_boxes(html: str) -> str:
    """Return `html` with a box around each table but those within one, named by its caption, else the heading above.

    A group, not a region: a page may have many tables, and regions are what a screen reader's user jumps between.
    """
    return PART.sub(_boxes(html), html) if "<table" in html else html


def _boxes(html: str) -> Callable[[re.Match[str]], str]:
    heading, depth = "", 0

    def boxed(found: re.Match[str]) -> str:
        nonlocal heading, depth
        if found[2]:
            heading = heading if depth else _words(found[3])
            return found[0]
        if found[1]:
            depth -= 1
            return found[0] if depth else f"{found[0]}</div>"
        depth += 1
        return found[0] if depth > 1 else f"{_start(_caption(html, found.end()) or heading)}{found[0]}"

    return boxed


def _start(name: str) -> str:
    return f'<div class="scrolls" role="group" tabindex="0" aria-label="{escape(name or _("Table"))}">'


def _caption(html: str, at: int) -> str:
    found = CAPTION.match(html, at)
    return _words(found[1]) if found else ""


def _words(html: str) -> str:
    return " ".join(unescape(TAG.sub("", html)).split())[:NAME_MAX]
