"""Tags that an author typed: which are marks, and which are words that readers see as typed. Pure.

What an HTML parser does with a tag that has no end is to hide what follows: all of it after `<textarea>`, `<title>` or
`<!--`, the next words after `<div `. So `as_marks` escapes whatever is no whole tag, or has no partner, before the
sanitiser parses it. It decides what is shown, the sanitiser (markdown/sanitise.py) what is safe.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from enum import Enum
from html import escape, unescape
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from newsletter.posts.markdown import figures
from newsletter.posts.markdown.figures import PLAYERS
from newsletter.posts.markdown.lines import HTML_BLOCK, HTML_LONG
from newsletter.posts.markdown.sanitise import ALLOWED

# Old tags for a look: dropped, and what is between them is shown.
LOOKS: Final = frozenset({"acronym", "big", "font", "nobr", "strike", "tt"})
# Parts of a page, dropped in a block of HTML; inside a sentence their names are words.
PARTS: Final = frozenset(
    {
        *("address", "article", "body", "button", "dialog", "fieldset", "footer", "form", "head", "header", "hgroup"),
        *("html", "legend", "main", "menu", "nav", "picture", "col", "colgroup", "link", "meta", "param", "source"),
        *("audio", "embed", "object", "track", "video", "noscript", "script", "style", "svg", "math", "template"),
    }
)
INLINE: Final = (ALLOWED.keys() - {"*"}) | LOOKS
KNOWN: Final = INLINE | PARTS
# Dropped with all that is in them, where they are closed; a finding of the format check names them.
SWALLOWING: Final = frozenset({"iframe", "math", "noscript", "object", "script", "style", "svg", "template"})
VOID: Final = frozenset({"br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"})
# Their end may be left out (HTML, section 13.1.2.4).
OPEN_ENDED: Final = frozenset(
    {"p", "li", "dt", "dd", "rt", "rp", "tr", "td", "th", "thead", "tbody", "tfoot", "caption"}
)
TOKEN: Final = re.compile(
    r"<(?:(?P<comment>!--)|(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9:-]*)(?P<rest>(?:[\s/](?:[^<>\"'\u2e80-\U0010ffff]|\"[^<\"]*\"|'[^<']*')*+)?)>|)"
)
FRAME: Final = re.compile(
    r"<iframe\b(?P<rest>(?:[^<>\"'\u2e80-\U0010ffff]|\"[^<\"]*\"|'[^<']*')*+)>[^<]*</iframe\s*>", re.IGNORECASE
)
NAME: Final = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]*)")
OPENER: Final = re.compile(rf"<({'|'.join(sorted(PARTS | {'iframe'}))})(?=[\s/>])[^<>]*>", re.IGNORECASE)
LONGEST_TAG: Final = 40  # characters of a name, and what stands before it
WORDS: Final = frozenset({"title", "textarea", "select", "option", "canvas", "plaintext", "frameset", "base", "meter"})
SOURCE: Final = re.compile(r"\ssrc\s*=\s*(?:\"(?P<a>[^\"]*)\"|'(?P<b>[^']*)'|(?P<c>[^\s\"'>]+))", re.IGNORECASE)


class Tag(NamedTuple):
    """A tag as it stands in a text, or a mere `<` that begins none (no name)."""

    start: int
    end: int
    name: str = ""
    is_end: bool = False


def is_inline(typed: str) -> bool:
    """Return whether `typed`, from `<` to `>`, may mark words inside a sentence; what is dropped whole may not."""
    match = TOKEN.match(typed)
    return bool(match and (match["comment"] or (match["name"] or "").lower() in INLINE))


def as_marks(html: str) -> str:
    """Return `html` with every `<` escaped that begins no whole tag, an unknown one, or one without its partner."""
    return _as_words(html, unpaired(html))


def unpaired(html: str) -> list[Tag]:
    """Return what begins with `<` in `html` and would hide what follows it, or itself; in order."""
    found: list[Tag] = []
    open_tags: dict[str, list[Tag]] = defaultdict(list)
    for tag in _tokens(html):
        if tag.name not in KNOWN or (tag.is_end and tag.name in VOID and tag.name != "br"):
            found.append(tag)
        elif not tag.is_end:
            open_tags[tag.name].append(tag)
        elif tag.name not in VOID and open_tags[tag.name]:
            open_tags[tag.name].pop()
        else:
            found.append(tag)
    found += [tag for name, tags in open_tags.items() if name not in VOID | OPEN_ENDED for tag in tags]
    return sorted(found)


class Fate(Enum):
    """What becomes of HTML that is no mark."""

    TYPED = "shown as typed"
    LEFT_OUT = "left out with what is in it"
    LINK = "a link to it"


class Odd(NamedTuple):
    start: int
    end: int
    fate: Fate


def odd(source: str) -> list[Odd]:
    """Return each tag of `source` (Markdown, its code blanked out) whose author may be surprised, in order."""
    words = {tag.start: tag.end for tag in unpaired(source) if tag.end - tag.start > 1 and _is_of_html(source, tag)}
    found = [Odd(start, end, Fate.TYPED) for start, end in words.items()]
    others = (match for match in OPENER.finditer(source) if match.start() not in words)
    found += [Odd(match.start(), match.end(), fate) for match in others if (fate := _fate(source, match))]
    return sorted(found, key=lambda one: one.start)


def _is_of_html(source: str, tag: Tag) -> bool:
    name = NAME.match(source, tag.start)
    return bool(name and name[1].lower() in KNOWN | WORDS)


def _fate(source: str, opener: re.Match[str]) -> Fate | None:
    """Return what becomes of a whole element: in a sentence it is typed, in a block of HTML left out or a link."""
    name = opener[1].lower()
    if name == "iframe":
        shown = address_of(opener[0]).startswith(PLAYERS) or figures.film(opener[0] + "</iframe>")
        return None if shown else Fate.LINK
    if not _is_in_block(source, opener.start()):
        return Fate.TYPED
    return Fate.LEFT_OUT if name in SWALLOWING | {"audio", "embed", "video"} else None


def _is_in_block(source: str, place: int) -> bool:
    """Return whether the paragraph, or the line, that `place` stands in begins as a block of HTML does."""
    first, line = source.rfind("\n\n", 0, place), source.rfind("\n", 0, place) + 1
    first = first + 2 if first >= 0 else 0
    is_block = HTML_BLOCK.match(source[first : first + LONGEST_TAG])
    return bool(is_block or HTML_LONG.match(source[line : line + LONGEST_TAG]))


def contained(block: str) -> str:
    """Return a block of raw HTML with every `<` escaped that would swallow what stands behind the block."""
    return _as_words(block, [tag for tag in _tokens(block) if not tag.name])


def _as_words(html: str, tags: list[Tag]) -> str:
    starts = [tag.start for tag in tags]
    pieces = [html[start:end] for start, end in zip([0, *starts], [*starts, len(html)], strict=True)]
    return pieces[0] + "".join(f"&lt;{piece[1:]}" for piece in pieces[1:])


def _end_of_frame(html: str, position: int) -> int:
    match = FRAME.match(html, position)
    return match.end() if match else -1


def _tokens(html: str) -> Iterator[Tag]:
    """Yield every tag of `html` but those inside comments and elements that are dropped whole."""
    ends = Ends(html)
    position = html.find("<")
    while position >= 0:
        match = TOKEN.match(html, position)
        assert match, html[position]  # noqa: S101 - its last branch is empty
        name, after = (match["name"] or "").lower(), match.end()
        if match["comment"]:
            end = ends.after("-->", position)
            if end < 0:
                yield Tag(position, position + 1)
            after = max(end, position + 1)
        elif name in SWALLOWING and not match["end"]:
            end = _end_of_frame(html, position) if name == "iframe" else ends.after(f"</{name}", after)
            if end < 0:
                yield Tag(position, after)  # nothing closes it
            after = max(end, after)
        else:
            yield Tag(position, after, name, bool(match["end"]))
        position = html.find("<", after)


class Ends:
    """Where the ends of comments and elements stand: each kind is looked for once, however often it is asked for."""

    def __init__(self, html: str) -> None:
        self.html = html
        self.places: dict[str, list[int]] = {}

    def after(self, end: str, position: int) -> int:
        """Return the place behind the next `end` (and its `>`), -1 if there is none."""
        if end not in self.places:
            whole = re.escape(end) if end == "-->" else rf"{re.escape(end)}\s*>"
            self.places[end] = [m.end() for m in re.finditer(whole, self.html, re.IGNORECASE)]
        places = self.places[end]
        index = bisect_left(places, position + 1)
        return places[index] if index < len(places) else -1


def with_links_for_frames(html: str, *, is_mail: bool) -> str:
    """Return `html` with a link for each frame that is not shown: in a mail none is, on a page only PLAYERS are."""
    return FRAME.sub(lambda frame: _framed(frame, is_mail=is_mail), html) if "<iframe" in html.lower() else html


def _framed(frame: re.Match[str], *, is_mail: bool) -> str:
    url = address_of(frame["rest"])
    if not url:
        return escape(frame[0], quote=False)
    return frame[0] if url.startswith(PLAYERS) and not is_mail else link_to(url)


def address_of(attributes: str) -> str:
    """Return the web address that a frame shows, "" if it has none."""
    source = SOURCE.search(attributes)
    url = unescape(source["a"] or source["b"] or source["c"] or "").strip() if source else ""
    url = f"https:{url}" if url.startswith("//") else url
    return url if url.startswith(("https://", "http://")) and host_of(url) else ""


def link_to(url: str) -> str:
    words = _("Embedded page: %(host)s") % {"host": host_of(url)}
    return f'<a class="embed" href="{escape(url)}">{escape(words, quote=False)}</a>'


def host_of(url: str) -> str:
    """Return the host of an address, "" if it is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
