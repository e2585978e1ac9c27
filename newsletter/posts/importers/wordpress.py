"""The items of WordPress's export (WXR), read one at a time. A document type or an entity of its own ends it."""

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

from newsletter.posts.importers.html.converting import converted, with_places
from newsletter.posts.importers.imported import ImportedPost, Rejected, Remark, Spool, TagPage
from newsletter.posts.importers.moments import moment
from newsletter.posts.importers.pictures import Finder, FolderFinder
from newsletter.posts.importers.wordpress_texts import Attachment, as_html, spelled
from newsletter.posts.text.measures import words_from_title

PIECE = 1 << 20  # bytes that are read at once
MENDED_MAX = 300 * 1024**2  # bytes
ITEM_MAX = 20_000_000  # characters of one item


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
            raise Rejected("it is no XML that can be read: it is too large to be mended")
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


TEXTS = {"post", "page"}
PAGES = {"post_tag": "tag", "category": "category"}  # by kind of term: where its page was
_DESCRIPTIONS = ("_yoast_wpseo_metadesc", "rank_math_description", "_aioseo_description", "_seopress_titles_desc")
_KNOWN = {"footnotes", *_DESCRIPTIONS}  # fields that are read
_SECRET = {"private", "draft", "pending", "trash", "auto-draft", "inherit"}


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
    def _read(self) -> tuple[Spool[Item], dict[str, str]]:
        items = Spool[Item]()
        reader = Reader(items.append)
        try:
            reader.read(self.path)
        except Unreadable:
            items = Spool[Item]()
            reader = Reader(items.append)
            reader.read_mended(self.path)
        return items, reader.channel

    @property
    def is_feed(self) -> bool:
        """Return whether its items are a feed's: those of an export say of what kind they are."""
        items = self._read[0]
        return bool(items) and not any(item["wp:post_type"] for item in items)

    @cached_property
    def pictures(self) -> dict[str, Attachment]:
        """Return each file that was uploaded, by its number."""
        return {
            item["wp:post_id"]: Attachment(
                item["wp:attachment_url"],
                item.meta.get("_wp_attachment_image_alt", "").strip(),
                item["excerpt:encoded"],
                item["wp:post_parent"],
            )
            for item in self._read[0]
            if item["wp:post_type"] == "attachment"
        }

    @cached_property
    def blocks(self) -> dict[str, str]:
        """Return what many texts share, by its number."""
        items = (item for item in self._read[0] if item["wp:post_type"] == "wp_block")
        return {item["wp:post_id"]: item["content:encoded"] for item in items}

    def articles(self) -> Iterator[tuple[str, Callable[[], ImportedPost]]]:
        for item in self._read[0]:
            if item["wp:post_type"] in TEXTS or (item["wp:post_type"] and self._is_text(item)):
                yield item["wp:post_name"] or item["title"] or item["wp:post_id"], partial(self.read, item)

    def _is_text(self, item: Item) -> bool:
        """Return whether an item of a kind that a plug-in made is a text that readers saw."""
        kind = item["wp:post_type"]
        is_its_own = kind.startswith("wp_") or kind in {"attachment", "revision", "nav_menu_item", "custom_css"}
        return not is_its_own and item["wp:status"] == "publish" and bool(item["content:encoded"])

    def read(self, item: Item) -> ImportedPost:
        """Return the post of an item. Raises Rejected."""
        if item["wp:status"] == "trash":
            raise Rejected("it was in the trash there")
        remarks = list(_without_place(item))
        text = spelled(item["content:encoded"], item["wp:post_id"], self.pictures, self.blocks)
        html = as_html(text, item.meta.get("footnotes", ""), remarks)
        body = with_places(converted(html))
        at = self._published_at(item, remarks)
        cover = self.pictures.get(item.meta.get("_thumbnail_id", "").strip(), Attachment(""))
        if caption := _plain(cover.caption):
            remarks.append(Remark("the caption of its cover stays away", caption[:120]))
        is_post = item["wp:post_type"] == "post"
        if not is_post:
            remarks.append(Remark("a page is a post that no list shows", item["wp:post_type"], is_loss=False))
        title, pages = unescape(item["title"]), [page for page in map(_page, item.terms) if page]
        return ImportedPost(
            source=f"wordpress:{urlsplit(self.site).netloc}:{item['wp:post_id'] or item['wp:post_name']}",
            title=title,
            body=body.markdown,
            words=_words(item["wp:post_name"], title),
            summary=_summary(item),
            tags=tuple(page.name for page in pages),
            tag_pages=tuple(page for page in pages if page.slug),
            published_at=at,
            is_unlisted=not is_post,
            is_web_only=not is_post,
            cover=cover.address,
            cover_alt=cover.alt,
            addresses=_addresses(item),
            before=body.before,
            raw=item["content:encoded"],
            remarks=(*remarks, *body.remarks),
        )

    def _published_at(self, item: Item, remarks: list[Remark]) -> datetime | None:
        status = item["wp:status"]
        if item["wp:post_password"]:
            remarks.append(Remark("it was behind a password, so it is a draft"))
            return None
        if status == "private":
            remarks.append(Remark("it was not for everybody, so it is a draft", status))
        if status in _SECRET or status not in {"publish", "future"}:
            return None
        universal = moment(item["wp:post_date_gmt"], UTC)
        return universal or moment(item["wp:post_date"], self.zone) or moment(item["pubDate"], UTC)

    def keys(self, href: str, source: str) -> list[str]:
        return []

    def names(self, source: str) -> list[str]:
        return []


def _summary(item: Item) -> str:
    """Return the excerpt, or what search engines were told where plug-ins keep that."""
    given = item["excerpt:encoded"] or next((item.meta[name] for name in _DESCRIPTIONS if item.meta.get(name)), "")
    return _plain(given)


def _plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]{0,500}>", " ", unescape(html)).split())


def _without_place(item: Item) -> Iterator[Remark]:
    """Yield what WordPress keeps beside a text: comments of readers, and fields that its author added."""
    own = [
        name for name, value in item.meta.items() if value.strip() and not name.startswith("_") and name not in _KNOWN
    ]
    shown = [f"{name} ({' '.join(item.meta[name].split())[:40]})" for name in own[:8]]
    if item.comments:
        shown.append(f"its comments: {item.comments}")
    if shown:
        yield Remark("has no place here", ", ".join(shown), is_loss=False)


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
