"""The format check: from the source of a post to what a picky editor would say about it. Changes nothing by itself."""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise

from newsletter.posts.proofreading.rules import CHECKS, Finding, Text, heavy_pictures, one_level_down, wrong_terms
from newsletter.posts.proofreading.terms import DEFAULT, hits, own
from newsletter.publication.models import Publication

RULES: Final = dict(Publication.Check.choices)
HINTS: Final = frozenset({"spacing"})  # a matter of taste
AROUND: Final = 16  # characters on each side of a finding
SHOWN: Final = 12  # findings of one rule
NONE: Final[Mapping[str, int]] = {}


def findings(
    source: str, *, terms: Mapping[str, str], off: Collection[str] = (), heavy: Mapping[str, int] = NONE
) -> list[Finding]:
    """Return what the RULES, except those that are `off`, find in a post, in the order of the text.

    terms: what not to write and what to write instead; a term that is its own replacement is right, also where
        another rule would object.
    heavy: the bytes of pictures that weigh too much, by address.
    """
    text = Text.of(source)
    spelled = list(hits(text.plain, terms))
    found = (finding for rule, check in CHECKS.items() if rule not in off for finding in check(text))
    kept = [(hit.start, hit.end) for hit in spelled if source[hit.start : hit.end] == hit.right]
    wanted = [
        finding for finding in found if not any(start < finding.end and finding.start < end for start, end in kept)
    ]
    wanted += [] if "terms" in off else wrong_terms(text, spelled)
    wanted += [] if "weight" in off else heavy_pictures(text, heavy)
    return sorted(wanted, key=lambda finding: (finding.start, finding.end))


def fixed(source: str, *, terms: Mapping[str, str], rules: Collection[str]) -> tuple[str, int]:
    """Return the source with every safe replacement of `rules` made, and how many these were."""
    done = 0
    if "title" in rules:
        lower = one_level_down(source)
        done, source = len(findings(source, terms={}, off=RULES.keys() - {"title"})) if lower != source else 0, lower
    for _pass in range(5):  # one inside another, as a comma in parentheses, waits for the next pass
        safe = [f for f in findings(source, terms=terms) if f.rule in rules and f.replacement is not None]
        if not safe:
            break
        source, count = _replaced(source, safe)
        done += count
    return source, done


def _replaced(source: str, safe: list[Finding]) -> tuple[str, int]:
    pieces, position, count = [], 0, 0
    for finding in safe:
        if finding.start >= position:
            pieces += [source[position : finding.start], finding.replacement or ""]
            position, count = finding.end, count + 1
    return "".join([*pieces, source[position:]]), count


def line_numbers(source: str, found: Iterable[Finding]) -> list[int]:
    """Return the line, counted from 1, that each finding stands in."""
    starts = [0, *(match.end() for match in re.finditer("\n", source))]
    return [bisect_right(starts, finding.start) for finding in found]


# --- As it is shown ---


def house_terms(publication_name: str, typed: str) -> dict[str, str]:
    """Return the terms of a publication: those to start with, the author's own, and its name as it is."""
    return {**DEFAULT, **own(typed), publication_name: publication_name}


@dataclass(frozen=True)
class Row:
    """A finding with its line and the words around it."""

    finding: Finding
    line: int
    before: str
    after: str


@dataclass(frozen=True)
class Group:
    """What one rule found."""

    rule: str
    rows: list[Row]

    @property
    def label(self) -> str | Promise:
        return RULES[self.rule]

    @property
    def is_hint(self) -> bool:
        return self.rule in HINTS

    @property
    def safe(self) -> int:
        return sum(row.finding.replacement is not None for row in self.rows)

    @property
    def shown(self) -> list[Row]:
        return self.rows[:SHOWN]

    @property
    def hidden(self) -> int:
        return len(self.rows) - len(self.shown)


def grouped(source: str, found: Iterable[Finding]) -> list[Group]:
    found = list(found)
    rows = [
        Row(
            finding,
            line,
            source[: finding.start].rpartition("\n")[2][-AROUND:],
            source[finding.end :].partition("\n")[0][:AROUND],
        )
        for finding, line in zip(found, line_numbers(source, found), strict=True)
    ]
    groups = (Group(rule, [row for row in rows if row.finding.rule == rule]) for rule in RULES)
    return [group for group in groups if group.rows]
