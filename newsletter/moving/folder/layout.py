"""A folder of posts: what a converter writes, a person may edit, and `taking` reads with suspicion. Pure.

    account.json                    which program wrote the export, and what became of each post; it marks the folder
    posts/0001-slug.md              front matter in YAML between lines of ---, then the text in Markdown
    pictures/<digest>/<name>        as the export had them; digest: the first 16 hex digits of the SHA-256

In texts and covers such a picture is `/media/<digest>/<name>`. Taking makes a picture of the library of it, narrower
and without its metadata: it has another digest there, and the text that of the library.

A link to another post stays as it was typed. It is mended if it is one of the post's `addresses` (with the host of
`site`, or none), or if `links` of the linking post says which source it means.

No checksum stands in the way of an editor. A file that is wrong is named with its line and stops only itself.
"""

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime, tzinfo
from pathlib import Path
from typing import IO, Any

import yaml

ACCOUNT, POSTS, PICTURES = "account.json", "posts", "pictures"
FORM = 1  # of account.json; a reader refuses a later one
TEXT_BYTES = 16 * 1024**2  # of a post, or of a part of an issue
HEAD_BYTES = 256 * 1024  # of front matter
ACCOUNT_BYTES = 256 * 1024**2
POSTS_MAX = 200_000
NAME_MAX = 400  # characters
COPIED_BYTES = 1024**2
PART = re.compile(r"[^\x00-\x1f\x7f\\/:]{1,200}")
HEAD = re.compile(rb"\A---\r?\n(?P<head>.*?\n)---[ \t]*\r?(?:\n|\Z)", re.DOTALL)
_PICTURE = re.compile(r"/media/(?P<digest>[0-9a-f]{16})/(?P<name>[^/?#\s]+)")


class Damaged(Exception):
    """The folder is none of ours, or not whole. Its words say where."""


class Wrong(ValueError):
    """A post cannot be read. Its words name the file and the line."""


@dataclass(frozen=True)
class TagPage:
    """The page that a tag had there: its slug, which the tag keeps here if it can, and its path."""

    name: str
    slug: str
    address: str


@dataclass(frozen=True)
class Mailed:
    """That readers got a post by mail once, as the other program knows."""

    subject: str
    at: datetime
    preheader: str = ""


@dataclass(frozen=True, kw_only=True)
class PostFile:
    """One post as its file has it; the front matter has the names of these fields.

    source: where it came from; a second taking finds its post by it. date: None is a draft.
    addresses: paths at which it was read; they will lead to it. links: by what is typed, the source that it means.
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
    addresses: tuple[str, ...] = ()
    tag_pages: tuple[TagPage, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    mailed: Mailed | None = None
    body: str = ""


# --- The account ---


@dataclass(frozen=True)
class Remark:
    """A difference that is known.

    what: its kind, in words; detail: which one; is_loss: whether readers miss something that the old page had.
    effect: by the names of `counting.THINGS`, how many more (or fewer) there are for it.
    """

    what: str
    detail: str = ""
    is_loss: bool = True
    effect: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.what}: {self.detail}" if self.detail else self.what


@dataclass(frozen=True)
class PostAccount:
    """What a post was before it was converted, and what is not as it was.

    name: what the export calls it. before: by the names of `counting.THINGS`; empty where nobody but we can read it.
    lost_words: those of the old page that its Markdown does not show, and that no remark names.
    """

    name: str
    before: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
    lost_words: tuple[str, ...] = ()


@dataclass
class Account:
    """What a conversion says of itself. rejected: name and reason; posts: by source.

    pictures: by `<digest>/<name>`, the address that it had in the export: it stands in the text again if nobody can
    read the picture. fetched: those of them that came from the web, which may give other octets, or none, next time:
    they change no post.
    """

    program: str
    site: str = ""
    rejected: list[tuple[str, str]] = field(default_factory=list)
    posts: dict[str, PostAccount] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    fetched: set[str] = field(default_factory=set)


def write_account(folder: Path, account: Account) -> None:
    """Write account.json, last of all: a folder that has one is whole."""
    told = {
        "form": FORM,
        "program": account.program,
        "site": account.site,
        "rejected": [{"name": name, "reason": reason} for name, reason in account.rejected],
        "posts": {source: _account_of(one) for source, one in account.posts.items()},
        "pictures": account.pictures,
        "fetched": sorted(account.fetched),
    }
    with new_file(folder, ACCOUNT) as target:
        target.write(json.dumps(told, ensure_ascii=False, indent=1).encode())


def _account_of(one: PostAccount) -> dict[str, Any]:
    remarks = [[remark.what, remark.detail, remark.is_loss, dict(remark.effect)] for remark in one.remarks]
    return {"name": one.name, "before": dict(one.before), "remarks": remarks, "lost_words": list(one.lost_words)}


def read_account(folder: Path) -> Account:
    """Return what account.json says. Raises Damaged."""
    try:
        told = json.loads(read_file(folder, ACCOUNT, ACCOUNT_BYTES))
        if told["form"] != FORM:
            raise Damaged(f"{ACCOUNT} has form {told['form']}; this version reads form {FORM}")
        return Account(
            str(told["program"]),
            str(told.get("site", "")),
            [(str(one["name"]), str(one["reason"])) for one in told.get("rejected", [])],
            {source: _read_account_of(one) for source, one in told.get("posts", {}).items()},
            {str(place): str(address) for place, address in told.get("pictures", {}).items()},
            {str(place) for place in told.get("fetched", [])},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damaged(f"{ACCOUNT} cannot be read") from None


def _read_account_of(told: Any) -> PostAccount:
    remarks = tuple(
        Remark(str(what), str(detail), bool(is_loss), _numbers(*effect))
        for what, detail, is_loss, *effect in told["remarks"]
    )
    words = tuple(str(word) for word in told.get("lost_words", []))
    return PostAccount(str(told["name"]), _numbers(told.get("before", {})), remarks, words)


def _numbers(told: Mapping[str, Any] | None = None) -> dict[str, int]:
    return {str(name): int(count) for name, count in (told or {}).items()}


def is_folder_of_posts(path: Path) -> bool:
    return (path / ACCOUNT).is_file()


# --- Posts and pictures, written ---


class _Dumper(yaml.CSafeDumper):
    """Writes texts of several lines as they are read: line by line."""


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def dumped(told: object) -> str:
    return yaml.dump(told, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000)


def post_file(number: int, slug: str) -> str:
    return f"{POSTS}/{number:04}{f'-{slug}' if slug else ''}.md"


def write_post(folder: Path, number: int, post: PostFile) -> str:
    """Write a post and return the name of its file. What is empty is left out of the front matter."""
    told = {one.name: _plain(getattr(post, one.name)) for one in fields(post) if one.name != "body"}
    head = dumped({name: value for name, value in told.items() if value not in ("", [], {}, None, False)})
    name = post_file(number, post.slug if PART.fullmatch(f"{post.slug}.md") else "")
    with new_file(folder, name) as target:
        target.write(f"---\n{head}---\n{post.body}".encode())
    return name


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (TagPage, Mailed)):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return dict(value) if isinstance(value, Mapping) else value


def write_picture(folder: Path, octets: bytes, name: str) -> str:
    """Write a picture, unless it is there, and return its address in texts: `/media/<digest>/<name>`."""
    digest = hashlib.sha256(octets).hexdigest()[:16]
    safe = re.sub(r"[^\w.-]+", "-", name).strip("-.")[-100:] or "picture"
    if not (folder / PICTURES / digest / safe).exists():
        with new_file(folder, f"{PICTURES}/{digest}/{safe}") as target:
            target.write(octets)
    return f"/media/{digest}/{safe}"


def picture_file(address: str) -> str:
    """Return where in the folder the picture of an address may be; "" if it is no address of a picture."""
    found = _PICTURE.fullmatch(address)
    return f"{PICTURES}/{found['digest']}/{found['name']}" if found and PART.fullmatch(found["name"]) else ""


@contextmanager
def new_file(root: Path, name: str) -> Iterator[IO[bytes]]:
    """Yield a file of its owner alone, by its path in the folder. Raises FileExistsError."""
    path = root / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", COPIED_BYTES) as target:
        yield target


@contextmanager
def whole(place: Path) -> Iterator[Path]:
    """Yield a folder to fill that gets its name when the block has ended well, and is on the disk.

    Raises FileExistsError if something is there; what a process that was killed has left beside it is removed.
    """
    if place.is_symlink() or (place.exists() and not (place.is_dir() and not any(place.iterdir()))):
        raise FileExistsError(f"{place} is there already, and is not empty: nothing is ever written over it")
    part = place.with_name(f".{place.name}.part")
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


# --- Read with suspicion ---


@contextmanager
def opened(root: Path, name: str) -> Iterator[IO[bytes]]:
    """Yield a file of the folder. Raises Damaged for one that is missing, no plain file, or reached over a link."""
    refuse_name(name)
    path = root
    for part in name.split("/")[:-1]:
        path /= part
        if path.is_symlink():
            raise Damaged(f"{name} is reached over a link")
    try:
        descriptor = os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Damaged(f"{name} cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb", COPIED_BYTES) as source:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Damaged(f"{name} is no file")
        yield source


def refuse_name(name: str) -> None:
    """Raise Damaged for a name that is not of a file inside the folder."""
    if len(name) > NAME_MAX or any(part in {".", ".."} or not PART.fullmatch(part) for part in name.split("/")):
        raise Damaged(f"{name[:NAME_MAX]!r} does not belong into an export")


def read_file(root: Path, name: str, most: int) -> bytes:
    """Return a small file. Raises Damaged, also if it is larger than `most` octets."""
    with opened(root, name) as source:
        octets = source.read(most + 1)
    if len(octets) > most:
        raise Damaged(f"{name} is larger than {most:,} octets")
    return octets


def post_names(folder: Path) -> list[str]:
    """Return the files of the posts, in their order. Raises Damaged if there are too many, or the folder is a link."""
    place = folder / POSTS
    if place.is_symlink():
        raise Damaged(f"{POSTS} is a link")
    names: list[str] = []
    for entry in os.scandir(place) if place.is_dir() else ():
        if entry.name.endswith(".md") and not entry.name.startswith("."):
            names.append(f"{POSTS}/{entry.name}")
            if len(names) > POSTS_MAX:
                raise Damaged(f"more than {POSTS_MAX:,} posts")
    return sorted(names, key=_in_order)


def _in_order(name: str) -> tuple[int, str]:
    number = re.match(rf"{POSTS}/(\d{{1,9}})", name)
    return (int(number[1]) if number else POSTS_MAX, name)


def read_post(folder: Path, name: str, zone: tzinfo) -> PostFile:
    """Return a post. zone: of a date that has none. Raises Wrong, which names the file and the line."""
    try:
        head, body = split(read_file(folder, name, TEXT_BYTES), name)
        found = _Head(name, zone).read(head)
    except Damaged as error:
        raise Wrong(str(error)) from None
    return PostFile(**found, body=body)


def split(octets: bytes, name: str) -> tuple[str, str]:
    """Return front matter and text. Raises Damaged."""
    found = HEAD.match(octets.removeprefix(b"\xef\xbb\xbf"))
    if not found or len(found["head"]) > HEAD_BYTES:
        raise Damaged(f"{name} has no front matter")
    try:
        return found["head"].decode(), found.string[found.end() :].decode()
    except UnicodeDecodeError as error:
        raise Damaged(f"{name} is not UTF-8 text: {error}") from None


def refuse_aliases(text: str, name: str, first: int = 1) -> None:
    """Raise Damaged where YAML names what it said before: some lines could mean gigabytes. first: its line."""
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise Damaged(f"{name}, line {event.start_mark.line + first}: a YAML alias, which no such file has")


class _Head:
    """Front matter as the fields of a post. Scalars are read as they are typed: `yes` is no truth, 0042 no octal."""

    def __init__(self, name: str, zone: tzinfo) -> None:
        self.name, self.zone = name, zone

    def read(self, text: str) -> dict[str, Any]:
        try:
            refuse_aliases(text, self.name, 2)
            node = yaml.compose(text, Loader=yaml.CBaseLoader)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            at = f", line {mark.line + 2}" if mark else ""
            raise Damaged(f"{self.name}{at}: no YAML") from None
        found = {key: self._value(key, value) for key, value in self._pairs(node)}
        if not found.get("source"):
            raise Damaged(f"{self.name}, line 1: `source` is missing, by which a second taking knows the post")
        return found

    def _value(self, key: str, node: yaml.Node) -> Any:
        read = _KEYS.get(key)
        if read is None:
            raise self._wrong(node, f"`{key[:80]}` has no place in a post")
        return read(self, node)

    def _wrong(self, node: yaml.Node | None, why: str) -> Damaged:
        line = node.start_mark.line + 2 if node else 1
        return Damaged(f"{self.name}, line {line}: {why}")

    def _pairs(self, node: yaml.Node | None) -> list[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(node, "not names with values")
        return [(self.text(key), value) for key, value in node.value]

    def _items(self, node: yaml.Node) -> list[yaml.Node]:
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        return [node] if self.text(node) else []

    def text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._wrong(node, "not a text")
        return "" if node.value in {"null", "~"} and not node.style else str(node.value)

    def texts(self, node: yaml.Node) -> tuple[str, ...]:
        return tuple(self.text(one) for one in self._items(node))

    def truth(self, node: yaml.Node) -> bool:
        typed = self.text(node).lower()
        if typed not in {"true", "false", ""}:
            raise self._wrong(node, f"{typed[:80]!r} is neither true nor false")
        return typed == "true"

    def moment(self, node: yaml.Node) -> datetime | None:
        typed = self.text(node)
        try:
            at = datetime.fromisoformat(typed) if typed else None
        except ValueError:
            raise self._wrong(node, f"{typed[:80]!r} is no date, as 2026-11-28 or 2026-11-28T08:30+08:00") from None
        return at.replace(tzinfo=self.zone) if at and at.tzinfo is None else at

    def slug(self, node: yaml.Node) -> str:
        typed = self.text(node)
        if not re.fullmatch(r"[A-Za-z0-9_-]*", typed):
            raise self._wrong(node, f"{typed[:80]!r} is no slug: it has Latin letters, digits and hyphens")
        return typed

    def links(self, node: yaml.Node) -> dict[str, str]:
        return {typed: self.text(source) for typed, source in self._pairs(node)}

    def _texts_of(self, node: yaml.Node) -> dict[str, yaml.Node]:
        return dict(self._pairs(node))

    def pages(self, node: yaml.Node) -> tuple[TagPage, ...]:
        return tuple(self._page(one) for one in self._items(node))

    def _page(self, node: yaml.Node) -> TagPage:
        told = {key: self.text(value) for key, value in self._pairs(node)}
        if told.keys() != {"name", "slug", "address"}:
            raise self._wrong(node, "the page of a tag has `name`, `slug` and `address`")
        return TagPage(**told)

    def mailed(self, node: yaml.Node) -> Mailed | None:
        told = self._texts_of(node)
        at = self.moment(told["at"]) if "at" in told else None
        if at is None or not told.keys() <= {"subject", "at", "preheader"}:
            raise self._wrong(node, "a mailing has `subject`, `at` and `preheader`")
        words = {key: self.text(told[key]) for key in ("subject", "preheader") if key in told}
        return Mailed(words.get("subject", ""), at, words.get("preheader", ""))


_KEYS: dict[str, Callable[[_Head, yaml.Node], Any]] = {
    "slug": _Head.slug,
    **dict.fromkeys(("source", "title", "summary", "cover", "cover_alt"), _Head.text),
    **dict.fromkeys(("tags", "addresses"), _Head.texts),
    **dict.fromkeys(("is_web_only", "is_unlisted"), _Head.truth),
    "date": _Head.moment,
    "tag_pages": _Head.pages,
    "links": _Head.links,
    "mailed": _Head.mailed,
}
