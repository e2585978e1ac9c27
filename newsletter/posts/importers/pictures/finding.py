"""Where the pictures of an import are: in its zip, in folders, or on the web if the operator says so."""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from posixpath import normpath
from typing import Protocol
from urllib.parse import unquote, urljoin, urlsplit

from newsletter.mail.outward import NotFetched, fetch
from newsletter.posts.importers.archive import Archive
from newsletter.publication.pictures.uploads import BYTES_MAX

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
