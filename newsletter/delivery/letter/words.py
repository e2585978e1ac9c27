"""What a frozen letter says of its issue: the words alone, without what every letter has around them. Pure."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

from newsletter.posts.text.measures import BLOCK, EMPTY, WIDE

POST: Final = re.compile(r"/p/([0-9]{1,18})(?:-[^/]*)?/$")
# Of templates/email/issue.html: what stands beside the author's words, and what repeats them.
BESIDE: Final = frozenset({"panel", "quiet", "onward", "callout"})
END: Final = "ask"  # the question behind the closing
TASTE: Final = re.compile(rf"(?<=[{WIDE}])[ \u00a0](?=[!-~])|(?<=[!-~])[ \u00a0](?=[{WIDE}])")


@dataclass(frozen=True)
class Words:
    """The text of a part, a line for each block, and the addresses that it leads to, with the words that do."""

    post: int  # 0: the issue's own words
    text: str
    links: tuple[tuple[str, str], ...]


@dataclass
class _Part:
    post: int = 0
    lines: list[str] = field(default_factory=lambda: [""])
    links: list[tuple[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    """Reads from the title to the question at the end; a post is a part of its own, and so is what is around them."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = [_Part()]
        self.open: list[tuple[str, bool, bool]] = []  # tag, whether it is beside, whether it is prose
        self.is_begun = self.is_over = False
        self.href = ""
        self.post_depth = 0  # how many elements are open within a post; 0 outside

    @property
    def is_read(self) -> bool:
        return self.is_begun and not self.is_over and not any(beside for _tag, beside, _prose in self.open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        kinds = set(given.get("class", "").split())
        in_prose = any(prose for _tag, _beside, prose in self.open)
        self.is_begun = self.is_begun or tag == "h1"
        self.is_over = self.is_over or (self.is_begun and not in_prose and END in kinds)
        if tag not in EMPTY:
            self.open.append((tag, not in_prose and bool(kinds & BESIDE), "prose" in kinds))
        if not self.is_read:
            return
        if "post" in kinds and not in_prose:
            self.parts.append(_Part())
            self.post_depth = len(self.open)
        if BLOCK.fullmatch(tag):
            self.parts[-1].lines.append("")
        if tag == "img":
            self.parts[-1].lines[-1] += f"［{given['alt']}］" if given.get("alt") else ""
        self.href = given.get("href", self.href)
        found = POST.search(self.href) if tag == "a" and any(one[0] == "h2" for one in self.open) else None
        if found and len(self.parts) > 1 and not self.parts[-1].post and not in_prose:
            self.parts[-1].post = int(found[1])

    def handle_endtag(self, tag: str) -> None:
        if self.is_read and BLOCK.fullmatch(tag):
            self.parts[-1].lines.append("")
        if tag == "a":
            self.href = ""
        while any(one[0] == tag for one in self.open) and self.open.pop()[0] != tag:
            pass
        if len(self.open) < self.post_depth:
            self.parts.append(_Part())
            self.post_depth = 0

    def handle_data(self, data: str) -> None:
        if not self.is_read:
            return
        self.parts[-1].lines[-1] += data
        if self.href and data.strip() and any(prose for _tag, _beside, prose in self.open):
            self.parts[-1].links.append((data.strip(), self.href))


def words_of_letter(html: str) -> list[Words]:
    """Return the parts of a letter in their order. Spaces between Chinese and Latin are the mail's own: left out."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return [Words(part.post, text, tuple(part.links)) for part in reader.parts if (text := _text(part.lines))]


def _text(lines: Iterable[str]) -> str:
    joined = (TASTE.sub("", " ".join(line.split())) for line in lines)
    return "\n".join(filter(None, joined))


def in_public(parts: Iterable[Words], posts: Collection[int]) -> list[Words]:
    """Return the parts that readers may still see: of posts those in `posts`."""
    return [part for part in parts if not part.post or part.post in posts]
