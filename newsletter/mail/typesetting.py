"""Set text that is Chinese and Latin: ends of paragraphs, the publication's name, Latin quotes. Pure."""

import re
from functools import lru_cache
from html import escape
from typing import Final

from newsletter.mail.plaintext import display_width
from newsletter.mail.spacing import HAN, INLINE_TAGS, LATIN

KEPT: Final = '<span class="kept">'  # on one line, by a rule of the sheet: some mail clients refuse `white-space`
NAME_MAX: Final = 20  # columns: ten Han, which fit a line of the narrowest phone's largest title
LATIN_FONT: Final = '<span style="font-family: Arial, Helvetica, sans-serif">'
LENGTH_MIN: Final = 10  # characters that a line of a phone may not hold

TAG: Final = re.compile("<[^>]*>")
HAN_CHARACTER: Final = re.compile(f"[{HAN}]")
MARKS: Final = r"[^\w\s<>&]{0,4}"  # punctuation
LAST: Final = rf"(?:[{HAN}]|(?<![{LATIN}])[{LATIN}]){MARKS}"
BEFORE: Final = rf"(?:[{HAN}]|(?<![{LATIN}])[{LATIN}]{{1,12}}){MARKS} ?"
CLOSED: Final = r"((?:</[a-z]+>|[^\w\s<>&]|<sup\b(?:(?!</sup>).)*</sup>)*\s*)\Z"
PLAIN_ENDING: Final = re.compile(rf"({BEFORE}{LAST}){CLOSED}", re.DOTALL)
TAGGED_ENDING: Final = re.compile(rf"({BEFORE}<([a-z]+)\b[^<>]*>{LAST}</\2>){CLOSED}", re.DOTALL)
LINKED_ENDING: Final = re.compile(rf"(<(a|code)\b[^<>]*>[^<]{{1,12}}</\2>{MARKS}{LAST}){CLOSED}", re.DOTALL)
STRESSED_ENDING: Final = re.compile(
    rf"(<(strong|em|b|i|mark|del|ins)\b[^<>]*>)([^<]*)({BEFORE})</\2>({MARKS}{LAST}){CLOSED}", re.DOTALL
)
INLINE_NAMES: Final = "|".join(sorted(INLINE_TAGS | {"br", "img", "sub", "sup"}))
BLOCK_TAG: Final = re.compile(rf"(<(?!/?(?:{INLINE_NAMES})\b)[^<>]*>)")
PARAGRAPH_END: Final = re.compile(r"</(?:p|li|dd|figcaption|h[1-6])>|<[uo]l\b")


def keep_endings(html: str) -> str:
    """No paragraph ends in one character: the last two Han, with their punctuation, stay on one line.

    Browsers that know `text-wrap: pretty` need none.
    """
    parts = BLOCK_TAG.split(html)
    for place in range(0, len(parts) - 1, 2):
        if PARAGRAPH_END.match(parts[place + 1]) and len(TAG.sub("", parts[place]).strip()) >= LENGTH_MIN:
            parts[place] = _keep_ending(parts[place])
    return "".join(parts)


def _keep_ending(text: str) -> str:
    for pattern in (PLAIN_ENDING, TAGGED_ENDING, LINKED_ENDING):
        if (found := pattern.search(text)) and HAN_CHARACTER.search(found[1]):
            return f"{text[: found.start()]}{KEPT}{found[1]}</span>{found.groups()[-1]}"
    if found := STRESSED_ENDING.search(text):
        tag, name, words, before, last, closed = found.groups()
        head = f"{tag}{words}</{name}>" if words else ""
        return f"{text[: found.start()]}{head}{KEPT}{tag}{before}</{name}>{last}</span>{closed}"
    return text


def keep_name(html: str, name: str, span: str = KEPT) -> str:
    """Keep a Chinese `name` on one line wherever the body of a page or mail shows it."""
    if not HAN_CHARACTER.search(name) or display_width(name) > NAME_MAX:
        return html
    return _wrap_in_span(html, re.escape(escape(name)), span)


def narrow_quotes(html: str) -> str:
    """Set ’ and “ ” in a Latin font: Chinese fonts draw them as wide as a Han. In Taiwan, Chinese quotes are 「」."""
    return _wrap_in_span(html, "[‘’“”]", LATIN_FONT)


def _wrap_in_span(html: str, pattern: str, span: str) -> str:
    """Put what `pattern` finds in the text of a document's body into a span."""
    head, body, rest = html.partition("<body")
    rest = _text_with(pattern).sub(lambda found: f"{span}{found[2]}</span>" if found[2] else found[0], rest)
    return head + body + rest


@lru_cache(maxsize=8)
def _text_with(pattern: str) -> re.Pattern[str]:
    """What is no text matches too, and first."""
    return re.compile(rf"<(script|style|textarea|option|svg|pre|code)\b.*?</\1>|<[^>]*>|({pattern})", re.DOTALL)
