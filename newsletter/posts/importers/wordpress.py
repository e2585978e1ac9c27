"""WordPress's export (WXR): posts and pages, in blocks or in the editor before them.

A document type or an entity of its own ends the import (docs/decisions/0078). Source: wp-admin/includes/export.php.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cached_property, partial
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.parsers import expat

from django.utils.text import slugify

from newsletter.posts.importers.folder.fields import moment
from newsletter.posts.importers.html.converting import converted
from newsletter.posts.importers.imported import ImportedPost, Rejected, Remark, TagPage
from newsletter.posts.importers.pictures.finding import Finder, FolderFinder
from newsletter.posts.importers.wordpress_text import as_html
from newsletter.posts.text.measures import words_from_title

TEXTS = {"post", "page"}
PAGES = {"post_tag": "tag", "category": "category"}  # by kind of term: where its page was
PIECE = 1 << 20  # bytes that are read at once
MENDED_MAX = 300 * 1024**2  # bytes
ITEM_MAX = 20_000_000  # characters of one item
_SECRET = {"private", "draft", "pending", "trash", "auto-draft", "inherit"}


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

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "").strip()


class Reader:
    """Makes items of the events of expat, one at a time."""

    def __init__(self, on_item: Callable[[Item], None]) -> None:
        self.on_item, self.item = on_item, None
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

    item: Item | None

    def read(self, path: Path) -> None:
        """Read the whole file. Raises Rejected."""
        try:
            with path.open("rb") as opened:
                while piece := opened.read(PIECE):
                    self.parser.Parse(piece, False)
            self.parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise Unreadable(f"it is no XML that can be read: {error}") from error

    def read_mended(self, path: Path) -> None:
        """Read a file after mending what plug-ins break: a bare `&`, and control characters. Raises Rejected."""
        if path.stat().st_size > MENDED_MAX:
            raise Rejected(f"it is no XML that can be read, and larger than {MENDED_MAX // 1024**2} MB")
        parts = _CDATA.split(_CONTROL.sub(b"", path.read_bytes()))
        whole = b"".join(part if part.startswith(b"<![CDATA[") else _BARE.sub(b"&amp;", part) for part in parts)
        try:
            self.parser.Parse(whole, True)
        except expat.ExpatError as error:
            raise Rejected(f"it is no XML that can be read: {error}") from error

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
            self.on_item(self.item)
            self.item = None
        else:
            self._field(self.item, name, text)

    def _field(self, item: Item, name: str, text: str) -> None:
        if len(text) > ITEM_MAX:
            raise Rejected(f"one of its texts is longer than {ITEM_MAX:,} characters")
        if name == "category":
            item.terms.append((self.term, text.strip(), self.slug))
        elif name == "wp:meta_key":
            self.key = text.strip()
        elif name == "wp:meta_value":
            item.meta[self.key] = text
        elif self.path[-1:] == ["item"]:
            item.fields[name] = text


class Source:
    """An export of WordPress. The pictures lie in a folder, or are asked for where the blog was."""

    name = "WordPress"

    def __init__(self, path: Path, zone: tzinfo, site: str = "") -> None:
        self.path, self.zone = path, zone
        self.finders: list[Finder] = [FolderFinder(path.parent)]
        self.given = site

    @property
    def site(self) -> str:
        channel = self._read[1]
        return self.given or channel.get("wp:base_blog_url") or channel.get("link", "")

    @cached_property
    def _read(self) -> tuple[list[Item], dict[str, str]]:
        items: list[Item] = []
        reader = Reader(items.append)
        try:
            reader.read(self.path)
        except Unreadable:
            items.clear()
            reader = Reader(items.append)
            reader.read_mended(self.path)
        return items, reader.channel

    @cached_property
    def pictures(self) -> dict[str, tuple[str, str]]:
        """Return the address and the words of each picture, by its number."""
        return {
            item["wp:post_id"]: (item["wp:attachment_url"], item.meta.get("_wp_attachment_image_alt", ""))
            for item in self._read[0]
            if item["wp:post_type"] == "attachment"
        }

    def articles(self) -> Iterator[tuple[str, Callable[[], ImportedPost]]]:
        for item in self._read[0]:
            if item["wp:post_type"] in TEXTS or (item["wp:post_type"] and self._is_text(item)):
                yield item["wp:post_name"] or item["title"] or item["wp:post_id"], partial(self.read, item)

    def _is_text(self, item: Item) -> bool:
        """Return whether an item of a kind that a plug-in made is a text that readers saw."""
        kind = item["wp:post_type"]
        known = {
            "attachment",
            "revision",
            "nav_menu_item",
            "custom_css",
            "customize_changeset",
            "oembed_cache",
            "user_request",
        }
        return (
            kind not in known
            and not kind.startswith("wp_")
            and item["wp:status"] == "publish"
            and bool(item["content:encoded"])
        )

    def read(self, item: Item) -> ImportedPost:
        remarks: list[Remark] = []
        html = as_html(item["content:encoded"], item.meta.get("footnotes", ""), remarks)
        body = converted(html)
        at = self._published_at(item, remarks)
        cover, alt = self.pictures.get(item.meta.get("_thumbnail_id", "").strip(), ("", ""))
        is_post = item["wp:post_type"] == "post"
        if not is_post:
            remarks.append(Remark(f"a {item['wp:post_type']} is a post that no list shows", is_loss=False))
        title, pages = unescape(item["title"]), [page for page in map(_page, item.terms) if page]
        return ImportedPost(
            source=f"wordpress:{urlsplit(self.site).netloc}:{item['wp:post_id'] or item['wp:post_name']}",
            title=title,
            body=body.markdown,
            words=_words(item["wp:post_name"], title),
            summary=" ".join(re.sub(r"<[^>]{0,500}>", " ", unescape(item["excerpt:encoded"])).split()),
            tags=tuple(page.name for page in pages),
            tag_pages=tuple(page for page in pages if page.slug),
            published_at=at,
            is_unlisted=not is_post,
            is_web_only=not is_post,
            cover=cover,
            cover_alt=alt,
            addresses=_addresses(item),
            before=body.before,
            page=body.page,
            remarks=(*remarks, *body.remarks),
        )

    def _published_at(self, item: Item, remarks: list[Remark]) -> datetime | None:
        status = item["wp:status"]
        if item["wp:post_password"]:
            remarks.append(Remark("it was behind a password, so it is a draft"))
            return None
        if status in _SECRET or status not in {"publish", "future"}:
            return None
        universal = moment(item["wp:post_date_gmt"], UTC)
        return universal or moment(item["wp:post_date"], self.zone) or moment(item["pubDate"], UTC)

    def keys(self, href: str, source: str) -> list[str]:
        return []

    def names(self, source: str) -> list[str]:
        return []


def _page(term: tuple[str, str, str]) -> TagPage | None:
    """Return the page of a tag or a category; None for what is neither, and for the category of what has none."""
    kind, name, slug = term
    if kind not in PAGES or not name or name.lower() in {"uncategorized", "未分類"}:
        return None
    return TagPage(unescape(name), unquote(slug), f"/{PAGES[kind]}/{slug}/")


def _words(slug: str, title: str) -> str:
    own = slugify(slug[:120].rpartition("/")[2].removesuffix(".html"))
    return own[:60].strip("-") if re.search("[a-z]", own) and not slug.startswith("%") else words_from_title(title)


def _addresses(item: Item) -> tuple[str, ...]:
    found = [item["link"], item["guid"]]
    number = item["wp:post_id"]
    found += [f"/?p={number}", f"/?page_id={number}"] if number else []
    paths = (urlsplit(address) for address in found if address)
    return tuple(dict.fromkeys(f"{one.path or '/'}{'?' + one.query if one.query else ''}" for one in paths))
