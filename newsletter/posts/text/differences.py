"""What has changed between two texts, by characters of Chinese and words of other scripts. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from enum import Enum
from itertools import groupby
from typing import Final

PAIRS_MAX: Final = 1_000_000  # pairs of equal parts that are looked at; with more of them all counts as changed
SHOWN_MAX: Final = 160  # characters of an unchanged passage that are shown at each of its ends
# What has no place of its own: accents, the joiner, the form and the tone of an emoji.
ATTACHED: Final = frozenset([*map(chr, range(0x300, 0x370)), "\u200d", "\ufe0f", *map(chr, range(0x1F3FB, 0x1F400))])
FIRST_CJK: Final = "\u2e80"  # from here on a character is a word by itself


class Kind(Enum):
    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True)
class Piece:
    """A passage that both texts have, or one of them. hidden: characters left out of its middle when it is shown."""

    kind: Kind
    text: str
    rest: str = ""
    hidden: int = 0


def pieces(before: str, after: str) -> list[Piece]:
    """Return both texts as one list: SAME and REMOVED make up `before`, SAME and ADDED make up `after`."""
    found: list[Piece] = []
    for is_same, old, new in _compared(before.splitlines(keepends=True), after.splitlines(keepends=True)):
        if is_same:
            found.append(Piece(Kind.SAME, old))
        else:
            found += _without_islands(_compared(words(old), words(new)))
    return _joined(found)


def counts(before: str, after: str) -> tuple[int, int]:
    """Return how many characters were added and how many removed; spaces count."""
    found = pieces(before, after)
    added, removed = (sum(len(one.text) for one in found if one.kind is kind) for kind in (Kind.ADDED, Kind.REMOVED))
    return added, removed


def shortened(found: Iterable[Piece]) -> Iterator[Piece]:
    """Yield pieces with the middle of long unchanged passages left out."""
    for one in found:
        hidden = len(one.text) - 2 * SHOWN_MAX
        if one.kind is not Kind.SAME or hidden < SHOWN_MAX:
            yield one
        else:
            yield replace(one, text=one.text[:SHOWN_MAX], rest=one.text[-SHOWN_MAX:], hidden=hidden)


def words(text: str) -> list[str]:
    """Return the smallest parts that are compared: a Chinese character, a word, a run of spaces, a mark."""
    found: list[str] = []
    for character in text:
        if found and _goes_on(found[-1][-1], character):
            found[-1] += character
        else:
            found.append(character)
    return found


def _goes_on(last: str, character: str) -> bool:
    """Return whether `character` belongs to what ends with `last`: of one word, or an accent, or a part of an emoji."""
    if character in ATTACHED or last == "\u200d" or last == character == " ":
        return True
    return all(one < FIRST_CJK and one.isalnum() for one in (last, character))


type _Part = tuple[bool, str, str]  # whether both sides are the same; one of them may be empty otherwise


def _compared(old: Sequence[str], new: Sequence[str]) -> Iterator[_Part]:
    """Yield the parts of two sequences in their order. Ends that are equal are not compared further: they are long."""
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    if head:
        yield True, "".join(old[:head]), "".join(new[:head])
    yield from _middle(old[head : len(old) - tail], new[head : len(new) - tail])
    if tail:
        yield True, "".join(old[-tail:]), "".join(new[-tail:])


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many parts two sequences begin with in common."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(old), len(new)))


def _middle(old: Sequence[str], new: Sequence[str]) -> Iterator[_Part]:
    if not (old or new):
        return
    times = Counter(new)
    if sum(number * times[part] for part, number in Counter(old).items()) > PAIRS_MAX:
        yield False, "".join(old), "".join(new)
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        yield tag == "equal", "".join(old[i1:i2]), "".join(new[j1:j2])


def _without_islands(parts: Iterable[_Part]) -> Iterator[Piece]:
    """Count a single character between two changes as changed: a sentence that was rewritten is read as a whole."""
    known = list(parts)
    for place, (is_same, old, new) in enumerate(known):
        is_island = 0 < place < len(known) - 1 and len(old) == 1 and old != "\n"
        if is_same and not is_island:
            yield Piece(Kind.SAME, old)
        else:
            yield from (Piece(Kind.REMOVED, old), Piece(Kind.ADDED, new))


def _joined(found: list[Piece]) -> list[Piece]:
    """Return the pieces without empty ones; between two unchanged ones, first what was removed, then what was added."""
    joined: list[Piece] = []
    for is_same, run in groupby((one for one in found if one.text), key=lambda one: one.kind is Kind.SAME):
        some = list(run)
        kinds = (Kind.SAME,) if is_same else (Kind.REMOVED, Kind.ADDED)
        texts = [(kind, "".join(one.text for one in some if one.kind is kind)) for kind in kinds]
        joined += [Piece(kind, text) for kind, text in texts if text]
    return joined
