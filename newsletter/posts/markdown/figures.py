"""Pictures with captions, embedded videos, and tables that scroll."""

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
    """Turns each paragraph that is a single picture, linked or not, into a `figure`."""

    def run(self, root: Element) -> None:
        for paragraph in root.iter("p"):
            picture = _lone_picture(paragraph)
            if picture is not None:
                _make_figure(paragraph, picture)


def _lone_picture(paragraph: Element) -> Element | None:
    """The `img` that is the whole paragraph, possibly inside a link."""
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


class PictureSizes(Treeprocessor):
    """Sets width and height of known pictures, so that text does not jump while they load."""

    def __init__(self, md: Markdown, sizes: Mapping[str, tuple[int, int]]) -> None:
        super().__init__(md)
        self.sizes = sizes

    def run(self, root: Element) -> None:
        for picture in root.iter("img"):
            size = self.sizes.get(picture.get("src", ""))
            if size:
                picture.set("width", str(size[0]))
                picture.set("height", str(size[1]))


PLAYER_URLS = ("https://www.youtube-nocookie.com/embed/", "https://player.vimeo.com/video/")
YOUTUBE = re.compile(
    r"^https?://(?:(?:www\.|m\.)?youtube(?:-nocookie)?\.com/(?:watch\?(?:[^#\s]*&)?v=|shorts/|live/|embed/|v/)|youtu\.be/)"
    r"(?P<id>[\w-]{11})(?:[?&#/][^\s]*)?$",
    re.ASCII,
)
VIMEO = re.compile(
    r"^https?://(?:www\.|player\.)?vimeo\.com/(?:video/|moogaloop\.swf\?clip_id=)?(?P<id>\d{6,12})(?:[?&#/][^\s]*)?$",
    re.ASCII,
)
LENGTH_MAX = 2_000  # characters of a URL or embed code; the patterns take quadratic time
START = re.compile(r"[?&#](?:t|start)=(?P<seconds>\d+)s?\b")
IFRAME = re.compile(r"""^\s*<iframe\b[^>]*\bsrc=["']?(?P<url>[^"'\s>]+)[^>]*>\s*</iframe>\s*$""", re.IGNORECASE)


@dataclass(frozen=True)
class Video:
    provider: str
    player_url: str
    page_url: str


def parse_video(text: str) -> Video | None:
    if len(text) > LENGTH_MAX:
        return None
    frame = IFRAME.match(text)
    url = (frame["url"] if frame else text.strip()).replace("&amp;", "&")
    if url.startswith("//"):
        url = f"https:{url}"
    if match := YOUTUBE.match(url):
        return _youtube(match["id"], START.search(url))
    if match := VIMEO.match(url):
        return Video("Vimeo", f"{PLAYER_URLS[1]}{match['id']}?dnt=1", f"https://vimeo.com/{match['id']}")
    return None


def _youtube(id_: str, start: re.Match[str] | None) -> Video:
    player, page = f"{PLAYER_URLS[0]}{id_}", f"https://www.youtube.com/watch?v={id_}"
    if start:
        player, page = f"{player}?start={start['seconds']}", f"{page}&t={start['seconds']}s"
    return Video("YouTube", player, page)


def append_player(parent: Element, video: Video) -> None:
    """Append a closed `details`, so that the cookie-free player loads only when opened."""
    box = SubElement(parent, "details", {"class": "embed"})
    SubElement(box, "summary").text = _("Play the film (%(host)s)") % {"host": video.provider}
    frame = SubElement(
        box, "iframe", {"src": video.player_url, "title": video.provider, "allowfullscreen": "allowfullscreen"}
    )
    frame.set("referrerpolicy", "strict-origin-when-cross-origin")  # the player requires an origin
    _link(SubElement(box, "p"), video)


def append_video_link(parent: Element, video: Video) -> None:
    """Append a link; a preview picture would let its host track who opens the mail."""
    _link(SubElement(parent, "p", {"class": "embed"}), video)


def _link(parent: Element, video: Video) -> None:
    link = SubElement(parent, "a", {"href": video.page_url})
    link.text = _("▶ Watch on %(host)s") % {"host": video.provider}


PART: Final = re.compile(r"<(/?)table\b[^>]*>|<(h[1-6])\b[^>]*>(.*?)</\2>", re.DOTALL)
CAPTION: Final = re.compile(r"\s*<caption\b[^>]*>(.*?)</caption>", re.DOTALL)
TAG: Final = re.compile(r"<[^>]*>")
NAME_MAX: Final = 80  # characters


def wrap_tables(html: str) -> str:
    """Wrap outer tables in a scrolling box, labelled by the caption or the heading above.

    role=group, not region: screen readers list regions for navigation, and a page may have many tables.
    """
    return PART.sub(_table_wrapper(html), html) if "<table" in html else html


def _table_wrapper(html: str) -> Callable[[re.Match[str]], str]:
    heading, depth = "", 0

    def wrap(found: re.Match[str]) -> str:
        nonlocal heading, depth
        if found[2]:
            heading = heading if depth else _words(found[3])
            return found[0]
        if found[1]:
            depth -= 1
            return found[0] if depth else f"{found[0]}</div>"
        depth += 1
        if depth > 1:
            return found[0]
        name = escape(_caption(html, found.end()) or heading or _("Table"))
        return f'<div class="scrolls" role="group" tabindex="0" aria-label="{name}">{found[0]}'

    return wrap


def _caption(html: str, at: int) -> str:
    found = CAPTION.match(html, at)
    return _words(found[1]) if found else ""


def _words(html: str) -> str:
    return " ".join(unescape(TAG.sub("", html)).split())[:NAME_MAX]
