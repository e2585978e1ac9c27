"""`{name|friend}` in an author's text: the reader's name, or the word for those who gave none. Pure.

In a frozen letter it is a slot whose name carries that word, so that what was approved is what is sent."""

import re
from collections.abc import Callable
from html import escape
from typing import Final

WORD_MAX: Final = 12  # characters
# Markdown, HTML or the template language of a mail provider could take one of these for its own.
UNSAFE: Final = r"{}\[\]<>&\"'`\\%|｜\x00-\x1f\x7f"
FIELD: Final = re.compile(
    rf"(?<!\{{)\{{ ?(?:name|名字|稱呼) ?[|｜] ?(?P<word>[^\s{UNSAFE}]{{1,{WORD_MAX}}}) ?\}}(?!\}})"
)
DROPPED: Final = re.compile(rf"[{UNSAFE}]+")
CODE: Final = re.compile(r"(<(?:code|pre)\b[^>]*>[^<]*(?:<(?!/?(?:code|pre)\b)[^<]*)*)")
SLOT: Final = re.compile("\x02(n_[a-p]+)\x03")
LETTERS: Final = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
DIGITS: Final = str.maketrans("abcdefghijklmnop", "0123456789abcdef")


def slotted(html: str) -> str:
    """Return rendered HTML with a slot in place of each field; in code it stays as it was typed."""
    return _replaced(html, lambda found: f"\x02n_{found['word'].encode('utf-16-be').hex().translate(LETTERS)}\x03")


def without_names(text: str) -> str:
    """Return HTML, or Markdown, with the word in place of each field: what everybody may read."""
    return _replaced(text, lambda found: found["word"])


def with_name(html: str, name: str) -> str:
    """Return rendered HTML with a name in place of each field: what a reader of that name is shown in a letter."""
    return _replaced(html, lambda _found: escape(harmless(name)))


def unslotted(letter: str) -> str:
    return SLOT.sub(lambda found: word_of(found[1]), letter)


def word_of(slot: str) -> str:
    return bytes.fromhex(slot.removeprefix("n_").translate(DIGITS)).decode("utf-16-be")


def is_for_name(slot: str) -> bool:
    return slot.startswith("n_")


def harmless(name: str) -> str:
    """Return a name as it may stand in one value that a provider puts into text and HTML alike."""
    return " ".join(DROPPED.sub(" ", name).split())


def _replaced(text: str, by: Callable[[re.Match[str]], str]) -> str:
    if "{" not in text:
        return text
    parts = CODE.split(text)
    parts[0::2] = [FIELD.sub(by, part) for part in parts[0::2]]
    return "".join(parts)
