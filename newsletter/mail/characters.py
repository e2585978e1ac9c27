"""Unicode normalization in linear time, and removal of control and format characters. Pure.

No other module normalizes a whole text: Python sorts a run of combining marks by insertion, in quadratic time with the
GIL held (100 KB of two alternating marks take five seconds).
"""

import re
import unicodedata
from functools import lru_cache
from typing import Literal

MARKS_MAX = 30  # in a row; no language has half of that: UAX #15 section 13, "Stream-Safe Text Format"
JOINERS = "\u200c\u200d"  # needed by Persian, Hindi and emoji
# Ranges without combining marks, so that the regex engine skips Latin and Chinese.
_RANGES_WITHOUT_MARKS = (
    r"\x00-\u02ff\u0370-\u0482\u1e00-\u20cf\u2100-\u2cee\u3000-\u3029\u3030-\u3098\u309b-\ua66e"
    r"\uac00-\ufb1d\uff00-\uff9d"
)
_PERHAPS_MARKS = re.compile(rf"[^{_RANGES_WITHOUT_MARKS}]{{{MARKS_MAX + 1},}}+")

_KEPT_CHARS = frozenset(JOINERS + "\t\n")
_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_LINE_BREAKS_OR_TABS = re.compile("[\t\n\r\x0b\x0c\x85\u2028\u2029]+")
_CONTROL_CHARACTER = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")

type Form = Literal["NFC", "NFKC", "NFKD"]


def nfc(text: str) -> str:
    """Composed characters, as text is stored. Runs of marks are cut to MARKS_MAX."""
    return _normalized("NFC", text)


def nfkc(text: str) -> str:
    """Like `nfc`, with full-width and other compatibility forms replaced: for comparing."""
    return _normalized("NFKC", text)


def nfkd(text: str) -> str:
    """Decomposed, for conversion to ASCII."""
    return _normalized("NFKD", text)


def without_hidden(text: str) -> str:
    """Remove control and format characters, such as U+202E (UAX #9), except tab, line feed and JOINERS.

    For names, which appear inside other people's sentences.
    """
    if text.isprintable():
        return text
    return "".join(char for char in text if char in _KEPT_CHARS or unicodedata.category(char) not in {"Cc", "Cf", "Cs"})


def without_control_characters(text: str) -> str:
    """Remove control characters but tab and line feed: they are invisible, and XML 1.0 forbids them.

    Line breaks of every kind, such as CR and U+2028, become line feeds; noncharacters and lone surrogates are removed.
    """
    return text if text.isprintable() else _CONTROL_CHARACTER.sub("", _LINE_BREAK.sub("\n", text))


def single_line(text: str) -> str:
    """Replace line breaks and tabs by a space, and remove other control characters: for titles, tags and names."""
    return text if text.isprintable() else without_control_characters(_LINE_BREAKS_OR_TABS.sub(" ", text))


def _normalized(form: Form, text: str) -> str:
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
    """Decompose first: some characters, such as U+0F73, are marks only then."""
    return unicodedata.combining(unicodedata.normalize("NFKD", char)[0]) > 0
