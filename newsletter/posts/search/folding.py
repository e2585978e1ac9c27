"""Search words: how text is folded, cut into tokens, and how a query is read. Needs no database."""

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from newsletter.mail.characters import nfc
from newsletter.posts.search.simplified import SIMPLIFIED, TRADITIONAL
from newsletter.posts.text.han import BOPOMOFO, HAN, KANA

CJK: Final = f"{HAN}{KANA}{BOPOMOFO}\uac00-\ud7af"
LATIN: Final = f"[^\\W_{CJK}]"
JOINTS: Final = ".\\-/&+_"
# A dot begins a name, as .NET, where it neither ends a word nor belongs to an ellipsis.
RUN: Final = re.compile(
    rf"[{CJK}]+|(?:(?<!{LATIN})(?<!\.)\.(?=[^\W\d_{CJK}]))?{LATIN}+(?:[{JOINTS}]{LATIN}+)*(?:\+\+|[+#])?"
)
PARTS: Final = re.compile(rf"{LATIN}+")
JOINED: Final = re.compile(rf"[{JOINTS}]?{LATIN}+(?:(?:\+\+|[+#])\Z)?")  # a part, with the joint before it
IS_CJK: Final = re.compile(f"[{CJK}]")
# A space between Han and Latin is a matter of taste, and two are one. It begins with the space, which is found fast.
NEEDLESS: Final = re.compile(rf" (?:(?<=[{CJK}] ) *(?={LATIN})|(?<={LATIN} ) *(?=[{CJK}])|(?<=  ) *)")
PHRASE: Final = re.compile(r"[\"“”「『](?P<phrase>[^\"“”」』]+)[\"“”」』]|(?P<word>[^\s\"“”「」『』]+)")
SIZES: Final = (1, 2, 3)  # of the pieces that Han is indexed by; nearly every word is no longer
PIECES: Final = 3  # parts of a joined word that are found together: A/B of A/B/C, C++ of C/C++
MARK: Final = "_"  # in front of a token that a text speaks of much; twice, of which it speaks very much
MUCH: Final = ((3, 500), (6, 200))  # times at least, and once in so many characters
TOKEN_MAX: Final = 64  # characters; PostgreSQL takes no lexeme longer than 2 KB
PREFIX_MIN: Final = 4  # letters from which a Latin word also finds longer ones: `deep` finds DeepSeek, `ai` not aim
TERMS_MAX: Final = 10
QUERY_MAX: Final = 200  # characters of it that are read; what finds a phrase goes back over open quotes

# Ways to write one character that Taiwanese readers take for the same word, or type from another keyboard.
VARIANTS: Final = dict(
    zip(
        "臺裏爲峯羣着綫麪牀喫啓衆汚汙恆佔佈劃姊舖説户内温歎鷄顔黄産録敎値册别脚却擡墻祕糉鈎滙硏强緖靑甯鑒週凉粧証"
        + SIMPLIFIED,
        "台裡為峰群著線麵床吃啟眾污污恒占布畫姐鋪說戶內溫嘆雞顏黃產錄教值冊別腳卻抬牆秘粽鉤匯研強緒青寧鑑周涼妝證"
        + TRADITIONAL,
        strict=True,
    )
)


class _Folding(dict[int, str]):
    """A table for str.translate that works out each character once. uneven: those met that do not stay one."""

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
    """Return `text` in the one form in which it is compared: half width, lower case, common variants."""
    return NEEDLESS.sub("", nfc(text).translate(FOLDING))


def tokens(folded: str, sizes: tuple[int, ...] = SIZES) -> Iterator[str]:
    """Yield what a folded text is found by: Han by ones, twos and threes; Latin words, and their parts."""
    for match in RUN.finditer(folded):
        run = match[0]
        if IS_CJK.match(run):
            yield from (run[i : i + size] for size in sizes for i in range(len(run) - size + 1))
            continue
        yield run[:TOKEN_MAX]
        if not run.isalnum():
            yield from (part[:TOKEN_MAX] for part in _parts(run) if part != run)


def _parts(run: str) -> Iterator[str]:
    """Yield what a joined word is found by besides: its parts, and up to PIECES of them side by side.

    A single letter is none: whoever looks for C does not mean C#. `.net` is found in `asp.net`.
    """
    parts = JOINED.findall(run)
    for start, first in enumerate(parts):
        bare = first.lstrip(".-/&+_")
        if PARTS.fullmatch(bare) is None or len(bare) > 1 or bare.isdigit():
            yield bare
        if first.startswith(".") and bare.isalpha():
            yield first
        ends = range(start + 2, min(start + PIECES, len(parts)) + 1)
        yield from (bare + "".join(parts[start + 1 : end]) for end in ends)


def weighed(folded: str) -> set[str]:
    """Return the tokens of a text, and, with MARK, those of which it speaks much for its length."""
    counts = Counter(tokens(folded))
    found = set(counts)
    for marks, (times, length) in enumerate(MUCH, 1):
        least = max(times, len(folded) / length)
        found |= {MARK * marks + token for token, count in counts.items() if count >= least and len(token) > 1}
    return found


@dataclass(frozen=True)
class Term:
    """One word or phrase of a query: where the index finds it, and whether the text must be asked too."""

    text: str
    whole: tuple[str, ...]
    prefixes: tuple[str, ...]

    @property
    def is_spread(self) -> bool:
        """Return whether the index alone cannot prove that the tokens stand side by side."""
        return len(self.whole) + len(self.prefixes) > 1

    @property
    def amounts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what of it can be spoken of much: a single letter or character cannot."""
        return tuple(token for token in self.whole if len(token) > 1), self.prefixes

    @property
    def pattern(self) -> str:
        """Return a regular expression for the term in a folded text."""
        left = rf"(?<!{LATIN})" if re.match(LATIN, self.text) else ""
        right = rf"(?!{LATIN})" if re.search(rf"(?:{LATIN}|[+#])$", self.text) and not self.prefixes else ""
        return f"{left}{re.escape(self.text)}{right}"


def terms(query: str) -> list[Term]:
    """Return what `query` asks for: all of its words, and what stands in quotes as it stands."""
    read = (_term(match["phrase"] or match["word"]) for match in PHRASE.finditer(query[:QUERY_MAX]))
    return list(dict.fromkeys(term for term in read if term))[:TERMS_MAX]


def _term(word: str) -> Term | None:
    text = fold(word).strip()
    runs = [match[0] for match in RUN.finditer(text)]
    if not runs:
        return None
    text = text[text.index(runs[0]) : text.rindex(runs[-1]) + len(runs[-1])]  # without punctuation around it
    whole: list[str] = []
    prefixes: list[str] = []
    for run in runs:
        if IS_CJK.match(run):
            size = min(len(run), SIZES[-1])
            whole += [run[i : i + size] for i in range(len(run) - size + 1)]
        elif len(runs) == 1 and run.isalpha() and len(run) >= PREFIX_MIN:
            prefixes.append(run[:TOKEN_MAX])
        else:
            whole += _asked(run)
    return Term(text, tuple(dict.fromkeys(whole)), tuple(dict.fromkeys(prefixes)))


def _asked(run: str) -> list[str]:
    """Return the tokens that a joined word of a query is found by, wherever it stands in a longer one."""
    parts = JOINED.findall(run)
    pieces = ["".join(parts[start : start + PIECES]) for start in range(len(parts) - PIECES + 1)] or [run]
    return [(piece if start == 0 else piece[1:])[:TOKEN_MAX] for start, piece in enumerate(pieces)]


@lru_cache(maxsize=64)
def hits(wanted: tuple[Term, ...]) -> re.Pattern[str]:
    """Return what matches any of `wanted` in a folded text, the longest first, in the group of its number there."""
    longest_first = sorted(wanted, key=lambda term: -len(term.text))
    return re.compile("|".join(f"({term.pattern})" for term in longest_first) or "(?!)")


class Folded:
    """A folded text that knows where each of its characters stood."""

    def __init__(self, original: str) -> None:
        self.original = nfc(original)
        wide = self.original.translate(FOLDING)
        self.origins = None if FOLDING.uneven.isdisjoint(self.original) else _origins(self.original)
        self.cuts: list[int] = []  # positions in the result from which `shifts` more characters are missing
        self.shifts = [0]
        for match in NEEDLESS.finditer(wide):
            self.cuts.append(match.start() - self.shifts[-1])
            self.shifts.append(self.shifts[-1] + len(match[0]))
        self.text = NEEDLESS.sub("", wide) if self.cuts else wide

    def origin(self, position: int) -> int:
        """Return where the character at `position` stands in the original."""
        wide = position + self.shifts[bisect_right(self.cuts, position)]
        return self.origins[wide] if self.origins else wide

    def spans(self, wanted: list[Term]) -> list[tuple[int, int, int]]:
        """Return (start, end, number of the term) of every hit in the original, in order and apart."""
        found = (match for match in hits(tuple(wanted)).finditer(self.text) if match[0])
        return [(self.origin(m.start()), self.origin(m.end() - 1) + 1, m.lastindex or 0) for m in found]


def _origins(text: str) -> list[int]:
    return [index for index, character in enumerate(text) for _part in FOLDING[ord(character)]]
