"""Text folding, tokenizing and query parsing of the search. No database."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from newsletter.mail.characters import nfc
from newsletter.posts.text.prose import BOPOMOFO, HAN, KANA

CJK: Final = f"{HAN}{KANA}{BOPOMOFO}\uac00-\ud7af"
LATIN: Final = f"[^\\W_{CJK}]"
JOINING_SIGNS: Final = ".\\-/&+_"
# A dot starts a name, as .NET, unless it ends a word or belongs to an ellipsis.
TOKEN_RUN: Final = re.compile(
    rf"[{CJK}]+|(?:(?<!{LATIN})(?<!\.)\.(?=[^\W\d_{CJK}]))?{LATIN}+(?:[{JOINING_SIGNS}]{LATIN}+)*(?:\+\+|[+#])?"
)
WORD_PART: Final = re.compile(rf"{LATIN}+")
JOINED_PART: Final = re.compile(rf"[{JOINING_SIGNS}]?{LATIN}+(?:(?:\+\+|[+#])\Z)?")  # a part with the joint before it
IS_CJK: Final = re.compile(f"[{CJK}]")
# Spaces between Han and Latin are optional, double ones count as one. The pattern begins with the space, for speed.
NEEDLESS_SPACES: Final = re.compile(rf" (?:(?<=[{CJK}] ) *(?={LATIN})|(?<={LATIN} ) *(?=[{CJK}])|(?<=  ) *)")
PHRASE: Final = re.compile(r"[\"“”「『](?P<phrase>[^\"“”」』]+)[\"“”」』]|(?P<word>[^\s\"“”「」『』]+)")
NGRAM_SIZES: Final = (1, 2, 3)  # Han characters; nearly all words have at most three
PARTS_MAX: Final = 3  # adjacent parts of a joined word that are indexed together: A/B of A/B/C, C++ of C/C++
TOKEN_MAX: Final = 64  # characters; PostgreSQL takes no lexeme longer than 2 KB
PREFIX_MIN: Final = 4  # letters from which a Latin word matches as a prefix: `deep` finds DeepSeek, `ai` not aim
TERMS_MAX: Final = 10
QUERY_MAX: Final = 200  # characters; PHRASE backtracks over open quotes

# Maps each variant (that Taiwanese readers treat as the same, or type with another input method) and each simplified
# character to the one it is folded to.
VARIANTS: Final = {one[0]: one[1] for one in (Path(__file__).parent / "variants.txt").read_text("utf-8").split()}


class _Folding(dict[int, str]):
    """Lazy table for str.translate. uneven: characters seen so far that fold to none or several."""

    def __init__(self) -> None:
        super().__init__()
        self.uneven: set[str] = set()

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character in "'’":
            folded = ""
        elif character.isspace() and character != "\n":
            folded = " "
        else:
            folded = unicodedata.normalize("NFKC", character).casefold()
            folded = "".join(VARIANTS.get(c, c) for c in folded)
        self[code] = folded
        if len(folded) != 1:
            self.uneven.add(character)
        return folded


FOLDING: Final = _Folding()


def fold(text: str) -> str:
    return NEEDLESS_SPACES.sub("", nfc(text).translate(FOLDING))


def tokenize(folded: str, sizes: tuple[int, ...] = NGRAM_SIZES) -> Iterator[str]:
    for match in TOKEN_RUN.finditer(folded):
        run = match[0]
        if IS_CJK.match(run):
            yield from (run[i : i + size] for size in sizes for i in range(len(run) - size + 1))
            continue
        yield run[:TOKEN_MAX]
        if not run.isalnum():
            yield from (part[:TOKEN_MAX] for part in _parts(run) if part != run)


def _parts(run: str) -> Iterator[str]:
    """Yield the further tokens of a joined word: its parts, and up to PARTS_MAX adjacent ones.

    Not single letters: C does not match C#. `.net` matches `asp.net`.
    """
    parts = JOINED_PART.findall(run)
    for start, first in enumerate(parts):
        bare = first.lstrip(".-/&+_")
        if WORD_PART.fullmatch(bare) is None or len(bare) > 1 or bare.isdigit():
            yield bare
        if first.startswith(".") and bare.isalpha():
            yield first
        ends = range(start + 2, min(start + PARTS_MAX, len(parts)) + 1)
        yield from (bare + "".join(parts[start + 1 : end]) for end in ends)


@dataclass(frozen=True)
class QueryTerm:
    """A word or phrase of a query, as tokens of the index."""

    text: str
    whole_tokens: tuple[str, ...]
    prefixes: tuple[str, ...]

    @property
    def needs_text_check(self) -> bool:
        """The index does not prove that several tokens are adjacent."""
        return len(self.whole_tokens) + len(self.prefixes) > 1

    @property
    def pattern(self) -> str:
        left = rf"(?<!{LATIN})" if re.match(LATIN, self.text) else ""
        right = rf"(?!{LATIN})" if re.search(rf"(?:{LATIN}|[+#])$", self.text) and not self.prefixes else ""
        return f"{left}{re.escape(self.text)}{right}"


def parse_query(query: str) -> list[QueryTerm]:
    read = (_term(match["phrase"] or match["word"]) for match in PHRASE.finditer(query[:QUERY_MAX]))
    return list(dict.fromkeys(term for term in read if term))[:TERMS_MAX]


def _term(word: str) -> QueryTerm | None:
    text = fold(word).strip()
    runs = [match[0] for match in TOKEN_RUN.finditer(text)]
    if not runs:
        return None
    text = text[text.index(runs[0]) : text.rindex(runs[-1]) + len(runs[-1])]  # without punctuation around it
    whole: list[str] = []
    prefixes: list[str] = []
    for run in runs:
        if IS_CJK.match(run):
            size = min(len(run), NGRAM_SIZES[-1])
            whole += [run[i : i + size] for i in range(len(run) - size + 1)]
        elif len(runs) == 1 and run.isalpha() and len(run) >= PREFIX_MIN:
            prefixes.append(run[:TOKEN_MAX])
        else:
            whole += _query_tokens(run)
    return QueryTerm(text, tuple(dict.fromkeys(whole)), tuple(dict.fromkeys(prefixes)))


def _query_tokens(run: str) -> list[str]:
    parts = JOINED_PART.findall(run)
    pieces = ["".join(parts[start : start + PARTS_MAX]) for start in range(len(parts) - PARTS_MAX + 1)] or [run]
    return [(piece if start == 0 else piece[1:])[:TOKEN_MAX] for start, piece in enumerate(pieces)]


@lru_cache(maxsize=64)
def hit_pattern(wanted: tuple[QueryTerm, ...]) -> re.Pattern[str]:
    """A pattern of any of the terms, longest first; each in a group, numbered in that order."""
    longest_first = sorted(wanted, key=lambda term: -len(term.text))
    return re.compile("|".join(f"({term.pattern})" for term in longest_first) or "(?!)")


class FoldedText:
    """A folded text that maps positions back to the original."""

    def __init__(self, original: str) -> None:
        self.original = nfc(original)
        spaced = self.original.translate(FOLDING)
        self.origins = None if FOLDING.uneven.isdisjoint(self.original) else _origins(self.original)
        self.cuts: list[int] = []  # folded positions where spaces were removed
        self.shifts = [0]  # shifts[i]: number of spaces removed at the first i cuts
        for match in NEEDLESS_SPACES.finditer(spaced):
            self.cuts.append(match.start() - self.shifts[-1])
            self.shifts.append(self.shifts[-1] + len(match[0]))
        self.text = NEEDLESS_SPACES.sub("", spaced) if self.cuts else spaced

    def origin(self, position: int) -> int:
        spaced_position = position + self.shifts[bisect_right(self.cuts, position)]
        return self.origins[spaced_position] if self.origins else spaced_position

    def spans(self, wanted: list[QueryTerm]) -> list[tuple[int, int, int]]:
        """(start, end, group of `hit_pattern`) of each hit in the original, in order, not overlapping."""
        found = (match for match in hit_pattern(tuple(wanted)).finditer(self.text) if match[0])
        return [(self.origin(m.start()), self.origin(m.end() - 1) + 1, m.lastindex or 0) for m in found]


def _origins(text: str) -> list[int]:
    return [index for index, character in enumerate(text) for _part in FOLDING[ord(character)]]
