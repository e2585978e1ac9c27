"""Which brackets and quotation marks have no partner. Knows nothing of Markdown."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

PAIRS: Final = {"「": "」", "『": "』", "（": "）", "《": "》", "〈": "〉", "【": "】"}
OPENERS: Final = {closer: opener for opener, closer in PAIRS.items()}
SPEECH_PARAGRAPHS: Final = 3  # that one pair of quotation marks may span


def without_partner(plain: str) -> list[int]:
    """Return the places of brackets without a partner; a speech may be closed some paragraphs later."""
    alone: list[tuple[int, int]] = []  # (paragraph, place)
    for number, match in enumerate(re.finditer(r"(?:.+\n?)+", plain)):
        alone += [(number, match.start() + place) for place in _unpaired(match[0])]
    alone.sort(key=lambda item: item[1])
    spoken = _speech(plain, alone)
    return [place for _paragraph, place in alone if place not in spoken]


def _unpaired(paragraph: str) -> Iterator[int]:
    """Yield the places of the brackets in one paragraph that have no partner in it."""
    open_at: list[int] = []
    number_open: Counter[str] = Counter()
    for match in re.finditer(f"[{''.join(PAIRS) + ''.join(OPENERS)}]", paragraph):
        if match[0] in PAIRS:
            open_at.append(match.start())
            number_open[match[0]] += 1
            continue
        opener = OPENERS[match[0]]
        if number_open[opener]:
            while paragraph[at := open_at.pop()] != opener:
                yield at
                number_open[paragraph[at]] -= 1
            number_open[opener] -= 1
        elif not _is_number_or_smile(paragraph, match.start()):
            yield match.start()
    yield from open_at


def _is_number_or_smile(paragraph: str, position: int) -> bool:
    """Return whether a closing bracket belongs to `1）` or `：）`, which open none."""
    before = paragraph[max(0, position - 12) : position].rpartition("\n")[2]
    return (
        re.search(r"(?:^|[\s，。；：、])(?:\d{1,2}|[a-zA-Z]|[一二三四五六七八九十]+)$|[:：;；^]$", before) is not None
    )


def _speech(plain: str, alone: list[tuple[int, int]]) -> set[int]:
    """Return the partners that some paragraphs part: a speech is opened once and closed at its end."""
    partners: set[int] = set()
    for one, other in pairwise(alone):
        is_near = other[0] - one[0] <= SPEECH_PARAGRAPHS
        if is_near and PAIRS.get(plain[one[1]]) == plain[other[1]] and plain[other[1]] in "」』":
            partners |= {one[1], other[1]}
    return partners
