"""A folder of Markdown files as Hugo, Jekyll, Hexo, Docusaurus and Obsidian keep them, or with nothing but text."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from functools import cached_property, partial
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from newsletter.mail.characters import nfc, without_control
from newsletter.posts.importers.folder import fields as read_fields
from newsletter.posts.importers.folder.fields import (
    addresses,
    is_behind_a_password,
    is_hidden,
    unknown_wishes,
)
from newsletter.posts.importers.folder.files import Texts, program_of
from newsletter.posts.importers.folder.line_ends import ends_lines, with_hard_breaks
from newsletter.posts.importers.folder.marks import as_markdown
from newsletter.posts.importers.front_matter import FrontMatterError, Value, parse
from newsletter.posts.importers.html.converting import shown
from newsletter.posts.importers.html.inlines import address
from newsletter.posts.importers.imported import ImportedPost, Rejected, Remark
from newsletter.posts.importers.pictures import Finder
from newsletter.posts.models import BODY_MAX

SUFFIXES = {".md", ".markdown", ".mdx", ".mkd", ".mdown"}
# Files of a repository or of a program that are no texts of an author, wherever they lie at the top.
NO_TEXTS = {"readme", "license", "licence", "contributing", "changelog", "code_of_conduct", "security"}
NOT_LOOKED_INTO = {
    "node_modules",
    "vendor",
    "public",
    "_site",
    "themes",
    "scaffolds",
    "archetypes",
    "_layouts",
    "_includes",
}
_UNDERLINED = re.compile(r"^[ \t]*<!--\s*(?:more|truncate|excerpt)\s*-->[ \t]*$", re.IGNORECASE | re.MULTILINE)


class Source:
    """Markdown files: those below a folder, one of them, or those of a zip.

    The name of a post counts from the folder: name the same one again.
    """

    def __init__(self, texts: Texts, zone: tzinfo, site: str = "") -> None:
        self.texts, self.zone, self.site = texts, zone, site

    @cached_property
    def name(self) -> str:
        """Return the program by the files that it keeps beside the texts."""
        return program_of(self.texts.site.has)

    @property
    def finders(self) -> Sequence[Finder]:
        return self.texts.finders

    def articles(self) -> Iterator[tuple[str, Callable[[], ImportedPost]]]:
        for name in self.texts.names:
            if name.suffix.lower() in SUFFIXES and (self.texts.is_one or not _is_passed_over(name)):
                yield name.as_posix(), partial(self.read, name)

    def read(self, name: PurePosixPath) -> ImportedPost:
        """Return the post in a file; raise Rejected when it cannot become one."""
        post = post_of(name, self._data(name), self.zone, way=self._way)
        beside = name.with_suffix("")
        return replace(post, folder=beside.as_posix()) if beside in self._folders else post

    def _data(self, name: PurePosixPath) -> bytes:
        return self.texts.read(name, BODY_MAX * 4 + 1)

    @cached_property
    def _folders(self) -> frozenset[PurePosixPath]:
        """Return the folders that files are in: Hexo keeps the pictures of a post in one of the post's name."""
        return frozenset(name.parent for name in self.texts.names)

    @cached_property
    def _way(self) -> "Way":
        return Way(self.name == "Docusaurus", ends_lines(self.name, self.texts.site))

    def keys(self, href: str, source: str) -> list[str]:
        """Return what a link in the post of `source` may name: a file of the folder, or an old address."""
        path = unquote(urlsplit(href).path)
        if urlsplit(href).scheme or urlsplit(href).netloc or not path:
            return []
        folder = PurePosixPath(source.partition(":")[2]).parent
        base = PurePosixPath("/") if path.startswith("/") else PurePosixPath("/") / folder
        here = _flat(base / path)
        tried = [here, f"{here}/index.md", *(f"{here}{suffix}" for suffix in (".md", ".markdown", ".mdx"))]
        stem = PurePosixPath(path).name
        return [*(f"markdown:{one.lstrip('/')}" for one in tried), here, f"name:{stem.removesuffix('.md')}"]

    def names(self, source: str) -> list[str]:
        """Return under which keys the post of `source` is linked to, beside its addresses."""
        name = PurePosixPath(source.partition(":")[2])
        stem = read_fields.stem_of(name)
        return [source, f"name:{stem}", f"name:{read_fields.DAY_IN_NAME.sub('', stem)}"]


def _flat(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts[1:]:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/" + "/".join(parts)


def _is_passed_over(name: PurePosixPath) -> bool:
    if any(part.startswith(".") or part in NOT_LOOKED_INTO for part in name.parts):
        return True
    return len(name.parts) == 1 and name.stem.lower() in NO_TEXTS


@dataclass(frozen=True)
class Way:
    """How the program of a folder reads its texts.

    is_mdx: whether it takes every file for MDX; ends_lines: whether a line ends on the page where it does in the text.
    """

    is_mdx: bool = False
    ends_lines: bool = False


def post_of(name: PurePosixPath, data: bytes, zone: tzinfo, *, way: Way = Way()) -> ImportedPost:
    """Return the post of a file of this name; raise Rejected when it cannot become one."""
    fields, typed = _parsed(_text(data))
    title, typed = read_fields.title(fields, typed, name)
    typed = _UNDERLINED.sub("", typed).strip()
    body, remarks = as_markdown(typed, is_mdx=way.is_mdx or name.suffix.lower() == ".mdx")
    if not typed:
        raise Rejected("it has no text")
    before = shown(typed)
    if photos := read_fields.other_covers(fields)[0]:
        body = "\n\n".join([*(f"![]({address(one)})" for one in photos), body])
        remarks.append(Remark("stands above the text now", ", ".join(photos)[:200], is_loss=False))
    if body != typed:
        remarks.append(Remark("short codes are Markdown now", effect=shown(body) - before, is_loss=False))
    body = with_hard_breaks(body) if way.ends_lines else body
    at = read_fields.published_at(fields, name, zone, remarks)
    hidden = is_hidden(fields, name)
    if is_behind_a_password(fields):
        remarks.append(Remark("it was behind a password, so it is a draft"))
    is_page = read_fields.is_page(fields, name)
    if is_page:
        remarks.append(Remark("a page is a post that no list shows", is_loss=False))
    remarks += [Remark("a key says nothing to this importer", key) for key in unknown_wishes(fields)]
    remarks += read_fields.without_place(fields)
    cover, cover_alt = read_fields.cover(fields)
    return ImportedPost(
        source=f"markdown:{name}",
        title=title,
        body=body.strip(),
        words=read_fields.words(fields, title, name),
        summary=read_fields.text_of(fields, "summary", "description", "excerpt", "subtitle"),
        tags=tuple(read_fields.tags(fields)),
        tag_pages=tuple(read_fields.tag_pages(fields)),
        published_at=None if hidden else at,
        is_unlisted=is_page,
        is_web_only=is_page,
        cover=cover,
        cover_alt=cover_alt,
        folder="" if str(name.parent) == "." else str(name.parent),
        addresses=addresses(fields, name, at),
        before=before,
        remarks=tuple(remarks),
    )


def _parsed(text: str) -> tuple[dict[str, Value], str]:
    try:
        return parse(text)
    except FrontMatterError as error:
        raise Rejected(str(error)) from error


def _text(data: bytes) -> str:
    if len(data) > BODY_MAX * 4:
        raise Rejected(f"it is too long: {len(data):,} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Rejected(f"it is not UTF-8 text: byte {error.start}") from error
    if "\0" in text:
        raise Rejected("it contains a NUL character; is it a text?")
    return nfc(without_control(text))
