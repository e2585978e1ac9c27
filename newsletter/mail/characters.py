"""Characters that anybody may have typed: normal forms in linear time, and none that hide or turn others. Pure.

The only module that asks Unicode for a normal form of a whole text: Python sorts a run of combining marks by insertion,
which takes the square of its length and stops every thread (100 KB of two marks: five seconds).
"""

import re
import unicodedata
from functools import lru_cache
from typing import Literal

MARKS_MAX = 30  # in a row; no language has half of that: UAX #15 section 13, "Stream-Safe Text Format"
JOINERS = "\u200c\u200d"  # Persian, Hindi and emoji are wrong without them
# Ranges without a single mark, so that Latin and Chinese are passed over at the speed of C.
_WITHOUT_MARKS = (
    r"\x00-\u02ff\u0370-\u0482\u1e00-\u20cf\u2100-\u2cee\u3000-\u3029\u3030-\u3098\u309b-\ua66e"
    r"\uac00-\ufb1d\uff00-\uff9d"
)
_PERHAPS_MARKS = re.compile(rf"[^{_WITHOUT_MARKS}]{{{MARKS_MAX + 1},}}+")

_KEPT = frozenset(JOINERS + "\t\n")
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_LINES = re.compile("[\t\n\r\x0b\x0c\x85\u2028\u2029]+")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")

type Form = Literal["NFC", "NFKC", "NFKD"]


def nfc(text: str) -> str:
    """Return `text` with composed characters, as it is stored; of a longer run of marks MARKS_MAX stay."""
    return _normalised("NFC", text)


def nfkc(text: str) -> str:
    """Return what `nfc` does, with full-width and other compatible forms made plain: for comparing."""
    return _normalised("NFKC", text)


def nfkd(text: str) -> str:
    """Return `text` with every letter apart from its marks: for what becomes ASCII."""
    return _normalised("NFKD", text)


def without_hidden(text: str) -> str:
    """Return `text` without control and format characters, such as U+202E, which shows a line backwards.

    A name goes into other people's sentences: it may not turn them (UAX #9), nor hide a part of itself.
    """
    if text.isprintable():
        return text
    return "".join(char for char in text if char in _KEPT or unicodedata.category(char) not in {"Cc", "Cf", "Cs"})


def without_control(text: str) -> str:
    """Return `text` without control characters but tab and line feed: no reader sees them, and XML 1.0 forbids them.

    U+2028 and U+2029, which browsers show as nothing, become line feeds; noncharacters and lone surrogates go.
    """
    return text if text.isprintable() else _CONTROL.sub("", _BREAKS.sub("\n", text))


def single_line(text: str) -> str:
    """Return `text` without control characters and line breaks, as a title, a tag or a name is stored."""
    return text if text.isprintable() else without_control(_LINES.sub(" ", text))


def _normalised(form: Form, text: str) -> str:
    return unicodedata.normalize(form, _PERHAPS_MARKS.sub(lambda run: _shortened(run[0]), text))


def _shortened(run: str) -> str:
    kept, marks = [], 0
    for char in run:
        marks = marks + 1 if _is_mark(char) else 0
        if marks <= MARKS_MAX:
            kept.append(char)
    return "".join(kept)


@lru_cache(maxsize=4096)
def _is_mark(char: str) -> bool:
    """Return whether a character is sorted among marks; some, as U+0F73, only once they have been taken apart."""
    return unicodedata.combining(unicodedata.normalize("NFKD", char)[0]) > 0
