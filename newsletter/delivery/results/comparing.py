"""Whether a count is more or fewer than usual, said only as far as the counts before it can tell. Pure.

The count of this issue is compared with a prediction interval of 95 % for one more issue like those before. Its model
is an overdispersed Poisson: the variance of a count is its mean times a factor, which is estimated from how the former
counts differ among themselves (Pearson's statistic over its degrees of freedom), and never below 1. The interval is
laid on square roots, whose variance hardly depends on the mean, with Student's t for the few issues:

    sqrt(count) ~ sqrt(expected) ± t · sqrt(factor · (1 + weight / weights before)) / 2

“12 to 19 more” is the count less what is usual, as far as that is known: the same without the 1, which stands for the
chance in this issue's own count. The words are wrong about an issue like the others in at most one of twenty; the
tests show it by simulation. That holds for each number by itself: who looks at six at once sees chance more often.

Sources: the interval for quasi-Poisson counts is that of M. Menssen's R package predint 2.3.0 (`qp_pi`);
its bootstrap is replaced by Student's t and the square root (M. S. Bartlett, “The square root transformation in
analysis of variance”, Supplement to the JRSS 3, 1936).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, floor, inf, sqrt

BEFORE_MIN = 3  # issues; two say nothing of how much issues differ
EVENTS_MIN = 5  # in all issues together; fewer are chance whatever they are
TOO_WIDE = 2.0  # times the usual: who could not tell twice as many does not say “as usual”
# Student's t, both sides together 5 %, by degrees of freedom.
T_95 = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571}


class Verdict(StrEnum):
    MORE = "more"
    FEWER = "fewer"
    USUAL = "usual"
    TOO_FEW = "too few"  # counts so small that even twice as many would look like chance
    VARIES = "varies"  # they differ so much from issue to issue that nothing can be told
    FIRST = "first"  # not enough issues before it


@dataclass(frozen=True)
class Count:
    """How often something happened, and among how much: copies, days. Only the proportions of weights matter.

    most: how often it could have happened. The interval knows no end of its own: after a list has grown twenty-fold it
    would speak of more failures than there were copies.
    """

    events: int
    weight: float = 1.0
    most: float = inf


@dataclass(frozen=True)
class Comparison:
    """What can be said. low, high: of MORE and FEWER, how many more or fewer than usual; usual: what was expected."""

    verdict: Verdict
    low: int = 0
    high: int = 0
    usual: float = 0.0


def compare(this: Count, before: Sequence[Count]) -> Comparison:
    """Compare a count with those of the issues before it, of which those without any weight say nothing."""
    before = [one for one in before if one.weight > 0]
    if len(before) < BEFORE_MIN or this.weight <= 0:
        return Comparison(Verdict.FIRST)
    weights = sum(one.weight for one in before)
    usual = sum(one.events for one in before) * this.weight / weights
    if this.events + sum(one.events for one in before) < EVENTS_MIN:
        return Comparison(Verdict.TOO_FEW, usual=usual)
    share, factor = this.weight / weights, _factor(before)
    low, high = _interval(usual, factor * (1 + share), len(before))
    if low <= this.events <= high:
        return Comparison(_inside(usual, share, factor, len(before)), usual=usual)
    at_least, at_most = (min(end, this.most) for end in _interval(usual, factor * share, len(before)))
    if this.events > high:
        return Comparison(Verdict.MORE, floor(this.events - at_most), ceil(this.events - at_least), usual)
    return Comparison(Verdict.FEWER, floor(at_least - this.events), ceil(at_most - this.events), usual)


def _inside(usual: float, share: float, factor: float, issues: int) -> Verdict:
    """Return what to say of a count that may be chance: nothing is “as usual” where twice as many would be."""
    if _interval(usual, factor * (1 + share), issues)[1] < TOO_WIDE * usual:
        return Verdict.USUAL
    by_chance_alone = _interval(usual, 1 + share, issues)[1]
    return Verdict.VARIES if by_chance_alone < TOO_WIDE * usual else Verdict.TOO_FEW


def _factor(before: Sequence[Count]) -> float:
    """Return how much more the counts differ than chance alone would make them: 1, or more."""
    rate = sum(one.events for one in before) / sum(one.weight for one in before)
    if not rate:
        return 1.0
    squares = sum((one.events - rate * one.weight) ** 2 / (rate * one.weight) for one in before)
    return max(1.0, squares / (len(before) - 1))


def _interval(usual: float, spread: float, issues: int) -> tuple[float, float]:
    t = T_95.get(issues - 1, T_95[max(T_95)])
    half = t * sqrt(spread) / 2
    return max(0.0, sqrt(usual) - half) ** 2, (sqrt(usual) + half) ** 2
