"""A folder of posts: written by a converter, perhaps edited by a person, read as untrusted input. Pure.

docs/moving.md describes its files and keys. The digest of a picture is the first 16 hex digits of its SHA-256. Taking
makes a picture of the library of it, narrower and without its metadata: it has another digest there.

A link to another post stays as it was typed. It is mended if it is one of the post's `addresses` (with the host of
`site`, or none), or if `links` of the linking post says which source it means.
"""

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, tzinfo
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO, Any

import yaml

ACCOUNT, POSTS, PICTURES = "account.json", "posts", "pictures"
FORM = 1  # of account.json; a reader refuses a later one
TEXT_BYTES = 16 * 1024**2  # of a post, or of a part of an issue
HEAD_BYTES = 256 * 1024  # of front matter
ACCOUNT_BYTES = 256 * 1024**2
POSTS_MAX = 200_000
NAME_MAX = 400  # characters
NULLS = {"", "null", "~"}
COPIED_BYTES = 1024**2
PART = re.compile(r"[^\x00-\x1f\x7f\\/:]{1,200}")
HEAD = re.compile(rb"\A---\r?\n(?P<head>.*?\n)---[ \t]*\r?(?:\n|\Z)", re.DOTALL)
_PICTURE = re.compile(r"/media/(?P<digest>[0-9a-f]{16})/(?P<name>[^/?#\s]+)")


class FolderError(Exception):
    """The folder is none of ours, or not whole. The message says where."""


class InvalidPost(ValueError):
    """A post cannot be read. The message names the file and the line."""


@dataclass(frozen=True)
class TagPage:
    """The page that a tag had there: its slug, which the tag keeps here if it can, and its path."""

    name: str
    slug: str
    address: str


@dataclass(frozen=True)
class Mailed:
    """A mailing of the post by the other program."""

    subject: str
    at: datetime
    preheader: str = ""


@dataclass(frozen=True, kw_only=True)
class PostFile:
    """One post as its file has it; the front matter has the names of these fields.

    source: identifies the post on a second import. date: None is a draft.
    addresses: old paths, to be redirected. links: source of the linked post, by the link as typed.
    """

    source: str
    title: str = ""
    slug: str = ""
    date: datetime | None = None
    summary: str = ""
    tags: tuple[str, ...] = ()
    cover: str = ""
    cover_alt: str = ""
    is_web_only: bool = False
    is_unlisted: bool = False
    series: str = ""
    series_number: int | None = None
    addresses: tuple[str, ...] = ()
    tag_pages: tuple[TagPage, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    mailed: Mailed | None = None
    body: str = ""


@dataclass(frozen=True)
class Remark:
    """A known difference. what: a msgid; is_loss: readers miss it; effect: how many more or fewer, by COUNT_NAMES."""

    what: str
    detail: str = ""
    is_loss: bool = True
    effect: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.what}: {self.detail}" if self.detail else self.what


@dataclass(frozen=True)
class LossReport:
    """Counts of a post before its conversion, and what the conversion changed.

    name: in the export. before: by the names of `counting.COUNT_NAMES`; empty if unknown.
    lost_words: those of the old page that its Markdown does not show, and that no remark names.
    """

    name: str
    before: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
    lost_words: tuple[str, ...] = ()


@dataclass
class ConversionReport:
    """The result of a conversion. rejected: name and reason; posts: by source.

    pictures: by `<digest>/<name>`, the address that it had in the export: it stands in the text again if nobody can
    read the picture. fetched: those of them that came from the web, which may give other octets, or none, next time:
    they change no post.
    """

    program: str
    site: str = ""
    rejected: list[tuple[str, str]] = field(default_factory=list)
    posts: dict[str, LossReport] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    fetched: set[str] = field(default_factory=set)


def write_report(folder: Path, account: ConversionReport) -> None:
    """Write account.json, last of all: a folder that has one is whole."""
    data = {"form": FORM} | asdict(account) | {"fetched": sorted(account.fetched)}
    with new_file(folder, ACCOUNT) as target:
        target.write(json.dumps(data, ensure_ascii=False, indent=1).encode())


def read_report(folder: Path) -> ConversionReport:
    try:
        data = json.loads(read_file(folder, ACCOUNT, ACCOUNT_BYTES))
        if data["form"] != FORM:
            raise FolderError(f"{ACCOUNT} has form {data['form']}; this version reads form {FORM}")
        return ConversionReport(
            str(data["program"]),
            str(data.get("site", "")),
            [(str(name), str(reason)) for name, reason in data.get("rejected", [])],
            {source: _loss_report(**one) for source, one in data.get("posts", {}).items()},
            {place: str(address) for place, address in data.get("pictures", {}).items()},
            set(data.get("fetched", [])),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise FolderError(f"{ACCOUNT} cannot be read") from None


def _loss_report(name: str, before: Any, remarks: Any, lost_words: Any) -> LossReport:
    found = (Remark(**one | {"effect": _numbers(one["effect"])}) for one in remarks)
    return LossReport(str(name), _numbers(before), tuple(found), tuple(map(str, lost_words)))


def _numbers(data: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(count) for name, count in data.items()}


def is_folder_of_posts(path: Path) -> bool:
    return (path / ACCOUNT).is_file()


class _Dumper(yaml.CSafeDumper):
    """Writes texts of several lines as they are read: line by line."""


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(tuple, _Dumper.represent_list)
_Dumper.add_representer(datetime, lambda dumper, at: _text(dumper, at.isoformat()))


def dump_yaml(data: object) -> str:
    return yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000)


def post_file(number: int, slug: str) -> str:
    return f"{POSTS}/{number:04}{f'-{slug}' if slug else ''}.md"


def write_post(folder: Path, number: int, post: PostFile) -> str:
    """Return the file's name. Empty fields are left out of the front matter."""
    data = {name: value for name, value in asdict(post).items() if value and name != "body"}
    name = post_file(number, post.slug)
    with new_file(folder, name) as target:
        target.write(f"---\n{dump_yaml(data)}---\n{post.body}".encode())
    return name


def write_picture(folder: Path, octets: bytes, name: str) -> str:
    """Write a picture, unless it is there, and return its address in texts: `/media/<digest>/<name>`."""
    digest = hashlib.sha256(octets).hexdigest()[:16]
    safe = re.sub(r"[^\w.-]+", "-", name).strip("-.")[-100:] or "picture"
    if not (folder / PICTURES / digest / safe).exists():
        with new_file(folder, f"{PICTURES}/{digest}/{safe}") as target:
            target.write(octets)
    return f"/media/{digest}/{safe}"


def picture_path(address: str) -> str:
    """The path of a picture in the folder, by its address in texts; "" for other addresses."""
    found = _PICTURE.fullmatch(address)
    return f"{PICTURES}/{found['digest']}/{found['name']}" if found and PART.fullmatch(found["name"]) else ""


@contextmanager
def new_file(root: Path, name: str) -> Iterator[IO[bytes]]:
    """Open a new file with mode 0600. Raises FileExistsError."""
    path = root / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", COPIED_BYTES) as target:
        yield target


def temporary_path(place: Path) -> Path:
    """A temporary sibling, renamed to `place` once it is whole."""
    return place.with_name(f".{place.name}.part")


@contextmanager
def new_folder(place: Path) -> Iterator[Path]:
    """Yield a temporary folder, which gets its name once it is complete and on the disk. Raises FileExistsError."""
    if place.is_symlink() or (place.exists() and not (place.is_dir() and not any(place.iterdir()))):
        raise FileExistsError(f"{place} is there already, and is not empty: nothing is ever written over it")
    part = temporary_path(place)
    shutil.rmtree(part, ignore_errors=True)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part.mkdir(mode=0o700)
    try:
        yield part
        os.sync()  # thousands of files: one by one it would take minutes
        part.rename(place)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


@contextmanager
def open_file(root: Path, name: str) -> Iterator[BufferedReader]:
    """Yield a file of the folder. Raises FolderError for one that is missing, no plain file, or reached over a link."""
    refuse_name(name)
    if any((root / parent).is_symlink() for parent in PurePosixPath(name).parents if parent.name):
        raise FolderError(f"{name} is reached over a link")
    try:
        descriptor = os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise FolderError(f"{name} cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as source:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FolderError(f"{name} is no file")
        yield source


def refuse_name(name: str) -> None:
    """Raise FolderError for a name that is not of a file inside the folder."""
    if len(name) > NAME_MAX or any(part in {".", ".."} or not PART.fullmatch(part) for part in name.split("/")):
        raise FolderError(f"{name[:NAME_MAX]!r} does not belong into an export")


def read_file(root: Path, name: str, most: int) -> bytes:
    """A small file. Raises FolderError, also if it is larger than `most` octets."""
    with open_file(root, name) as source:
        octets = source.read(most + 1)
    if len(octets) > most:
        raise FolderError(f"{name} is larger than {most:,} octets")
    return octets


def post_names(folder: Path) -> list[str]:
    """The files of the posts, in their order. Raises FolderError if there are too many, or the folder is a link."""
    place = folder / POSTS
    if place.is_symlink():
        raise FolderError(f"{POSTS} is a link")
    names = [f"{POSTS}/{path.name}" for path in place.glob("[!.]*.md")]
    if len(names) > POSTS_MAX:
        raise FolderError(f"more than {POSTS_MAX:,} posts")
    return sorted(names, key=_by_number)


def _by_number(name: str) -> tuple[int, str]:
    number = re.match(rf"{POSTS}/(\d{{1,9}})", name)
    return (int(number[1]) if number else POSTS_MAX, name)


def read_post(folder: Path, name: str, zone: tzinfo) -> PostFile:
    """A post. zone: of a date that has none. Raises InvalidPost, which names the file and the line."""
    try:
        head, body = split_front_matter(read_file(folder, name, TEXT_BYTES), name)
        # As it is typed: `no` is a word, and 0042 no octal number.
        data = parse_yaml(head, name, yaml.CBaseLoader, first=2)
    except FolderError as error:
        raise InvalidPost(str(error)) from None
    if not data.get("source"):
        raise InvalidPost(f"{name}, line 1: `source` is missing, by which a second taking knows the post")
    found = {}
    for key, typed in data.items():
        try:
            found[key] = _KEYS[key][0](typed, zone)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            lines = enumerate(head.split("\n"), 2)
            line = next((number for number, line in lines if line.lstrip("'\"").startswith(key)), 2)
            why = f"{typed!r:.80} is no {_KEYS[key][1]}" if key in _KEYS else "it has no place in a post"
            raise InvalidPost(f"{name}, line {line}: `{key:.80}`: {why}") from error
    return PostFile(**found, body=body)


def _text_of(typed: Any, _zone: tzinfo) -> str:
    if not isinstance(typed, str):
        raise TypeError(typed)
    return typed


def _slug(typed: str, _zone: tzinfo) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]*", typed):
        raise ValueError(typed)
    return typed


def _number(typed: str, _zone: tzinfo) -> int | None:
    if typed not in NULLS and not 0 < int(typed) < 2**15:
        raise ValueError(typed)
    return None if typed in NULLS else int(typed)


def _moment(typed: str, zone: tzinfo) -> datetime | None:
    at = None if typed in NULLS else datetime.fromisoformat(typed)
    return at.replace(tzinfo=at.tzinfo or zone) if at else None


def _texts(typed: Any, zone: tzinfo) -> tuple[str, ...]:
    given = typed if isinstance(typed, list) else [typed] if typed else []
    return tuple(_text_of(one, zone) for one in given)


def _table(typed: Any, zone: tzinfo) -> dict[str, str]:
    return {key: _text_of(value, zone) for key, value in typed.items()}


def _tag_pages(typed: Any, zone: tzinfo) -> tuple[TagPage, ...]:
    return tuple(TagPage(**_table(one, zone)) for one in typed)


def _mailed(typed: Any, zone: tzinfo) -> Mailed:
    data = _table(typed, zone)
    at = _moment(data.pop("at"), zone)
    if at is None:
        raise ValueError(typed)
    return Mailed(at=at, **data)


_BOOLEANS = {"true": True, "false": False, "": False}
# By key: what reads its value, and what that has to be.
_KEYS: dict[str, tuple[Callable[[Any, tzinfo], Any], str]] = {
    **dict.fromkeys(("source", "title", "summary", "cover", "cover_alt", "series"), (_text_of, "text")),
    **dict.fromkeys(("tags", "addresses"), (_texts, "list of texts")),
    **dict.fromkeys(
        ("is_web_only", "is_unlisted"), (lambda typed, _zone: _BOOLEANS[typed.lower()], "`true` or `false`")
    ),
    "slug": (_slug, "slug: it has Latin letters, digits and hyphens"),
    "series_number": (_number, "number from 1 to 32767"),
    "date": (_moment, "date, as 2026-11-28 or 2026-11-28T08:30+08:00"),
    "tag_pages": (_tag_pages, "list of `name`, `slug` and `address`"),
    "links": (_table, "table of texts"),
    "mailed": (_mailed, "mailing with `subject`, `at` and `preheader`"),
}


def split_front_matter(octets: bytes, name: str) -> tuple[str, str]:
    """Front matter and text. Raises FolderError."""
    found = HEAD.match(octets.removeprefix(b"\xef\xbb\xbf"))
    if not found or len(found["head"]) > HEAD_BYTES:
        raise FolderError(f"{name} has no front matter")
    try:
        return found["head"].decode(), found.string[found.end() :].decode()
    except UnicodeDecodeError as error:
        raise FolderError(f"{name} is not UTF-8 text: {error}") from None


def parse_yaml(text: str, name: str, loader: Any, *, first: int = 1) -> dict[str, Any]:
    """Parse YAML without aliases, which expand without limit. first: line of `text` in its file. Raises FolderError."""
    try:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.AliasEvent):
                line = getattr(event.start_mark, "line", 0) + first
                raise FolderError(f"{name}, line {line}: a YAML alias, which no such file has")
        data = yaml.load(text, Loader=loader)  # noqa: S506 - safe or base
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise FolderError(f"{name}{f', line {mark.line + first}' if mark else ''}: no YAML") from None
    if not isinstance(data, dict):
        raise FolderError(f"{name} says nothing")
    return data
