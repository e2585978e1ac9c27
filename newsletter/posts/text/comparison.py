"""What readers are not shown of a text: its characters beside those of what it became. Pure.

The last check before a letter leaves. The source is read by a simple rule of its own, which takes away what is plainly
a mark, and shares no code with the renderer: an error there cannot hide itself here. Where the rule takes too
much away, less is compared; it is not used for anything else.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Final

from newsletter.mail.characters import nfc, without_control

SHOWN_MAX: Final = 40  # characters of one place
TAGS: Final = (
    "a|abbr|acronym|address|article|aside|audio|b|bdi|bdo|big|blockquote|body|br|button|caption|center|cite|code|col|"
    "colgroup|dd|del|details|dfn|dialog|div|dl|dt|em|embed|fieldset|figcaption|figure|font|footer|form|h[1-6]|head|"
    "header|hgroup|hr|html|i|iframe|img|input|ins|kbd|label|legend|li|link|main|mark|math|menu|meta|nav|nobr|noscript|"
    "object|ol|p|param|picture|pre|q|rp|rt|ruby|s|samp|script|section|small|source|span|strike|strong|style|sub|"
    "summary|sup|svg|table|tbody|td|template|tfoot|th|thead|time|tr|track|tt|u|ul|var|video|wbr"
)
# Of a link. One with Chinese in it and a mark that no address has may be a sentence that the renderer took for one.
_ADDRESS: Final = r"[^\s()\[<]{0,5000}+(?:\([^\s()\[<]{0,5000}+\)[^\s()\[<]{0,5000}+)?+"
_ASCII_ADDRESS: Final = r"[!-'*-~]{0,5000}+(?:\([!-'*-~]{0,5000}+\)[!-'*-~]{0,5000}+)?+"
MARKUP: Final = re.compile(
    r"!?\[(?!\^)|\[\^[^\]\n]{0,200}\]:?|\]\[[^\]\n]{0,200}\]|&#?\w{1,32};|\||"
    rf"\]\([ ]*(?:<[^<>\n]{{0,5000}}>|{_ADDRESS}(?=[\s)]|$)|{_ASCII_ADDRESS}(?=[\s)]|$)|)|"
    r"[\"'][ ]*\)|"  # of a title
    rf"</?(?:{TAGS})(?=[\s/>])(?:[^<>\"'\u2e80-\U0010ffff]|\"[^\"<]{{0,2000}}\"|'[^'<]{{0,2000}}')*+>",
    re.IGNORECASE,
)
LINE_MARKS: Final = re.compile(
    r"^[ \t>]*(?:"
    r"(?:`{3,}|~{3,})[!-~ ]*$|\[toc\][ ]*$|"
    # The address of a definition, not its title; whatever else stands there is words.
    r"\[[^\]\n]{1,200}\]:[ ]*<?(?:[a-z][a-z0-9+.-]*:|[/#?.]|[\w-]+\.[\w.-]+|[!-~]+$)[^\s<>]*>?|"
    r"(?:[-*+][ \t]+)?<?https?://[^\s<>]*(?:youtu|vimeo)[^\s<>]*>?[ ]*$|"
    r"\[!\w+\](?!\()[+-]?|(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)+(?:\[[ xX]\])?)",
    re.MULTILINE | re.IGNORECASE,
)
# What may be a mark, white space, and what is not seen by itself: controls, joiners, directions, selectors of a form.
NOT_COMPARED: Final = re.compile(
    r"[\x00-#'()*\-:<=>\[\\\]^_`|~\x7f-\xa0\s\xad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufe00-\ufe0f\ufeff"
    r"\U000e0000-\U000e0fff]+"
)
# A definition that is used as a comment: it shows nothing.
NOTE_TO_SELF: Final = re.compile(r"^ {0,3}\[(?://|comment)\]:[^\n]*(?:\n|\Z)", re.MULTILINE)
UNSEEN: Final = re.compile(r"<(head|style)\b.*?</\1\s*>", re.DOTALL)
SAID: Final = re.compile(r"\s(?:alt|title)=\"([^\"]*)\"")
TYPED_SAID: Final = re.compile(r"\s(?:alt|title)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'<>]+)", re.IGNORECASE)
TAG: Final = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Unshown:
    """Characters of a source that a result does not have, and the line that they stand in, from 1."""

    line: int
    text: str


def words_of(html: str) -> str:
    """Return all that `html` says: its words, and what is said of pictures and links; `html` is sanitised."""
    html = UNSEEN.sub(" ", html)
    return unescape(f"{TAG.sub(' ', html)} {' '.join(SAID.findall(html))}")


def characters_of(text: str) -> str:
    """Return what is compared of `text`: letters, digits, pictures and punctuation, but for the marks of Markdown."""
    return NOT_COMPARED.sub("", text)


def unshown(source: str, shown: str) -> list[Unshown]:
    """Return what `source` (Markdown) says and `shown`, the words of a result, does not; [] if it is all there."""
    there, position = characters_of(nfc(without_control(shown))), 0
    found, elsewhere, typed = [], [], []
    for line, text in _pieces(nfc(without_control(source))):
        piece = characters_of(text)
        typed.append(piece)
        if (place := there.find(piece, position)) >= 0:
            position = place + len(piece)
        elif piece in there:
            elsewhere.append(Unshown(line, text))
        else:
            found.append(Unshown(line, text))
    missing = Counter("".join(typed)) - Counter(there)
    if missing and not found:  # it stands there, but fewer times than in the source
        found = [one for one in elsewhere if missing.keys() & set(one.text)] or [Unshown(1, "".join(missing))]
    return [Unshown(one.line, one.text.strip()[:SHOWN_MAX]) for one in found]


def _pieces(source: str) -> Iterator[tuple[int, str]]:
    for line, text in enumerate(_without_comments(source).split("\n"), start=1):
        for piece in _words(LINE_MARKS.sub("", text)):
            if characters_of(piece):
                yield line, piece


def without_hidden(source: str, *, shown: str) -> str:
    """Return `source` without its comments. shown: the words of the page; a comment among them is code."""
    there, pieces, position = characters_of(shown), [], 0
    for start, end in _comments(source):
        if characters_of(source[start:end]) not in there:
            pieces.append(source[position:start])
            position = end
    return NOTE_TO_SELF.sub("", "".join([*pieces, source[position:]]))


def _words(line: str) -> Iterator[str]:
    """Yield what stands between the marks of a line, and what typed tags say of pictures and words."""
    position = 0
    for mark in MARKUP.finditer(line):
        yield line[position : mark.start()]
        if mark[0].startswith("<") and not mark[0].lower().startswith("<iframe"):  # a host's own words for its player
            yield from (unescape(said.strip("\"'")) for said in TYPED_SAID.findall(mark[0]))
        position = mark.end()
    yield line[position:]


def _without_comments(source: str) -> str:
    """Return `source` without its comments, which the author hides; one that is never closed hides nothing."""
    pieces: list[str] = []
    position = 0
    for start, end in _comments(source):
        pieces += [source[position:start], "\n" * source.count("\n", start, end)]
        position = end
    return "".join([*pieces, source[position:]])


def _comments(source: str) -> Iterator[tuple[int, int]]:
    """Yield where comments stand; a word about comments, behind a backquote, begins none."""
    start = source.find("<!--")
    while start >= 0 and (end := source.find("-->", start)) >= 0:
        if source[start - 1 : start] == "`":
            start = source.find("<!--", start + 4)
            continue
        yield start, end + 3
        start = source.find("<!--", end + 3)
