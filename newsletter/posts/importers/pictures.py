"""The pictures of posts that move in: where they are found, and how a text gets their new addresses."""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from html import escape, unescape
from pathlib import Path
from posixpath import normpath
from typing import Protocol
from urllib.parse import unquote, urljoin, urlsplit

from newsletter.mail.outward import NotFetched, fetch
from newsletter.posts.importers.archive import Archive
from newsletter.posts.importers.html.counts import Remark
from newsletter.posts.models import Image
from newsletter.publication.pictures.uploads import BYTES_MAX, Picture, PictureError, prepare_with_wide

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".webp", ".avif"})
AGENT = "newsletter-import/1 (fetches the pictures of posts that move)"
GHOST_URL = "__GHOST_URL__"
_DATA = re.compile(r"data:image/(?P<form>\w{2,5})[^,]{0,100};base64,(?P<data>.*)", re.IGNORECASE | re.DOTALL)
_SIZED = re.compile(r"(?<=/content/images/)size/w\d+/(?:format/\w+/)?")
_SMALLER = re.compile(r"-\d{2,4}x\d{2,4}(?=\.\w{3,4}$)")
_SUBSTACK = re.compile(
    r"https://(?:substackcdn\.com|cdn\.substack\.com)/image/fetch/[^/]*/?(?=https?(?:%3A|:))", re.IGNORECASE
)


class NotFound(Exception):
    """A picture is nowhere to be found, or may not be read; the message says where it was looked for, or why."""


@dataclass(frozen=True)
class Found:
    """A picture that was found, not yet read from the web. fingerprint: changes when a file changes."""

    name: str
    fingerprint: str
    read: Callable[[], bytes]


class Finder(Protocol):
    def find(self, address: str, folder: str) -> Found | None: ...


def candidates(address: str) -> list[str]:
    """Return the paths at which a file of this address may lie: as it is, in full size, without its first folders."""
    path = unquote(urlsplit(address.replace(GHOST_URL, "")).path)
    forms = dict.fromkeys((path, _SIZED.sub("", path), _SMALLER.sub("", path)))
    found: dict[str, None] = {}
    for form in forms:
        parts = [part for part in form.split("/") if part not in {"", "."}]
        for start in range(len(parts)):
            found["/".join(parts[start:])] = None
    return list(found)


def within_cdn(address: str) -> str:
    """Return the address inside that of a service which only makes pictures smaller."""
    match = _SUBSTACK.match(address)
    return unquote(address[match.end() :]) if match else address


@dataclass(frozen=True)
class FolderFinder:
    """Looks below one folder. root: nothing outside of it is ever read, by `..` or by a link."""

    root: Path

    def find(self, address: str, folder: str) -> Found | None:
        if urlsplit(address).scheme not in {"", "http", "https", "file"}:
            return None
        for relative in self._places(address, folder):
            target = (self.root / relative).resolve()
            if target.is_relative_to(self.root.resolve()) and target.is_file():
                return _of_file(target)
        return None

    def _places(self, address: str, folder: str) -> list[str]:
        typed = unquote(urlsplit(address).path)
        is_here = not urlsplit(address).netloc and not typed.startswith("/")
        beside = [f"{one}/{typed}" if one else typed for one in _nearest(folder)] if is_here else []
        return [*beside, *(place for place in candidates(address) if ".." not in place.split("/"))]


def _nearest(folder: str) -> tuple[str, ...]:
    """Return a folder and the one around it: where a text has a folder of its own, its addresses count from either."""
    return (folder, folder.rpartition("/")[0]) if folder else ("",)


def _of_file(path: Path) -> Found:
    def read() -> bytes:
        with path.open("rb") as opened:
            return opened.read(BYTES_MAX + 1)

    return Found(path.name, sha256(read()).hexdigest()[:16], read)


@dataclass(frozen=True)
class ArchiveFinder:
    """Looks into a zip, whatever folder it keeps its pictures in. top: the folder that all of it is in, if one is."""

    archive: Archive
    top: str = ""

    def find(self, address: str, folder: str) -> Found | None:
        for place in [*self._beside(address, folder), *candidates(address)]:
            if name := self.archive.ending_in(place):
                data = self.archive.read(name, BYTES_MAX + 1)
                return Found(name.rpartition("/")[2], sha256(data).hexdigest()[:16], partial(self._read, name))
        return None

    def _beside(self, address: str, folder: str) -> list[str]:
        """Return where a relative address leads from its text, or from the folder around that."""
        parts = urlsplit(address)
        if parts.netloc or parts.path.startswith("/"):
            return []
        places = [normpath(f"{self.top}{one}/{unquote(parts.path)}").lstrip("/") for one in _nearest(folder)]
        return [place for place in places if not place.startswith("..")]

    def _read(self, name: str) -> bytes:
        return self.archive.read(name, BYTES_MAX + 1)


@dataclass(frozen=True)
class WebFinder:
    """Asks the web for what is nowhere else. site: what relative addresses belong to; "" if nobody said."""

    site: str

    def find(self, address: str, folder: str) -> Found | None:
        address = within_cdn(address.replace(GHOST_URL, self.site.rstrip("/")))
        base = f"{self.site.rstrip('/')}/{folder}/" if folder else f"{self.site.rstrip('/')}/"
        url = urljoin(base, address) if self.site else address
        if not url.startswith(("http://", "https://")):
            return None
        name = unquote(urlsplit(url).path).rpartition("/")[2] or "picture"
        return Found(name, "web", partial(_fetched, url))


def _fetched(url: str) -> bytes:
    try:
        return fetch(url, BYTES_MAX + 1, agent=AGENT)
    except NotFetched as error:
        raise NotFound(str(error)) from error


def _in_the_text(address: str) -> Found | None:
    """Return the picture that an address holds itself (RFC 2397)."""
    match = _DATA.match(address)
    if not match:
        return None
    try:
        data = b64decode(unquote(match["data"]), validate=False)
    except (binascii.Error, ValueError):
        return None
    return Found(f"picture.{match['form']}", sha256(data).hexdigest()[:16], lambda: data)


def find(finders: Sequence[Finder], address: str, folder: str) -> Found:
    """Return the picture from the first place that has it. Raises NotFound."""
    if found := _in_the_text(address):
        return found
    for finder in finders:
        if found := finder.find(within_cdn(address), folder):
            return found
    if address.startswith(GHOST_URL):
        raise NotFound("nobody has said where the old site was")
    raise NotFound("it is in none of the places that were searched")


ALT_MAX = 200  # characters, as the library's
_PLACE = re.compile(
    r"^[ \t]*(?P<fence>```+|~~~+).*?(?:^[ \t]*(?P=fence)|\Z)|(?P<ticks>`+)[^`\n].*?(?P=ticks)"
    r"|!\[(?P<alt>(?:\\.|[^\[\]\\])*+)\]\((?:<(?P<bracketed>[^>\n]+)>|(?P<path>(?:[^()\s]|\([^()\s]*\))+))(?P<title>[^)\n]*)\)"
    r"|(?P<before><img\b[^<>]{0,2000}?\ssrc=)(?P<quote>[\"'])(?P<src>[^\"'<>]*)(?P=quote)"
    r"|^(?P<name> {0,3}\[[^\]\n^]+\]:[ \t]*)<?(?P<target>[^\s<>]+)>?",
    re.DOTALL | re.MULTILINE,
)
_ALREADY_HERE = re.compile(r"/media/[0-9a-f]{16}/")


@dataclass(frozen=True)
class Illustration:
    """A picture that belongs to a post, under the name by which it will be served."""

    picture: Picture
    name: str
    alt: str

    @classmethod
    def of(cls, picture: Picture, name: str, alt: str) -> "Illustration":
        """Return it under the name that the same content has already, if it is here."""
        known = Image.objects.filter(digest=picture.digest).first()
        return cls(picture, known.name if known else picture.file_name(name), alt)

    @property
    def url(self) -> str:
        return f"/media/{self.picture.digest}/{self.name}"

    def write(self) -> None:
        """Write its files, without a row. Raises OSError."""
        Image.objects.write(self.picture, self.name)

    def keep(self, *, later: bool) -> Image:
        """Keep it in the library. later: its sizes are made in the background, where thousands come in at once."""
        return Image.objects.keep(self.picture, self.name, self.alt, later=later)[0]


def addresses(body: str) -> list[str]:
    """Return the addresses of the pictures in a text, each once, that are not here yet; those in code are none."""
    return list(dict.fromkeys(url for url in map(_address, _PLACE.finditer(body)) if url))


def _address(match: re.Match[str]) -> str:
    if match["target"]:
        url = match["target"] if "." + match["target"].rpartition(".")[2].lower() in SUFFIXES else ""
    else:
        url = match["bracketed"] or match["path"] or unescape(match["src"] or "")
    return "" if _ALREADY_HERE.match(url) else url


class Placing:
    """Finds pictures, makes them ready, and knows those that it has found already in this text."""

    def __init__(self, finders: Sequence[Finder], folder: str) -> None:
        self.finders, self.folder = finders, folder
        self.found: dict[str, Found | NotFound] = {}
        self.placed: dict[str, Illustration] = {}
        self.begun: dict[str, Future[Picture]] = {}
        self.remarks: list[Remark] = []

    def fingerprint(self, address: str) -> str:
        """Return what changes when the picture does, "" if there is none."""
        found = self._look(address)
        return "" if isinstance(found, NotFound) else found.fingerprint

    def _look(self, address: str) -> Found | NotFound:
        if address not in self.found:
            try:
                self.found[address] = find(self.finders, address, self.folder)
            except NotFound as missing:
                self.found[address] = missing
        return self.found[address]

    def begin(self, wanted: Sequence[str], pool: Executor) -> None:
        """Begin to make these pictures ready in other threads, where Pillow leaves the interpreter to us."""
        for address in wanted:
            if not isinstance(found := self._look(address), NotFound):
                self.begun[address] = pool.submit(_ready, found)

    def illustration(self, address: str, alt: str) -> Illustration | None:
        """Return the picture of an address, made ready; None, and a remark, where that cannot be."""
        if address not in self.placed:
            try:
                self.placed[address] = self._ready(address, alt)
            except (NotFound, PictureError) as error:
                self._miss(address, str(error))
        return self.placed.get(address)

    def _ready(self, address: str, alt: str) -> Illustration:
        found = self._look(address)
        if isinstance(found, NotFound):
            raise found
        picture = self.begun.pop(address).result() if address in self.begun else _ready(found)
        known = next((one for one in self.placed.values() if one.picture.digest == picture.digest), None)
        words = " ".join(alt.split()) or found.name.rpartition(".")[0]
        return known or Illustration.of(picture, found.name, words[:ALT_MAX])

    def _miss(self, address: str, why: str) -> None:
        remark = Remark("a picture stays at its old address", f"{address} ({why})")
        if remark not in self.remarks:
            self.remarks.append(remark)

    def body(self, body: str) -> str:
        """Return the text with the new addresses of its pictures; code is left alone."""
        return _PLACE.sub(self._rewritten, body)

    def _rewritten(self, match: re.Match[str]) -> str:
        address = _address(match)
        one = self.illustration(address, unescaped(match["alt"] or "")) if address else None
        if one is None:
            return match[0]
        if match["target"]:
            return f"{match['name']}{one.url}"
        if match["src"]:
            return f"{match['before']}{match['quote']}{escape(one.url)}{match['quote']}"
        return f"![{match['alt']}]({one.url}{match['title']})"


def _ready(found: Found) -> Picture:
    return prepare_with_wide(found.read())


def unescaped(alt: str) -> str:
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", alt)
