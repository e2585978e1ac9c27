"""Medium's export: a zip with an HTML file for each story, below posts/."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC
from functools import cached_property, partial
from urllib.parse import urlsplit

from newsletter.moving.converters.addresses import links_of
from newsletter.moving.converters.converter import ConvertedPost, Converter
from newsletter.moving.converters.files import TEXT_MAX, Files, Rejected
from newsletter.moving.converters.html.converting import convert_html
from newsletter.moving.converters.html.tree import Node, parse, serialised
from newsletter.moving.counting import count_changes, count_html
from newsletter.moving.folder.layout import Remark
from newsletter.posts.text.prose import slug_from_title
from subscribers.importers.dates import parse_datetime

_STORY_ID = re.compile(r"-?([0-9a-f]{8,14})(?:\.html)?$")
_TEXT = re.compile(r"<section\b[^<>]{0,200}\be-content\b.*(?=<footer\b)", re.DOTALL)
_DAY = re.compile(r"^(?:\d{4}-\d{2}-\d{2}|draft)_")


class Medium(Converter):
    """Only stories: reading lists, claps and the like are ignored."""

    program = "Medium"

    @classmethod
    def recognises(cls, files: Files) -> bool:
        return not files.is_single_file and bool(_stories(files))

    @cached_property
    def stories(self) -> list[str]:
        return _stories(self.files)

    @cached_property
    def sources(self) -> set[str]:
        return {_source(name) for name in self.stories}

    def posts(self) -> Iterator[tuple[str, Callable[[], ConvertedPost]]]:
        yield from ((name.rpartition("/")[2], partial(self.read_post, name)) for name in self.stories)

    def read_post(self, name: str) -> ConvertedPost:
        text = self.files.text(name)
        page = parse(text)
        content = page.first_with_class("e-content")
        if content is None:
            raise Rejected("it is no story of Medium")
        title, summary = _words_of(page, "p-name"), _words_of(page, "p-summary")
        published = page.first_with_class("dt-published")
        is_reply = published is not None and _is_reply(content, title)
        original_counts = count_html(found[0] if (found := _TEXT.search(text)) else serialised(content))
        before = count_html(serialised(content))
        _drop_head(content, {"graf--title": title, "graf--subtitle": summary})
        body, remarks = convert_html(serialised(content))
        if effect := count_changes(before, count_html(serialised(content))):
            remarks.append(Remark("stands above the text now", f"{title} {summary}".strip(), False, effect))
        canonical = page.first_with_class("p-canonical")
        address = urlsplit(canonical.attrs.get("href", "")).path if canonical else ""
        stem = name.rpartition("/")[2].removesuffix(".html")
        story_id = _STORY_ID.search(stem) or _STORY_ID.search(address)
        if is_reply:
            remarks.append(Remark("an answer to another story is a post that no list shows", is_loss=False))
        return ConvertedPost(
            source=_source(name),
            title=title or stem,
            body=body,
            slug=slug_from_title(title),
            summary=summary if summary != title else "",
            tags=tuple(tag.single_line_text for tag in page.walk() if "p-tag" in tag.classes),
            date=parse_datetime(published.attrs.get("datetime", ""), UTC) if published else None,
            is_unlisted=is_reply,
            addresses=tuple(dict.fromkeys(filter(None, (address, f"/p/{story_id[1]}" if story_id else "")))),
            links=links_of(body, self._source_of),
            original_counts=original_counts,
            remarks=tuple(remarks),
        )

    def _source_of(self, url: str) -> str:
        story_id = _STORY_ID.search(urlsplit(url).path) if "medium.com" in url else None
        source = f"medium:{story_id[1]}" if story_id else ""
        return source if source in self.sources else ""


def _stories(files: Files) -> list[str]:
    names = files.with_suffix(".html", ".htm")
    inner = [name for name in names if f"/{name}".rpartition("/")[0].endswith("/posts")]
    return [name for name in inner or names if b"e-content" in files.head(name, TEXT_MAX)]


def _source(name: str) -> str:
    """The id at the end of the file's name, or the whole name."""
    stem = _DAY.sub("", name.rpartition("/")[2].removesuffix(".html"))
    story_id = _STORY_ID.search(stem)
    return f"medium:{story_id[1] if story_id else stem[:150]}"


def _is_reply(content: Node, title: str) -> bool:
    """A response to another story: no title, or the text begins with it and has no headings, pictures or code."""
    has_parts = content.first("h1", "h2", "h3", "h4", "figure", "pre") is not None
    return not title or (content.single_line_text.startswith(title.rstrip("… .")) and not has_parts)


def _words_of(page: Node, name: str) -> str:
    found = page.first_with_class(name)
    return found.single_line_text if found else ""


def _drop_head(content: Node, head: dict[str, str]) -> None:
    """Take the title and the subtitle out of the text: they stand above it here."""

    def is_head(child: Node | str) -> bool:
        named = (text for name, text in head.items() if isinstance(child, Node) and name in child.classes)
        return isinstance(child, Node) and any(text and child.single_line_text == text for text in named)

    for node in [content, *content.walk()]:
        node.children = [child for child in node.children if not is_head(child)]
