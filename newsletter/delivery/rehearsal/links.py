"""What a mail refers to: the links and pictures of its HTML part, and the addresses in its text part. Pure."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

ADDRESS = re.compile(r"https?://[^\s<>\"'（）「」『』【】《》，。；：！？、]+")
AT_THE_END = ".,;:!?)]}"  # of a sentence, not of its last address


@dataclass(frozen=True)
class Shown:
    """A picture as the HTML names it; alt is None where there is none, "" where it is said to be decoration."""

    url: str
    alt: str | None
    has_width: bool


@dataclass
class References:
    """The links of the HTML part in their order, its pictures, and its words."""

    links: list[str] = field(default_factory=list)
    pictures: list[Shown] = field(default_factory=list)
    words: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found = References()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and given.get("href"):
            self.found.links.append(str(given["href"]))
        elif tag == "img":
            alt = (given["alt"] or "") if "alt" in given else None
            has_width = bool(given.get("width"))
            self.found.pictures.append(Shown(str(given.get("src") or ""), alt, has_width))

    def handle_data(self, data: str) -> None:
        self.found.words += data


def read_html(html: str) -> References:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.found.links = list(dict.fromkeys(reader.found.links))
    return reader.found


def addresses_in(text: str) -> list[str]:
    """Return each web address of a plain text once."""
    return list(dict.fromkeys(found.rstrip(AT_THE_END) for found in ADDRESS.findall(text)))
