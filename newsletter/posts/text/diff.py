"""Diffs of two texts, by Chinese characters and words of other scripts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from enum import Enum
from itertools import groupby, takewhile
from typing import Final

PAIRS_MAX: Final = 1_000_000  # limit on pairs of equal units; above it, the whole passage is treated as changed
SHOWN_MAX: Final = 160  # characters shown at each end of a long unchanged passage
# Belongs to the character before: accents, zero-width joiner, emoji variation and skin tone.
COMBINING_CHARACTERS: Final = frozenset(
    [*map(chr, range(0x300, 0x370)), "\u200d", "\ufe0f", *map(chr, range(0x1F3FB, 0x1F400))]
)
FIRST_CJK: Final = "\u2e80"  # from here on each character is a word


class PartKind(Enum):
    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True)
class DiffPart:
    """A passage of both texts or one of them. tail, hidden_length: see `shorten_unchanged`."""

    kind: PartKind
    text: str
    tail: str = ""
    hidden_length: int = 0


def diff(before: str, after: str) -> list[DiffPart]:
    """The parts in order: SAME and REMOVED make up `before`, SAME and ADDED make up `after`."""
    found: list[DiffPart] = []
    for is_same, old, new in _compare(before.splitlines(keepends=True), after.splitlines(keepends=True)):
        if is_same:
            found.append(DiffPart(PartKind.SAME, old))
        else:
            found += _without_islands(_compare(split_words(old), split_words(new)))
    return _joined(found)


def count_changed_characters(before: str, after: str) -> tuple[int, int]:
    found = diff(before, after)
    added, removed = (
        sum(len(one.text) for one in found if one.kind is kind) for kind in (PartKind.ADDED, PartKind.REMOVED)
    )
    return added, removed


def shorten_unchanged(found: Iterable[DiffPart]) -> Iterator[DiffPart]:
    """Cut the middle out of long unchanged passages: `text` is the start, `tail` the end."""
    for one in found:
        hidden = len(one.text) - 2 * SHOWN_MAX
        if one.kind is not PartKind.SAME or hidden < SHOWN_MAX:
            yield one
        else:
            yield replace(one, text=one.text[:SHOWN_MAX], tail=one.text[-SHOWN_MAX:], hidden_length=hidden)


def split_words(text: str) -> list[str]:
    """The units of comparison: a Chinese character, a word, a run of spaces, a punctuation mark."""
    found: list[str] = []
    for character in text:
        if found and _extends(found[-1][-1], character):
            found[-1] += character
        else:
            found.append(character)
    return found


def _extends(last: str, character: str) -> bool:
    """Does `character` extend a unit that ends with `last`?"""
    if character in COMBINING_CHARACTERS or last == "\u200d" or last == character == " ":
        return True
    return all(one < FIRST_CJK and one.isalnum() for one in (last, character))


type _Comparison = tuple[bool, str, str]  # (is it unchanged, old text, new text)


def _compare(old: Sequence[str], new: Sequence[str]) -> Iterator[_Comparison]:
    """Compare two sequences; common starts and ends, which are long, are split off first."""
    head = _common_prefix(old, new)
    tail = _common_prefix(old[head:][::-1], new[head:][::-1])
    if head:
        yield True, "".join(old[:head]), "".join(new[:head])
    yield from _compare_middle(old[head : len(old) - tail], new[head : len(new) - tail])
    if tail:
        yield True, "".join(old[-tail:]), "".join(new[-tail:])


def _common_prefix(old: Sequence[str], new: Sequence[str]) -> int:
    return sum(1 for _pair in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


def _compare_middle(old: Sequence[str], new: Sequence[str]) -> Iterator[_Comparison]:
    if not (old or new):
        return
    times = Counter(new)
    if sum(number * times[part] for part, number in Counter(old).items()) > PAIRS_MAX:
        yield False, "".join(old), "".join(new)
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        yield tag == "equal", "".join(old[i1:i2]), "".join(new[j1:j2])


def _without_islands(parts: Iterable[_Comparison]) -> Iterator[DiffPart]:
    """Treat a single unchanged character between two changes as changed, so that a rewritten sentence stays whole."""
    known = list(parts)
    for place, (is_same, old, new) in enumerate(known):
        is_island = 0 < place < len(known) - 1 and len(old) == 1 and old != "\n"
        if is_same and not is_island:
            yield DiffPart(PartKind.SAME, old)
        else:
            yield from (DiffPart(PartKind.REMOVED, old), DiffPart(PartKind.ADDED, new))


def _joined(found: list[DiffPart]) -> list[DiffPart]:
    """Drop empty parts, and join each run of changes into one removal and one addition."""
    joined: list[DiffPart] = []
    for is_same, run in groupby((one for one in found if one.text), key=lambda one: one.kind is PartKind.SAME):
        some = list(run)
        kinds = (PartKind.SAME,) if is_same else (PartKind.REMOVED, PartKind.ADDED)
        texts = [(kind, "".join(one.text for one in some if one.kind is kind)) for kind in kinds]
        joined += [DiffPart(kind, text) for kind, text in texts if text]
    return joined
