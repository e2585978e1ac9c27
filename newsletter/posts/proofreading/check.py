"""Running the format check on a post, applying its safe fixes, and grouping findings for display."""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise

from newsletter.posts.proofreading.rules import (
    CHECKS,
    MaskedSource,
    ProofFinding,
    lower_headings,
    wrong_terms,
)
from newsletter.posts.proofreading.terms import DEFAULT_TERMS, find_terms, parse_terms
from newsletter.publication.models import Publication

RULES: Final = dict(Publication.Check.choices)
HINTS: Final = frozenset({"spacing"})  # rules of taste
CONTEXT_LENGTH: Final = 16  # characters shown on each side of a finding
SHOWN_MAX: Final = 12  # findings shown of each rule


def check_text(source: str, *, terms: Mapping[str, str], off: Collection[str] = ()) -> list[ProofFinding]:
    """Findings of all RULES but those in `off`, in the order of the text.

    terms: replacement by term; a passage that already reads as its term's replacement is exempt from all rules.
    """
    text = MaskedSource.of(source)
    spelled = list(find_terms(text.plain, terms))
    found = (finding for rule, check in CHECKS.items() if rule not in off for finding in check(text))
    kept = [(hit.start, hit.end) for hit in spelled if source[hit.start : hit.end] == hit.replacement]
    wanted = [
        finding for finding in found if not any(start < finding.end and finding.start < end for start, end in kept)
    ]
    wanted += [] if "terms" in off else wrong_terms(text, spelled)
    return sorted(wanted, key=lambda finding: (finding.start, finding.end))


def apply_fixes(source: str, *, terms: Mapping[str, str], rules: Collection[str]) -> tuple[str, int]:
    """Make every safe replacement of `rules`; return the source and how many were made."""
    done = 0
    if "title" in rules:
        lower = lower_headings(source)
        done, source = len(check_text(source, terms={}, off=RULES.keys() - {"title"})) if lower != source else 0, lower
    for _pass in range(5):  # nested findings, as a comma in parentheses, take another pass
        safe = [f for f in check_text(source, terms=terms) if f.rule in rules and f.replacement is not None]
        if not safe:
            break
        source, count = _replace(source, safe)
        done += count
    return source, done


def _replace(source: str, safe: list[ProofFinding]) -> tuple[str, int]:
    pieces, position, count = [], 0, 0
    for finding in safe:
        if finding.start >= position:
            pieces += [source[position : finding.start], finding.replacement or ""]
            position, count = finding.end, count + 1
    return "".join([*pieces, source[position:]]), count


def line_numbers(source: str, found: Iterable[ProofFinding]) -> list[int]:
    starts = [0, *(match.end() for match in re.finditer("\n", source))]
    return [bisect_right(starts, finding.start) for finding in found]


def house_terms(publication_name: str, typed: str) -> dict[str, str]:
    """Built-in terms, the author's own (as typed), and the publication's name as its own replacement."""
    return {**DEFAULT_TERMS, **parse_terms(typed)} | ({publication_name: publication_name} if publication_name else {})


@dataclass(frozen=True)
class FindingRow:
    finding: ProofFinding
    line: int
    before: str
    after: str


@dataclass(frozen=True)
class FindingGroup:
    rule: str
    rows: list[FindingRow]

    @property
    def label(self) -> str | Promise:
        return RULES[self.rule]

    @property
    def is_hint(self) -> bool:
        return self.rule in HINTS

    @property
    def safe_count(self) -> int:
        return sum(row.finding.replacement is not None for row in self.rows)

    @property
    def shown(self) -> list[FindingRow]:
        return self.rows[:SHOWN_MAX]

    @property
    def hidden_count(self) -> int:
        return len(self.rows) - len(self.shown)


def group_findings(source: str, found: Iterable[ProofFinding]) -> list[FindingGroup]:
    found = list(found)
    rows = [
        FindingRow(
            finding,
            line,
            source[: finding.start].rpartition("\n")[2][-CONTEXT_LENGTH:],
            source[finding.end :].partition("\n")[0][:CONTEXT_LENGTH],
        )
        for finding, line in zip(found, line_numbers(source, found), strict=True)
    ]
    groups = (FindingGroup(rule, [row for row in rows if row.finding.rule == rule]) for rule in RULES)
    return [group for group in groups if group.rows]
