"""How many addresses rspamd counts in a mail. Pure.

Its URI_COUNT_ODD gives a point to a mail of two parts with an odd number of them. It does not count each address: one
that is only linked to is left out in both parts, unless something else is said of it.
"""

import re
from html.parser import HTMLParser

ADDRESS = re.compile(r"https?://[^\s<>\"\u200b\u2e80-\u9fff\uff00-\uffef]+")
AFTER = ").,;:!?"  # ends an address that stands in a text
ENCODED = re.compile(r"%(?!2[Ff]|3[AaFf]|40|[57][Cc])[0-9A-Fa-f]{2}")  # not those that rspamd leaves encoded
PORT = re.compile(r"https?://[^/?#]*:\d")
NESTED = re.compile(r"https?(?::|%3A)(?:/|%2F){2}", re.IGNORECASE)
SHOWN = re.compile(r"(?:https?://|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?:/|$))\S*")
SILENT = {"style", "script", "title"}
INLINE = {"a", "b", "code", "em", "i", "s", "span", "strong", "u"}


def counted(html: str, text: str) -> int:
    """Return the number that URI_COUNT_ODD of rspamd 3.12 looks at, or another that is even when it is.

    Counted is each occurrence of an address that is a picture's, that is encoded or has a port, that a link shows as
    its words, or that is no link anywhere; besides, an address in the query of a link.
    """
    page = _Page()
    page.feed(html)
    page.close()
    linked = {*page.links, *page.pictures}
    written = [*_addresses("".join(page.words)), *_addresses(text)]
    occurrences = [*page.links, *page.pictures, *written]
    noticed = page.shown | set(page.pictures)
    in_queries = sum(bool(NESTED.search(link, 8)) for link in page.links)
    return in_queries + sum(
        one in noticed or one not in linked or bool(ENCODED.search(one) or PORT.match(one)) for one in occurrences
    )


def _addresses(words: str) -> list[str]:
    return [address.rstrip(AFTER) for address in ADDRESS.findall(words)]


class _Page(HTMLParser):
    """Collects the addresses of links and pictures, and the words that stand in no link."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.shown: set[str] = set()
        self.words: list[str] = []
        self.silent = False
        self.link: str | None = None
        self.link_words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and (href := given.get("href") or "").startswith("http"):
            self.links.append(href)
            self.link, self.link_words = href, ""
        elif tag == "img" and (source := given.get("src") or "").startswith("http"):
            self.pictures.append(source)
        self._part(tag)
        self.silent = self.silent or tag in SILENT

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self.link is not None:
            if SHOWN.fullmatch(self.link_words.strip()):
                self.shown.add(self.link)
            self.link = None
        self._part(tag)
        self.silent = self.silent and tag not in SILENT

    def handle_data(self, data: str) -> None:
        if self.link is not None:
            self.link_words += data
        elif not self.silent:
            self.words.append(data)

    def _part(self, tag: str) -> None:
        if tag not in INLINE:
            self.words.append("\n")
