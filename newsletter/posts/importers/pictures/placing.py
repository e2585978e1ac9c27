"""The pictures of a text get the addresses that they have here; what is not found stays as it is, and is named."""

import re
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from html import escape, unescape

from newsletter.posts.importers.html.notes import Remark
from newsletter.posts.importers.pictures.finding import SUFFIXES, Finder, Found, NotFound, find
from newsletter.posts.models import Image
from newsletter.publication.pictures.uploads import Picture, PictureError, prepare_with_wide

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
