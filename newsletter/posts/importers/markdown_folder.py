"""A folder of Markdown files as Hugo, Jekyll, Hexo, Docusaurus and Obsidian keep them, or with nothing but text."""

import re
import tomllib
from collections.abc import Callable, Iterator
from datetime import date, datetime, tzinfo
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from newsletter.mail.characters import nfc, without_control
from newsletter.posts.importers.folder import fields as read_fields
from newsletter.posts.importers.folder.addresses import addresses
from newsletter.posts.importers.folder.shortcodes import as_markdown
from newsletter.posts.importers.front_matter import HEAD_MAX, FrontMatterError, Value, parse
from newsletter.posts.importers.html.converting import shown
from newsletter.posts.importers.imported import ImportedPost, Rejected, Remark
from newsletter.posts.importers.pictures.finding import SUFFIXES as PICTURES
from newsletter.posts.importers.pictures.finding import Finder, FolderFinder, Found
from newsletter.posts.importers.visibility import is_hidden, unknown_wishes
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
PICTURE_ROOTS = ("static", "source", "assets", "public", "content", "docs", "website/static", "src")
_TOML = re.compile(r"\A\+\+\+[ \t]*\n(?P<head>.*?)^\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_UNDERLINED = re.compile(r"^[ \t]*<!--\s*(?:more|truncate|excerpt)\s*-->[ \t]*$", re.IGNORECASE | re.MULTILINE)


class Source:
    """The Markdown files below a folder, or one of them. The name counts from the folder: name the same one again."""

    name, site = "Markdown", ""

    def __init__(self, path: Path, zone: tzinfo) -> None:
        self.path, self.zone = path, zone
        self.root = path if path.is_dir() else path.parent

    @cached_property
    def finders(self) -> list[Finder]:
        inner = [FolderFinder(self.root / name) for name in PICTURE_ROOTS if (self.root / name).is_dir()]
        return [FolderFinder(self.root), *inner, _ByName(self.root)]

    def articles(self) -> Iterator[tuple[str, Callable[[], ImportedPost]]]:
        return articles(self.path, self.zone)

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
        stem = name.parent.name if name.stem == "index" else name.stem
        return [source, f"name:{stem}", f"name:{read_fields.DAY_IN_NAME.sub('', stem)}"]


def _flat(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts[1:]:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/" + "/".join(parts)


class _ByName:
    """Finds a picture by its mere name, wherever it lies in a folder, if there is one of this name: Obsidian's way."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def _places(self) -> dict[str, list[Path]]:
        places: dict[str, list[Path]] = {}
        for path in self.root.rglob("*"):
            if path.suffix.lower() in PICTURES and not path.is_symlink():
                places.setdefault(path.name, []).append(path)
        return places

    def find(self, address: str, folder: str) -> Found | None:
        if urlsplit(address).scheme or urlsplit(address).netloc:
            return None
        found = self._places.get(unquote(address).rpartition("/")[2], [])
        digests = {sha256(path.read_bytes()).digest() for path in found[:20]}
        if len(digests) != 1:
            return None
        return FolderFinder(self.root).find("/" + found[0].relative_to(self.root).as_posix(), "")


def articles(path: Path, zone: tzinfo) -> Iterator[tuple[str, Callable[[], ImportedPost]]]:
    """Yield the name of each Markdown file below `path`, or of the file `path`, and what reads it."""
    root = path if path.is_dir() else path.parent
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in files:
        name = file.relative_to(root)
        if file.suffix.lower() in SUFFIXES and (file == path or not _is_passed_over(name)):
            yield name.as_posix(), partial(read, file, root, zone)


def _is_passed_over(name: Path) -> bool:
    if any(part.startswith(".") or part in NOT_LOOKED_INTO for part in name.parts):
        return True
    return len(name.parts) == 1 and name.stem.lower() in NO_TEXTS


def read(file: Path, root: Path, zone: tzinfo) -> ImportedPost:
    """Return the post in `file`; raise Rejected when it cannot become one."""
    if not file.resolve().is_relative_to(root.resolve()):
        raise Rejected("it is a link to a file outside the folder")
    name = PurePosixPath(file.relative_to(root).as_posix())
    fields, typed = _parsed(_text(file))
    title, typed = read_fields.title(fields, typed, name)
    typed = _UNDERLINED.sub("", typed).strip()
    body, remarks = as_markdown(typed)
    if not typed:
        raise Rejected("it has no text")
    before = shown(typed)
    if body != typed:
        remarks.append(Remark("short codes are Markdown now", effect=shown(body) - before, is_loss=False))
    at = read_fields.published_at(fields, name, zone, remarks)
    hidden = is_hidden(fields, Path(name))
    remarks += [Remark(words) for words in unknown_wishes(fields)]
    remarks += read_fields.without_place(fields)
    return ImportedPost(
        source=f"markdown:{name}",
        title=title,
        body=body.strip(),
        words=read_fields.words(fields, title, name),
        summary=read_fields.text_of(fields, "summary", "description", "excerpt"),
        tags=tuple(read_fields.tags(fields)),
        published_at=None if hidden else at,
        cover=_cover(fields),
        folder="" if str(name.parent) == "." else str(name.parent),
        addresses=addresses(fields, name, at),
        before=before,
        remarks=tuple(remarks),
    )


def _cover(fields: dict[str, Value]) -> str:
    names = ("cover", "image", "photos", "cover_image", "coverimage", "featured_image", "featuredimage", "thumbnail")
    found = read_fields.first_of(fields, *names, "banner", "header_image", "index_img")
    return "" if found.lower() in {"true", "false"} else found


def _parsed(text: str) -> tuple[dict[str, Value], str]:
    toml = _TOML.match(text)
    try:
        return (_from_toml(toml["head"]), text[toml.end() :]) if toml else parse(text)
    except FrontMatterError as error:
        raise Rejected(str(error)) from error


def _from_toml(head: str) -> dict[str, Value]:
    if len(head) > HEAD_MAX:
        raise FrontMatterError(f"its front matter is longer than {HEAD_MAX:,} characters")
    try:
        fields = tomllib.loads(head)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise FrontMatterError(f"its front matter is no TOML: {error}") from error
    taxonomies = fields.get("taxonomies")  # Zola's place for tags
    fields |= taxonomies if isinstance(taxonomies, dict) else {}
    return {key.lower(): _toml_value(value) for key, value in fields.items() if not isinstance(value, dict)}


def _toml_value(value: Any) -> Value:
    if isinstance(value, list):
        return [str(item).strip() for item in value if not isinstance(item, dict | list)]
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime | date) else str(value).strip()


def _text(file: Path) -> str:
    if file.stat().st_size > BODY_MAX * 4:
        raise Rejected(f"it is longer than {BODY_MAX:,} characters")
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Rejected(f"it is not UTF-8 text (byte {error.start})") from error
    if "\0" in text:
        raise Rejected("it contains a NUL character; is it a text?")
    return nfc(without_control(text))
