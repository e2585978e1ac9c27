"""The pictures of posts: where they are found, and how a text gets the addresses that they have in the folder."""

import re
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from posixpath import normpath
from urllib.parse import unquote, urljoin, urlsplit

from newsletter.mail.safe_http import FetchError, fetch
from newsletter.moving.converters.addresses import with_addresses
from newsletter.moving.converters.files import Files, Rejected
from newsletter.moving.folder.layout import ConversionReport, Remark, picture_path, write_picture
from newsletter.publication.pictures.uploads import BYTES_MAX, PictureError, refuse_unusable

AGENT = "newsletter-import/1 (fetches the pictures of posts that move)"
GHOST_URL = "__GHOST_URL__"
_DATA = re.compile(r"data:image/(?P<form>\w{2,5})[^,]{0,100};base64,(?P<data>.*)", re.IGNORECASE | re.DOTALL)
_SIZED = re.compile(r"(?<=/content/images/)size/w\d+/(?:format/\w+/)?")
_SMALLER = re.compile(r"-\d{2,4}x\d{2,4}(?=\.\w{3,4}$)")
_SUBSTACK = re.compile(
    r"https://(?:substackcdn\.com|cdn\.substack\.com)/image/fetch/[^/]*/?(?=https?(?:%3A|:))", re.IGNORECASE
)


@dataclass(frozen=True)
class FoundPicture:
    """A picture that was found, not yet read."""

    name: str
    read: Callable[[], bytes]
    is_fetched: bool = False


def candidates(address: str) -> list[str]:
    """The paths at which a file of this address may lie: as it is, in full size, without its first folders."""
    path = unquote(urlsplit(address.replace(GHOST_URL, "")).path)
    found: dict[str, None] = {}
    for form in dict.fromkeys((path, _SIZED.sub("", path), _SMALLER.sub("", path))):
        parts = [part for part in form.split("/") if part not in {"", "."}]
        found |= dict.fromkeys("/".join(parts[start:]) for start in range(len(parts)) if ".." not in parts)
    return list(found)


@dataclass(frozen=True)
class FileFinder:
    """Looks among files, whatever folder they keep their pictures in."""

    files: Files

    def find(self, address: str, folder: str) -> FoundPicture | None:
        if urlsplit(address).scheme not in {"", "http", "https", "file"}:
            return None
        beside = filter(self.files.has, _beside(address, folder))
        name = next(beside, "") or next(filter(None, map(self.files.ending_in, candidates(address))), "")
        read = partial(self.files.read_bytes, name, BYTES_MAX + 1)
        return FoundPicture(name.rpartition("/")[2], read) if name else None


def _beside(address: str, folder: str) -> list[str]:
    """A relative address, resolved against the folder of its text and the one above."""
    parts = urlsplit(address)
    if parts.netloc or parts.path.startswith("/"):
        return []
    folders = (folder, folder.rpartition("/")[0]) if folder else ("",)
    paths = (normpath(f"{one}/{unquote(parts.path)}").lstrip("/") for one in folders)
    return [path for path in paths if not path.startswith("..")]


@dataclass(frozen=True)
class WebFinder:
    """Fetches pictures from the web. site_url: base of relative addresses; "" if unknown."""

    site_url: str

    def find(self, address: str, folder: str) -> FoundPicture | None:
        site_url = self.site_url.rstrip("/")
        url = urljoin(f"{site_url}/{folder}/" if folder else f"{site_url}/", address.replace(GHOST_URL, site_url))
        if not url.startswith(("http://", "https://")):
            return None
        name = unquote(urlsplit(url).path).rpartition("/")[2] or "picture"
        return FoundPicture(name, partial(fetch, url, BYTES_MAX + 1, agent=AGENT), is_fetched=True)


type Finder = FileFinder | WebFinder
_OUR_ADDRESS = re.compile(r"/media/[0-9a-f]{16}/")  # of a text that was written for such a site


class PictureCopier:
    """Copies pictures into the folder once each, and records their old addresses."""

    def __init__(self, finders: Sequence[Finder], folder: Path, account: ConversionReport) -> None:
        self.finders, self.folder, self.account = finders, folder, account

    def placed(self, body: str, beside: str, remarks: list[Remark]) -> str:
        """The text with the new addresses of its pictures. beside: the folder of the text."""

        def new(address: str, is_picture: bool) -> str:
            return self.place(address, beside, remarks) if is_picture and not _OUR_ADDRESS.match(address) else ""

        return with_addresses(body, new)

    def place(self, address: str, beside: str, remarks: list[Remark]) -> str:
        """The new address of a picture; "", and a remark, where it stays at its old one."""
        try:
            found = self._find(address, beside)
            data = found.read()
            refuse_unusable(data)
        except (FetchError, PictureError, ValueError) as error:
            shown = address if len(address) <= 500 else f"{address[:60]}…"
            remark = Remark("a picture stays at its old address", f"{shown} ({error})")
            remarks += [] if remark in remarks else [remark]
            return ""
        new = write_picture(self.folder, data, found.name)
        if not address.startswith("data:"):
            path = picture_path(new).partition("/")[2]
            self.account.pictures.setdefault(path, address)
            self.account.fetched |= {path} if found.is_fetched else set()
        return new

    def _find(self, address: str, beside: str) -> FoundPicture:
        if data := _DATA.match(address):  # the picture itself (RFC 2397)
            return FoundPicture(f"picture.{data['form']}", partial(b64decode, unquote(data["data"])))
        wanted = unquote(address[match.end() :]) if (match := _SUBSTACK.match(address)) else address
        for finder in self.finders:
            if found := finder.find(wanted, beside):
                return found
        if address.startswith(GHOST_URL):
            raise Rejected("nobody has said where the old site was")
        raise Rejected("it is in none of the places that were searched")
