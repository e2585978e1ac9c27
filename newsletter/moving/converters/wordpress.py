"""WordPress's export (WXR), its items read one at a time. A document type or an entity of its own ends it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import partial
from html import unescape
from typing import IO, Self
from urllib.parse import unquote, urlsplit
from xml.parsers import expat

from django.utils.text import slugify

from newsletter.moving.converters.converter import Converter, Post, Spool
from newsletter.moving.converters.dates import read_date
from newsletter.moving.converters.files import Files, Rejected
from newsletter.moving.converters.html.converting import converted
from newsletter.moving.converters.wordpress_html import Attachment, as_html, with_galleries
from newsletter.moving.counting import of_html
from newsletter.moving.folder.layout import Remark, TagPage
from newsletter.posts.text.measures import words_from_title

PIECE = 1 << 20  # bytes that are read at once
MENDED_MAX = 300 * 1024**2  # bytes
ITEM_MAX = 20_000_000  # characters of one item
TEXTS = {"post", "page"}
NO_TEXTS = {"attachment", "revision", "nav_menu_item", "custom_css"}
TERM_PAGES = {"post_tag": "tag", "category": "category"}  # by kind of term: where its page was
PUBLISHED = {"publish", "future"}
DESCRIPTIONS = ("_yoast_wpseo_metadesc", "rank_math_description", "_aioseo_description", "_seopress_titles_desc")
FEED = "it is a feed, which has the latest posts at most; take the export of the program"
_CDATA = re.compile(rb"(<!\[CDATA\[.*?\]\]>)", re.DOTALL)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_BARE = re.compile(rb"&(?!#?\w{1,32};)")


class Unreadable(Rejected):
    """The file is no XML as it stands."""


@dataclass
class Item:
    """One post, page, picture or anything else that WordPress keeps: its fields, terms and further values."""

    fields: dict[str, str] = field(default_factory=dict)
    terms: list[tuple[str, str, str]] = field(default_factory=list)  # kind, name and slug
    meta: dict[str, str] = field(default_factory=dict)
    comments: int = 0  # what readers wrote below it, as far as it was let in

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "").strip()


class Reader:
    """Makes items of the events of expat, one at a time."""

    def __init__(self) -> None:
        self.items = Spool[Item]()
        self.item: Item | None = None
        self.channel: dict[str, str] = {}
        self.path: list[str] = []
        self.words: list[str] = []
        self.term = self.slug = self.key = ""
        self.parser = expat.ParserCreate(namespace_separator=None)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self.words.append
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self.parser.ExternalEntityRefHandler = self._refuse

    def read(self, opened: IO[bytes]) -> Self:
        """Read the whole file. Raises Rejected, and Unreadable for what may be mended."""
        try:
            while piece := opened.read(PIECE):
                self.parser.Parse(piece, False)
            self.parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise Unreadable(f"it is no XML that can be read: {error}") from error
        return self

    def read_mended(self, data: bytes) -> Self:
        """Read a file after mending what plug-ins break: a bare `&`, and control characters. Raises Rejected."""
        if len(data) > MENDED_MAX:
            raise Rejected("it is no XML that can be read: it is too large to be mended")
        parts = _CDATA.split(_CONTROL.sub(b"", data))
        whole = b"".join(part if part.startswith(b"<![CDATA[") else _BARE.sub(b"&amp;", part) for part in parts)
        try:
            self.parser.Parse(whole, True)
        except expat.ExpatError as error:
            raise Rejected(f"it is no XML that can be read: {error}") from error
        return self

    def _refuse(self, *args: object) -> int:
        raise Rejected("it declares a document type or an entity, which no export of WordPress does")

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self.path.append(name)
        self.words.clear()
        if name == "item":
            self.item = Item()
        elif name == "category":
            self.term, self.slug = attributes.get("domain", "category"), attributes.get("nicename", "")

    def _end(self, name: str) -> None:
        text = "".join(self.words)
        self.words.clear()
        self.path.pop()
        if self.item is None:
            if self.path[-1:] == ["channel"]:
                self.channel.setdefault(name, text.strip())
        elif name == "item":
            self.items.append(self.item)
            self.item = None
        else:
            self._field(self.item, name, text)

    def _field(self, item: Item, name: str, text: str) -> None:
        if len(text) > ITEM_MAX:
            raise Rejected(f"one of its texts is too long: {len(text):,} characters")
        if name == "category":
            item.terms.append((self.term, text.strip(), self.slug))
        elif name == "wp:meta_key":
            self.key = text.strip()
        elif name == "wp:meta_value":
            item.meta[self.key] = text
        elif name == "wp:comment_approved":
            item.comments += text.strip() == "1"
        elif self.path[-1:] == ["item"]:
            item.fields[name] = text


class WordPress(Converter):
    program = "WordPress"

    def __init__(self, files: Files, zone: tzinfo, site: str = "", *, reader: Reader) -> None:
        channel = reader.channel
        super().__init__(files, zone, site or channel.get("wp:base_blog_url") or channel.get("link", ""))
        self.items = reader.items
        self.pictures, self.blocks = dict[str, Attachment](), dict[str, str]()
        for item in self.items:
            if item["wp:post_type"] == "attachment":
                self.pictures[item["wp:post_id"]] = _attachment(item)
            elif item["wp:post_type"] == "wp_block":  # what many texts share
                self.blocks[item["wp:post_id"]] = item["content:encoded"]

    @classmethod
    def open(cls, files: Files, zone: tzinfo, site: str = "") -> Self | None:
        names = files.names if files.is_one else files.named(".xml")
        for name in names:
            head = files.read(name, 4_096).lstrip(b"\xef\xbb\xbf \t\r\n")
            if not head.startswith((b"<?xml", b"<rss", b"<!DOCTYPE")) or not (b"<rss" in head or b"<!DOCTYPE" in head):
                continue
            if b"<html" in head.lower() or b"doctype html" in head.lower():
                continue
            reader = _reader(files, name)
            if any(item["wp:post_type"] for item in reader.items):
                return cls(files, zone, site, reader=reader)
            if files.is_one and reader.items:
                raise Rejected(FEED)
        return None

    def posts(self) -> Iterator[tuple[str, Callable[[], Post]]]:
        for item in self.items:
            if _is_text(item):
                yield item["wp:post_name"] or item["title"] or item["wp:post_id"], partial(self.read, item)

    def read(self, item: Item) -> Post:
        if item["wp:status"] == "trash":
            raise Rejected("it was in the trash there")
        remarks = list(_without_place(item))
        typed = with_galleries(item["content:encoded"], item["wp:post_id"], self.pictures, self.blocks)
        html = as_html(typed, item.meta.get("footnotes", ""), remarks)
        body, lost = converted(html)
        cover = self.pictures.get(item.meta.get("_thumbnail_id", "").strip(), Attachment(""))
        if caption := _plain(cover.caption):
            remarks.append(Remark("the caption of its cover stays away", caption))
        is_post = item["wp:post_type"] == "post"
        if not is_post:
            remarks.append(Remark("a page is a post that no list shows", item["wp:post_type"], is_loss=False))
        title, pages = unescape(item["title"]), [page for page in map(_term_page, item.terms) if page]
        return Post(
            source=f"wordpress:{urlsplit(self.site).netloc}:{item['wp:post_id'] or item['wp:post_name']}",
            title=title,
            body=body,
            slug=_slug(item["wp:post_name"], title),
            summary=_plain(item["excerpt:encoded"] or next(filter(None, map(item.meta.get, DESCRIPTIONS)), "")),
            tags=tuple(page.name for page in pages),
            tag_pages=tuple(page for page in pages if page.slug),
            date=self._published_at(item, remarks),
            is_unlisted=not is_post,
            is_web_only=not is_post,
            cover=cover.address,
            cover_alt=cover.alt,
            addresses=_addresses(item),
            original=of_html(item["content:encoded"]),
            remarks=(*remarks, *lost),
        )

    def _published_at(self, item: Item, remarks: list[Remark]) -> datetime | None:
        status = item["wp:status"]
        if item["wp:post_password"]:
            remarks.append(Remark("it was behind a password, so it is a draft"))
            return None
        if status == "private":
            remarks.append(Remark("it was not for everybody, so it is a draft", status))
        if status not in PUBLISHED:
            return None
        universal = read_date(item["wp:post_date_gmt"], UTC)
        return universal or read_date(item["wp:post_date"], self.zone) or read_date(item["pubDate"], UTC)


def _reader(files: Files, name: str) -> Reader:
    try:
        with files.open(name) as opened:
            return Reader().read(opened)
    except Unreadable:
        return Reader().read_mended(files.read(name, MENDED_MAX + 1))


def _attachment(item: Item) -> Attachment:
    alt = item.meta.get("_wp_attachment_image_alt", "").strip()
    return Attachment(item["wp:attachment_url"], alt, item["excerpt:encoded"], item["wp:post_parent"])


def _is_text(item: Item) -> bool:
    """Return whether an item is a text; of a kind that a plug-in made, one that readers saw."""
    kind = item["wp:post_type"]
    if kind in TEXTS:
        return True
    is_its_own = not kind or kind.startswith("wp_") or kind in NO_TEXTS
    return not is_its_own and item["wp:status"] == "publish" and bool(item["content:encoded"])


def _plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]{0,500}>", " ", unescape(html)).split())


def _without_place(item: Item) -> Iterator[Remark]:
    """Yield what WordPress keeps beside a text: comments of readers, and fields that its author added."""
    own = {name: " ".join(value.split())[:40] for name, value in item.meta.items() if not name.startswith("_")}
    known = {"footnotes", *DESCRIPTIONS}
    shown = [f"{name} ({value})" for name, value in own.items() if value and name not in known][:8]
    shown += [f"its comments: {item.comments}"] if item.comments else []
    if shown:
        yield Remark("has no place here", ", ".join(shown), is_loss=False)


def _term_page(term: tuple[str, str, str]) -> TagPage | None:
    """Return the page of a tag or a category; None for what is neither, and for the category of what has none."""
    kind, name, slug = term
    if kind not in TERM_PAGES or not name or name.lower() in {"uncategorized", "未分類"}:
        return None
    return TagPage(unescape(name), unquote(slug), f"/{TERM_PAGES[kind]}/{slug}/")


def _slug(given: str, title: str) -> str:
    own = slugify(given[:120].rpartition("/")[2].removesuffix(".html"))
    return own[:60].strip("-") if re.search("[a-z]", own) and not given.startswith("%") else words_from_title(title)


def _addresses(item: Item) -> tuple[str, ...]:
    number = item["wp:post_id"]
    found = [item["link"], item["guid"], *([f"/?p={number}", f"/?page_id={number}"] if number else [])]
    paths = (urlsplit(address) for address in found if address)
    return tuple(dict.fromkeys(f"{one.path or '/'}{'?' + one.query if one.query else ''}" for one in paths))
