"""HTML tags that authors type: escaping those that would hide text.

HTML parsers swallow the text after an unclosed tag: everything after `<textarea>`, `<title>` or `<!--`, some words
after `<div `. So incomplete and unpaired tags are escaped before sanitising. Safety is the sanitiser's job.
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
from newsletter.posts.markdown.figures import PLAYER_URLS
from newsletter.posts.markdown.lines import HTML_BLOCK, RAW_HTML_BLOCK
from newsletter.posts.markdown.sanitise import ALLOWED_ATTRIBUTES

# Dropped; their content is shown.
OBSOLETE_TAGS: Final = frozenset({"acronym", "big", "font", "nobr", "strike", "tt"})
# Dropped in HTML blocks; inside a sentence they are text.
DROPPED_TAGS: Final = frozenset(
    {
        *("address", "article", "body", "button", "dialog", "fieldset", "footer", "form", "head", "header", "hgroup"),
        *("html", "legend", "main", "menu", "nav", "picture", "col", "colgroup", "link", "meta", "param", "source"),
        *("audio", "embed", "object", "track", "video", "noscript", "script", "style", "svg", "math", "template"),
    }
)
INLINE_TAGS: Final = (ALLOWED_ATTRIBUTES.keys() - {"*"}) | OBSOLETE_TAGS
KNOWN_TAGS: Final = INLINE_TAGS | DROPPED_TAGS
# Dropped with their content if closed; the format check reports this.
DROPPED_WITH_CONTENT: Final = frozenset({"iframe", "math", "noscript", "object", "script", "style", "svg", "template"})
VOID_TAGS: Final = frozenset(
    {"br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
# The end tag is optional (HTML, section 13.1.2.4).
OPTIONAL_END_TAGS: Final = frozenset(
    {"p", "li", "dt", "dd", "rt", "rp", "tr", "td", "th", "thead", "tbody", "tfoot", "caption"}
)
TOKEN: Final = re.compile(
    r"<(?:(?P<comment>!--)|(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9:-]*)(?P<rest>(?:[\s/](?:[^<>\"'\u2e80-\U0010ffff]|\"[^<\"]*\"|'[^<']*')*+)?)>|)"
)
IFRAME: Final = re.compile(
    r"<iframe\b(?P<rest>(?:[^<>\"'\u2e80-\U0010ffff]|\"[^<\"]*\"|'[^<']*')*+)>[^<]*</iframe\s*>", re.IGNORECASE
)
TAG_NAME: Final = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]*)")
DROPPED_START_TAG: Final = re.compile(
    rf"<({'|'.join(sorted(DROPPED_TAGS | {'iframe'}))})(?=[\s/>])[^<>]*>", re.IGNORECASE
)
BLOCK_START_LENGTH_MAX: Final = 40  # characters to read to recognise the start of an HTML block
UNSUPPORTED_TAGS: Final = frozenset(
    {"title", "textarea", "select", "option", "canvas", "plaintext", "frameset", "base", "meter"}
)
SRC_ATTRIBUTE: Final = re.compile(r"\ssrc\s*=\s*(?:\"(?P<a>[^\"]*)\"|'(?P<b>[^']*)'|(?P<c>[^\s\"'>]+))", re.IGNORECASE)


class HtmlTag(NamedTuple):
    """A tag at a position; without a name, a `<` that starts no tag."""

    start: int
    end: int
    name: str = ""
    is_end: bool = False


def is_inline(typed: str) -> bool:
    match = TOKEN.match(typed)
    return bool(match and (match["comment"] or (match["name"] or "").lower() in INLINE_TAGS))


def escape_unpaired(html: str) -> str:
    return _escape_tags(html, unpaired_tags(html))


def unpaired_tags(html: str) -> list[HtmlTag]:
    """Incomplete, unknown and unpaired tags, in order."""
    found: list[HtmlTag] = []
    open_tags: dict[str, list[HtmlTag]] = defaultdict(list)
    for tag in _tokens(html):
        if tag.name not in KNOWN_TAGS or (tag.is_end and tag.name in VOID_TAGS and tag.name != "br"):
            found.append(tag)
        elif not tag.is_end:
            open_tags[tag.name].append(tag)
        elif tag.name not in VOID_TAGS and open_tags[tag.name]:
            open_tags[tag.name].pop()
        else:
            found.append(tag)
    found += [tag for name, tags in open_tags.items() if name not in VOID_TAGS | OPTIONAL_END_TAGS for tag in tags]
    return sorted(found)


class TagOutcome(Enum):
    """How HTML that has no effect is shown."""

    TYPED = "shown as typed"
    LEFT_OUT = "left out with what is in it"
    LINK = "a link to it"


class IneffectiveTag(NamedTuple):
    start: int
    end: int
    outcome: TagOutcome


def ineffective_tags(source: str) -> list[IneffectiveTag]:
    """Tags whose outcome may surprise the author, in order. source: Markdown with its code masked."""
    typed = [tag for tag in unpaired_tags(source) if tag.end - tag.start > 1 and _is_of_html(source, tag)]
    found = [IneffectiveTag(tag.start, tag.end, TagOutcome.TYPED) for tag in typed]
    starts = {tag.start for tag in typed}
    others = (match for match in DROPPED_START_TAG.finditer(source) if match.start() not in starts)
    outcomes = ((match, _outcome(source, match)) for match in others)
    found += [IneffectiveTag(match.start(), match.end(), outcome) for match, outcome in outcomes if outcome]
    return sorted(found, key=lambda one: one.start)


def _is_of_html(source: str, tag: HtmlTag) -> bool:
    name = TAG_NAME.match(source, tag.start)
    return bool(name and name[1].lower() in KNOWN_TAGS | UNSUPPORTED_TAGS)


def _outcome(source: str, opener: re.Match[str]) -> TagOutcome | None:
    """Inside a sentence it is shown as typed; in an HTML block left out or replaced by a link."""
    name = opener[1].lower()
    if name == "iframe":
        shown = frame_url(opener[0]).startswith(PLAYER_URLS) or figures.parse_video(opener[0] + "</iframe>")
        return None if shown else TagOutcome.LINK
    if not _is_in_block(source, opener.start()):
        return TagOutcome.TYPED
    return TagOutcome.LEFT_OUT if name in DROPPED_WITH_CONTENT | {"audio", "embed", "video"} else None


def _is_in_block(source: str, place: int) -> bool:
    """Whether the paragraph or line at `place` starts an HTML block."""
    first, line = source.rfind("\n\n", 0, place), source.rfind("\n", 0, place) + 1
    first = first + 2 if first >= 0 else 0
    is_block = HTML_BLOCK.match(source[first : first + BLOCK_START_LENGTH_MAX])
    return bool(is_block or RAW_HTML_BLOCK.match(source[line : line + BLOCK_START_LENGTH_MAX]))


def escape_unclosed(block: str) -> str:
    """Escape each `<` in an HTML block that would swallow the text after the block."""
    return _escape_tags(block, [tag for tag in _tokens(block) if not tag.name])


def _escape_tags(html: str, tags: list[HtmlTag]) -> str:
    starts = [tag.start for tag in tags]
    pieces = [html[start:end] for start, end in zip([0, *starts], [*starts, len(html)], strict=True)]
    return pieces[0] + "".join(f"&lt;{piece[1:]}" for piece in pieces[1:])


def _end_of_iframe(html: str, position: int) -> int:
    match = IFRAME.match(html, position)
    return match.end() if match else -1


def _tokens(html: str) -> Iterator[HtmlTag]:
    """Yield tags and stray `<`, skipping closed comments and closed elements that are dropped with their content."""
    ends = ClosingTags(html)
    position = html.find("<")
    while position >= 0:
        match = TOKEN.match(html, position)
        assert match, html[position]  # noqa: S101 - TOKEN also matches a lone `<`
        name, after = (match["name"] or "").lower(), match.end()
        if match["comment"]:
            end = ends.after("-->", position)
            if end < 0:
                yield HtmlTag(position, position + 1)
            after = max(end, position + 1)
        elif name in DROPPED_WITH_CONTENT and not match["end"]:
            end = _end_of_iframe(html, position) if name == "iframe" else ends.after(f"</{name}", after)
            if end < 0:
                yield HtmlTag(position, after)  # never closed
            after = max(end, after)
        else:
            yield HtmlTag(position, after, name, bool(match["end"]))
        position = html.find("<", after)


class ClosingTags:
    """Positions of closing tags and comment ends, searched once per kind."""

    def __init__(self, html: str) -> None:
        self.html = html
        self.places: dict[str, list[int]] = {}

    def after(self, end: str, position: int) -> int:
        """Position after the next `end` (and its `>`), -1 if there is none."""
        if end not in self.places:
            whole = re.escape(end) if end == "-->" else rf"{re.escape(end)}\s*>"
            self.places[end] = [m.end() for m in re.finditer(whole, self.html, re.IGNORECASE)]
        places = self.places[end]
        index = bisect_left(places, position + 1)
        return places[index] if index < len(places) else -1


def replace_iframes(html: str, *, is_mail: bool) -> str:
    """Replace iframes by links: all in mails, all but PLAYER_URLS on pages."""
    has_iframe = "<iframe" in html.lower()
    return IFRAME.sub(lambda iframe: _iframe_or_link(iframe, is_mail=is_mail), html) if has_iframe else html


def _iframe_or_link(iframe: re.Match[str], *, is_mail: bool) -> str:
    url = frame_url(iframe["rest"])
    if not url:
        return escape(iframe[0], quote=False)
    return iframe[0] if url.startswith(PLAYER_URLS) and not is_mail else frame_link(url)


def frame_url(attributes: str) -> str:
    """The `src` of an iframe, "" if it is no web address."""
    source = SRC_ATTRIBUTE.search(attributes)
    url = unescape(source["a"] or source["b"] or source["c"] or "").strip() if source else ""
    url = f"https:{url}" if url.startswith("//") else url
    return url if url.startswith(("https://", "http://")) and url_host(url) else ""


def frame_link(url: str) -> str:
    words = _("Embedded page: %(host)s") % {"host": url_host(url)}
    return f'<a class="embed" href="{escape(url)}">{escape(words, quote=False)}</a>'


def url_host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
