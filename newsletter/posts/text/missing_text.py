"""Text of a Markdown source that its rendering does not show.

The last check before an issue is sent. It strips Markdown by simple rules of its own and shares no code with the
renderer, so that an error there cannot hide itself here. Where the rules strip too much, less is compared.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Final

from newsletter.mail.characters import nfc, without_control_characters

SHOWN_MAX: Final = 40  # characters of a reported passage
TAGS: Final = (
    "a|abbr|acronym|address|article|aside|audio|b|bdi|bdo|big|blockquote|body|br|button|caption|center|cite|code|col|"
    "colgroup|dd|del|details|dfn|dialog|div|dl|dt|em|embed|fieldset|figcaption|figure|font|footer|form|h[1-6]|head|"
    "header|hgroup|hr|html|i|iframe|img|input|ins|kbd|label|legend|li|link|main|mark|math|menu|meta|nav|nobr|noscript|"
    "object|ol|p|param|picture|pre|q|rp|rt|ruby|s|samp|script|section|small|source|span|strike|strong|style|sub|"
    "summary|sup|svg|table|tbody|td|template|tfoot|th|thead|time|tr|track|tt|u|ul|var|video|wbr"
)
# The URL of a link. A non-ASCII one with `[` or `<` may be a sentence that the renderer took for it: it is compared.
_URL: Final = r"[^\s()\[<]{0,5000}+(?:\([^\s()\[<]{0,5000}+\)[^\s()\[<]{0,5000}+)?+"
_ASCII_URL: Final = r"[!-'*-~]{0,5000}+(?:\([!-'*-~]{0,5000}+\)[!-'*-~]{0,5000}+)?+"
MARKUP: Final = re.compile(
    r"!?\[(?!\^)|\[\^[^\]\n]{0,200}\]:?|\]\[[^\]\n]{0,200}\]|&#?\w{1,32};|\||"
    rf"\]\([ ]*(?:<[^<>\n]{{0,5000}}>|{_URL}(?=[\s)]|$)|{_ASCII_URL}(?=[\s)]|$)|)|"
    r"[\"'][ ]*\)|"  # the end of a title
    rf"</?(?:{TAGS})(?=[\s/>])(?:[^<>\"'\u2e80-\U0010ffff]|\"[^\"<]{{0,2000}}\"|'[^'<]{{0,2000}}')*+>",
    re.IGNORECASE,
)
LINE_MARKS: Final = re.compile(
    r"^[ \t>]*(?:"
    r"(?:`{3,}|~{3,})[!-~ ]*$|\[toc\][ ]*$|"
    # The URL of a link definition. Its title, and anything that is no URL, stays and is compared.
    r"\[[^\]\n]{1,200}\]:[ ]*<?(?:[a-z][a-z0-9+.-]*:|[/#?.]|[\w-]+\.[\w.-]+|[!-~]+$)[^\s<>]*>?|"
    r"(?:[-*+][ \t]+)?<?https?://[^\s<>]*(?:youtu|vimeo)[^\s<>]*>?[ ]*$|"
    r"\[!\w+\](?!\()[+-]?|(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)+(?:\[[ xX]\])?)",
    re.MULTILINE | re.IGNORECASE,
)
# Possible Markdown, white space, and invisible characters: controls, joiners, directions, variation selectors.
NOT_COMPARED: Final = re.compile(
    r"[\x00-#'()*\-:<=>\[\\\]^_`|~\x7f-\xa0\s\xad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufe00-\ufe0f\ufeff"
    r"\U000e0000-\U000e0fff]+"
)
# A link definition used as a comment.
COMMENT_DEFINITION: Final = re.compile(r"^ {0,3}\[(?://|comment)\]:[^\n]*(?:\n|\Z)", re.MULTILINE)
INVISIBLE_ELEMENTS: Final = re.compile(r"<(head|style)\b.*?</\1\s*>", re.DOTALL)
ATTRIBUTE_TEXT: Final = re.compile(r"\s(?:alt|title)=\"([^\"]*)\"")
TYPED_ATTRIBUTE_TEXT: Final = re.compile(r"\s(?:alt|title)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'<>]+)", re.IGNORECASE)
TAG: Final = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class MissingText:
    line: int
    text: str


def visible_text(html: str) -> str:
    html = INVISIBLE_ELEMENTS.sub(" ", html)
    return unescape(f"{TAG.sub(' ', html)} {' '.join(ATTRIBUTE_TEXT.findall(html))}")


def compared_characters(text: str) -> str:
    """The compared characters: letters, digits, emoji, and punctuation that Markdown does not use."""
    return NOT_COMPARED.sub("", text)


def find_missing_text(source: str, shown: str) -> list[MissingText]:
    """Passages of a Markdown source that are missing in `shown`, the visible text of a result."""
    there, position = compared_characters(nfc(without_control_characters(shown))), 0
    found, elsewhere, typed = [], [], []
    for line, text in _pieces(nfc(without_control_characters(source))):
        piece = compared_characters(text)
        typed.append(piece)
        if (place := there.find(piece, position)) >= 0:
            position = place + len(piece)
        elif piece in there:
            elsewhere.append(MissingText(line, text))
        else:
            found.append(MissingText(line, text))
    missing = Counter("".join(typed)) - Counter(there)
    if missing and not found:  # present, but fewer times than in the source
        found = [one for one in elsewhere if missing.keys() & set(one.text)] or [MissingText(1, "".join(missing))]
    return [MissingText(one.line, one.text.strip()[:SHOWN_MAX]) for one in found]


def _pieces(source: str) -> Iterator[tuple[int, str]]:
    for line, text in enumerate(_without_comments(source).split("\n"), start=1):
        for piece in _words(LINE_MARKS.sub("", text)):
            if compared_characters(piece):
                yield line, piece


def strip_comments(source: str, *, shown: str) -> str:
    """Remove comments. shown: the page's visible text; a comment that it contains is code, and stays."""
    there, pieces, position = compared_characters(shown), [], 0
    for start, end in _comments(source):
        if compared_characters(source[start:end]) not in there:
            pieces.append(source[position:start])
            position = end
    return COMMENT_DEFINITION.sub("", "".join([*pieces, source[position:]]))


def _words(line: str) -> Iterator[str]:
    position = 0
    for mark in MARKUP.finditer(line):
        yield line[position : mark.start()]
        if mark[0].startswith("<") and not mark[0].lower().startswith("<iframe"):  # a video service wrote its title
            yield from (unescape(said.strip("\"'")) for said in TYPED_ATTRIBUTE_TEXT.findall(mark[0]))
        position = mark.end()
    yield line[position:]


def _without_comments(source: str) -> str:
    """Remove closed comments, keeping line numbers."""
    pieces: list[str] = []
    position = 0
    for start, end in _comments(source):
        pieces += [source[position:start], "\n" * source.count("\n", start, end)]
        position = end
    return "".join([*pieces, source[position:]])


def _comments(source: str) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of comments; `<!--` after a backquote is code."""
    start = source.find("<!--")
    while start >= 0 and (end := source.find("-->", start)) >= 0:
        if source[start - 1 : start] == "`":
            start = source.find("<!--", start + 4)
            continue
        yield start, end + 3
        start = source.find("<!--", end + 3)
