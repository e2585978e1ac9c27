"""`{name|friend}` in an author's text: the reader's name, or a fallback word. Pure.

A frozen mail has a slot instead, whose name encodes the fallback word."""

import re
from collections.abc import Callable
from html import escape
from typing import Final

from django.utils.translation import pgettext_lazy

SAMPLE_NAME = pgettext_lazy("a reader", "Anna Miller")  # of previews
WORD_MAX: Final = 12  # characters
# Special characters of Markdown, HTML and providers' template languages.
UNSAFE: Final = r"{}\[\]<>&\"'`\\%|｜\x00-\x1f\x7f"
NAME_FIELD: Final = re.compile(
    rf"(?<!\{{)\{{ ?(?:name|名字|稱呼) ?[|｜] ?(?P<word>[^\s{UNSAFE}]{{1,{WORD_MAX}}}) ?\}}(?!\}})"
)
UNSAFE_RUN: Final = re.compile(rf"[{UNSAFE}]+")
CODE_ELEMENT: Final = re.compile(r"(<(?:code|pre)\b[^>]*>[^<]*(?:<(?!/?(?:code|pre)\b)[^<]*)*)")
NAME_SLOT: Final = re.compile("\x02(n_[a-p]+)\x03")
HEX_TO_LETTERS: Final = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
LETTERS_TO_HEX: Final = str.maketrans("abcdefghijklmnop", "0123456789abcdef")


def with_name_slots(html: str) -> str:
    """Replace fields in rendered HTML by slots, but not inside <code> and <pre>."""
    return _replace_fields(
        html, lambda found: f"\x02n_{found['word'].encode('utf-16-be').hex().translate(HEX_TO_LETTERS)}\x03"
    )


def fill_name_slots_with_fallbacks(text: str) -> str:
    """Replace fields in HTML or Markdown by their fallback word: the public version."""
    return _replace_fields(text, lambda found: found["word"])


def with_name(html: str, name: str) -> str:
    return _replace_fields(html, lambda _found: escape(safe_name(name)))


def without_name_slots(letter: str) -> str:
    return NAME_SLOT.sub(lambda found: fallback_word(found[1]), letter)


def fallback_word(slot: str) -> str:
    return bytes.fromhex(slot.removeprefix("n_").translate(LETTERS_TO_HEX)).decode("utf-16-be")


def is_name_slot(slot: str) -> bool:
    return slot.startswith("n_")


def safe_name(name: str) -> str:
    """Remove UNSAFE: a provider inserts the same value into text and HTML."""
    return " ".join(UNSAFE_RUN.sub(" ", name).split())


def _replace_fields(text: str, by: Callable[[re.Match[str]], str]) -> str:
    if "{" not in text:
        return text
    parts = CODE_ELEMENT.split(text)
    parts[0::2] = [NAME_FIELD.sub(by, part) for part in parts[0::2]]
    return "".join(parts)
