"""Medium's export: a zip with an HTML file for each story."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, tzinfo
from functools import partial
from urllib.parse import urlsplit

from newsletter.posts.importers.archive import Archive
from newsletter.posts.importers.html.converting import converted, with_places
from newsletter.posts.importers.html.counts import counts
from newsletter.posts.importers.html.tree import Node, parse, serialised
from newsletter.posts.importers.imported import Counts, ImportedPost, Rejected, Remark
from newsletter.posts.importers.moments import moment
from newsletter.posts.importers.pictures import ArchiveFinder, Finder
from newsletter.posts.text.measures import words_from_title

STORY_MAX = 20 * 1024**2  # bytes
_ID = re.compile(r"-?([0-9a-f]{8,14})(?:\.html)?$")
_RAW = re.compile(r"<section\b[^<>]{0,200}\be-content\b.*(?=<footer\b)", re.DOTALL)
_DAY = re.compile(r"^(?:\d{4}-\d{2}-\d{2}|draft)_")


class Source:
    """An export of Medium: the stories below posts/. What one has read, clapped for and listed is left alone."""

    name, site = "Medium", "https://medium.com"

    def __init__(self, archive: Archive, zone: tzinfo) -> None:
        self.archive, self.zone = archive, zone
        self.finders: list[Finder] = [ArchiveFinder(archive)]

    @staticmethod
    def stories(archive: Archive) -> list[str]:
        names = archive.named(".html", ".htm")
        inner = [name for name in names if f"/{name}".rpartition("/")[0].endswith("/posts")]
        return [name for name in inner or names if b"e-content" in archive.read(name, STORY_MAX)]

    def articles(self) -> Iterator[tuple[str, Callable[[], ImportedPost]]]:
        for name in self.stories(self.archive):
            yield name.rpartition("/")[2], partial(self.read, name)

    def read(self, name: str) -> ImportedPost:
        text = self.archive.text(name, STORY_MAX)
        page = parse(text)
        content = page.with_class("e-content")
        if content is None:
            raise Rejected("it is no story of Medium")
        title, summary = _words_of(page, "p-name"), _words_of(page, "p-summary")
        remarks: list[Remark] = []
        body = with_places(
            converted(serialised(content), lambda root, noted: _without_head(root, title, summary, noted))
        )
        canonical, viewed = page.with_class("p-canonical"), page.with_class("dt-published")
        address = canonical.attrs.get("href", "") if canonical else ""
        stem = name.rpartition("/")[2]
        number = _ID.search(stem.removesuffix(".html")) or _ID.search(urlsplit(address).path)
        is_reply = viewed is not None and _is_reply(content, title)
        if is_reply:
            remarks.append(Remark("an answer to another story is a post that no list shows", is_loss=False))
        return ImportedPost(
            source=f"medium:{_own(stem)}",
            title=title or stem.removesuffix(".html"),
            body=body.markdown,
            words=words_from_title(title),
            summary=summary if summary != title else "",
            tags=tuple(" ".join(tag.text.split()) for tag in page.walk() if "p-tag" in tag.classes),
            published_at=moment(viewed.attrs.get("datetime", ""), UTC) if viewed else None,
            is_unlisted=is_reply,
            addresses=tuple(dict.fromkeys(filter(None, (urlsplit(address).path, f"/p/{number[1]}" if number else "")))),
            before=body.before,
            raw=raw[0] if (raw := _RAW.search(text)) else "",
            remarks=(*remarks, *body.remarks),
        )

    def keys(self, href: str, source: str) -> list[str]:
        number = _ID.search(urlsplit(href).path) if "medium.com" in urlsplit(href).netloc else None
        return [f"medium:{number[1]}"] if number else []

    def names(self, source: str) -> list[str]:
        return [source]


def _is_reply(content: Node, title: str) -> bool:
    """Return whether a text answers another story: its title is how it begins; it has no headings and no pictures."""
    if not title:
        return True
    begins = " ".join(content.text.split()).startswith(title.rstrip("… ."))
    return begins and content.first("h1", "h2", "h3", "h4", "figure", "pre") is None


def _own(stem: str) -> str:
    """Return what names a story: the number at the end of its file's name, or all of that."""
    name = _DAY.sub("", stem.removesuffix(".html"))
    number = _ID.search(name)
    return number[1] if number else name[:150]


def _words_of(page: Node, name: str) -> str:
    found = page.with_class(name)
    return " ".join(found.text.split()) if found else ""


def _without_head(root: Node, title: str, summary: str, remarks: list[Remark]) -> None:
    """Take the title and the subtitle out of the text: they stand above it here."""
    for node in [root, *root.walk()]:
        kept: list[Node | str] = []
        for child in node.children:
            words = " ".join(child.text.split()) if isinstance(child, Node) else ""
            if isinstance(child, Node) and words and _is_head(child, words, title, summary):
                effect = Counts() - counts(Node("", children=[child]))
                remarks.append(Remark("stands above the text now", words, effect, is_loss=False))
            else:
                kept.append(child)
        node.children = kept


def _is_head(node: Node, words: str, title: str, summary: str) -> bool:
    is_title = "graf--title" in node.classes and words == title
    return is_title or ("graf--subtitle" in node.classes and words == summary)
