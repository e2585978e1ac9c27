"""WordPress's export (WXR), its items read one at a time. A document type or an entity of its own ends it."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import partial
from html import unescape
from typing import IO, Self
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from django.utils.text import slugify

from newsletter.moving.converters.converter import ConvertedPost, Converter
from newsletter.moving.converters.files import Files, Rejected
from newsletter.moving.converters.html.converting import convert_html
from newsletter.moving.converters.wordpress_html import Attachment, as_html, with_galleries
from newsletter.moving.counting import count_html
from newsletter.moving.folder.layout import Remark, TagPage
from newsletter.posts.text.prose import slug_from_title
from subscribers.importers.dates import parse_datetime

ITEM_MAX = 20_000_000  # characters of one text
PROLOGUE_MAX = 1 << 20  # bytes before the first element
TEXT_TYPES = {"post", "page"}
TYPES_WITHOUT_TEXT = {"attachment", "revision", "nav_menu_item", "custom_css"}
TERM_PAGES = {"post_tag": "tag", "category": "category"}  # by kind of term: where its page was
PUBLISHED = {"publish", "future"}
DESCRIPTION_KEYS = ("_yoast_wpseo_metadesc", "rank_math_description", "_aioseo_description", "_seopress_titles_desc")
FEED = "it is a feed, which has the latest posts at most; take the export of the program"
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_BARE_AMPERSAND = re.compile(rb"&(?!#?\w{1,32};)")


@dataclass
class _MendedXml:
    """Without control characters, and with bare `&` outside of CDATA escaped: plug-ins leave both in."""

    opened: IO[bytes]
    is_in_cdata: bool = False

    def read(self, _size: int = -1, /) -> bytes:
        line = _CONTROL.sub(b"", self.opened.readline())
        parts = re.split(rb"(<!\[CDATA\[|\]\]>)", line)
        for index, part in enumerate(parts):
            self.is_in_cdata = part == b"<![CDATA[" or (self.is_in_cdata and part != b"]]>")
            parts[index] = part if self.is_in_cdata else _BARE_AMPERSAND.sub(b"&amp;", part)
        return b"".join(parts)


@dataclass
class WxrItem:
    """One post, page, picture or anything else that WordPress keeps: its fields, terms and further values."""

    fields: dict[str, str] = field(default_factory=dict)
    terms: list[tuple[str, str, str]] = field(default_factory=list)  # kind, name and slug
    meta: dict[str, str] = field(default_factory=dict)
    comments: int = 0  # what readers wrote below it, as far as it was let in

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "").strip()


def _refuse_document_type(opened: IO[bytes]) -> None:
    """Raise Rejected where entities may be declared: only a document type can, and only before the first element."""
    begin = re.sub(rb"<!--.*?-->|<\?.*?\?>", b"", opened.read(PROLOGUE_MAX), flags=re.DOTALL)
    prologue, *rest = re.split(rb"<[a-zA-Z]", begin, maxsplit=1)
    if b"<!" in prologue or not rest:
        raise Rejected("it declares a document type or an entity, which no export of WordPress does")


def items_of(opened: IO[bytes]) -> Iterator[tuple[str, WxrItem]]:
    """Yield the fields of the channel, by their names, and its items, named `item`. Raises Rejected."""
    prefixes: dict[str, str] = {}
    try:
        for event, found in ElementTree.iterparse(_MendedXml(opened), ("start-ns", "end")):  # noqa: S314 # nosec B314
            if event == "start-ns":
                prefixes[found[1]] = f"{found[0]}:" if found[0] else ""
                continue
            name = _name(found, prefixes)
            if name == "item":
                yield name, _item(found, prefixes)
            elif name in {"link", "wp:base_blog_url"}:
                yield name, WxrItem({name: found.text or ""})
            if name in {"item", "wp:author", "wp:term", "wp:tag", "wp:category"}:
                found.clear()
    except ElementTree.ParseError as error:
        raise Rejected(f"it is no XML that can be read: {error}") from error


def _name(element: ElementTree.Element, prefixes: dict[str, str]) -> str:
    space, brace, local = element.tag.rpartition("}")
    return prefixes.get(space[1:], "") + local if brace else local


def _item(element: ElementTree.Element, prefixes: dict[str, str]) -> WxrItem:
    item = WxrItem()
    for child in element:
        name, text = _name(child, prefixes), child.text or ""
        if len(text) > ITEM_MAX:
            raise Rejected(f"one of its texts is too long: {len(text):,} characters")
        if name == "category":
            item.terms.append((child.get("domain", "category"), text.strip(), child.get("nicename", "")))
        elif name == "wp:postmeta":
            key, value = (*(one.text or "" for one in child), "", "")[:2]
            item.meta[key.strip()] = value
        elif name == "wp:comment":
            item.comments += any(
                _name(one, prefixes) == "wp:comment_approved" and (one.text or "").strip() == "1" for one in child
            )
        else:
            item.fields[name] = text
    return item


class WordPress(Converter):
    program = "WordPress"

    def __init__(self, files: Files, zone: tzinfo, site_url: str = "", *, names: Sequence[str]) -> None:
        super().__init__(files, zone, site_url)
        self.names = names
        for name in names:
            with files.open(name) as opened:
                _refuse_document_type(opened)
        self.attachments, self.blocks = dict[str, Attachment](), dict[str, str]()
        self.kinds: set[str] = set()
        channel: dict[str, str] = {}
        for kind, item in self._items():
            if kind != "item":
                channel.setdefault(kind, item[kind])
                continue
            self.kinds.add(item["wp:post_type"])
            if item["wp:post_type"] == "attachment":
                alt, url = item.meta.get("_wp_attachment_image_alt", "").strip(), item["wp:attachment_url"]
                file = Attachment(url, alt, item["excerpt:encoded"], item["wp:post_parent"])
                self.attachments[item["wp:post_id"]] = file
            elif item["wp:post_type"] == "wp_block":  # what many texts share
                self.blocks[item["wp:post_id"]] = item["content:encoded"]
        self.site_url = site_url or channel.get("wp:base_blog_url") or channel.get("link", "")

    @classmethod
    def open(cls, files: Files, zone: tzinfo, site_url: str = "") -> Self | None:
        """Take all files of WordPress's XML: a large export is several, in a ZIP."""
        candidates = files.names if files.is_single_file else files.with_suffix(".xml")
        names = [name for name in candidates if _is_rss(files.head(name, 4_096))]
        made = cls(files, zone, site_url, names=names) if names else None
        if made and any(made.kinds):
            return made
        if made and made.kinds and files.is_single_file:
            raise Rejected(FEED)
        return None

    def _items(self) -> Iterator[tuple[str, WxrItem]]:
        """Read the files once more: never are all of their items in memory."""
        for name in self.names:
            with self.files.open(name) as opened:
                yield from items_of(opened)

    def posts(self) -> Iterator[tuple[str, Callable[[], ConvertedPost]]]:
        for kind, item in self._items():
            if kind == "item" and _is_text(item):
                yield item["wp:post_name"] or item["title"] or item["wp:post_id"], partial(self.read_post, item)

    def read_post(self, item: WxrItem) -> ConvertedPost:
        if item["wp:status"] == "trash":
            raise Rejected("it was in the trash there")
        remarks = list(_unsupported_fields(item))
        typed = with_galleries(item["content:encoded"], item["wp:post_id"], self.attachments, self.blocks)
        html = as_html(typed, item.meta.get("footnotes", ""), remarks)
        body, lost = convert_html(html)
        cover = self.attachments.get(item.meta.get("_thumbnail_id", "").strip(), Attachment(""))
        if caption := _plain(cover.caption):
            remarks.append(Remark("the caption of its cover stays away", caption))
        is_post = item["wp:post_type"] == "post"
        if not is_post:
            remarks.append(Remark("a page is a post that no list shows", item["wp:post_type"], is_loss=False))
        title, pages = unescape(item["title"]), [page for page in map(_term_page, item.terms) if page]
        return ConvertedPost(
            source=f"wordpress:{urlsplit(self.site_url).netloc}:{item['wp:post_id'] or item['wp:post_name']}",
            title=title,
            body=body,
            slug=_slug(item["wp:post_name"], title),
            summary=_plain(item["excerpt:encoded"] or next(filter(None, map(item.meta.get, DESCRIPTION_KEYS)), "")),
            tags=tuple(page.name for page in pages),
            tag_pages=tuple(page for page in pages if page.slug),
            date=self._published_at(item, remarks),
            is_unlisted=not is_post,
            is_web_only=not is_post,
            cover=cover.url,
            cover_alt=cover.alt,
            addresses=_addresses(item),
            original_counts=count_html(item["content:encoded"]),
            remarks=(*remarks, *lost),
        )

    def _published_at(self, item: WxrItem, remarks: list[Remark]) -> datetime | None:
        status = item["wp:status"]
        if item["wp:post_password"]:
            remarks.append(Remark("it was behind a password, so it is a draft"))
            return None
        if status == "private":
            remarks.append(Remark("it was not for everybody, so it is a draft", status))
        if status not in PUBLISHED:
            return None
        universal = parse_datetime(item["wp:post_date_gmt"], UTC)
        return universal or parse_datetime(item["wp:post_date"], self.zone) or parse_datetime(item["pubDate"], UTC)


def _is_rss(head: bytes) -> bool:
    head = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    is_html = b"<html" in head.lower() or b"doctype html" in head.lower()
    is_xml = head.startswith((b"<?xml", b"<rss", b"<!DOCTYPE")) and (b"<rss" in head or b"<!DOCTYPE" in head)
    return is_xml and not is_html


def _is_text(item: WxrItem) -> bool:
    """Posts and pages; of plug-ins' own kinds those that are published and have a text."""
    kind = item["wp:post_type"]
    if kind in TEXT_TYPES:
        return True
    is_its_own = not kind or kind.startswith("wp_") or kind in TYPES_WITHOUT_TEXT
    return not is_its_own and item["wp:status"] == "publish" and bool(item["content:encoded"])


def _plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]{0,500}>", " ", unescape(html)).split())


def _unsupported_fields(item: WxrItem) -> Iterator[Remark]:
    """Yield what WordPress keeps beside a text: comments of readers, and fields that its author added."""
    own = {name: " ".join(value.split())[:40] for name, value in item.meta.items() if not name.startswith("_")}
    known = {"footnotes", *DESCRIPTION_KEYS}
    shown = [f"{name} ({value})" for name, value in own.items() if value and name not in known][:8]
    shown += [f"its comments: {item.comments}"] if item.comments else []
    if shown:
        yield Remark("has no place here", ", ".join(shown), is_loss=False)


def _term_page(term: tuple[str, str, str]) -> TagPage | None:
    """None for other terms, and for “uncategorized”."""
    kind, name, slug = term
    if kind not in TERM_PAGES or not name or name.lower() in {"uncategorized", "未分類"}:
        return None
    return TagPage(unescape(name), unquote(slug), f"/{TERM_PAGES[kind]}/{slug}/")


def _slug(given: str, title: str) -> str:
    own = slugify(given[:120].rpartition("/")[2].removesuffix(".html"))
    return own[:60].strip("-") if re.search("[a-z]", own) and not given.startswith("%") else slug_from_title(title)


def _addresses(item: WxrItem) -> tuple[str, ...]:
    number = item["wp:post_id"]
    found = [item["link"], item["guid"], *([f"/?p={number}", f"/?page_id={number}"] if number else [])]
    paths = (urlsplit(address) for address in found if address)
    return tuple(dict.fromkeys(f"{one.path or '/'}{'?' + one.query if one.query else ''}" for one in paths))
