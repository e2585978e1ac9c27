"""Whether “more than usual” is true: by hand, by property, and on issues among which nothing has changed."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.results.comparing import Comparison, Count, Verdict, compare

ISSUES = 6
LOOKS = 4000  # simulated issues of each kind: 5 % of them are known to within 0.7
FALSE_MAX = 0.05 + 0.007
SEED = 17


def counts(*events: int, weight: float = 1.0) -> list[Count]:
    return [Count(one, weight) for one in events]


# --- By hand ---


def test_forty_are_more_than_the_usual_twenty():
    found = compare(Count(40), counts(20, 22, 19, 21, 18, 20))

    assert (found.verdict, found.low, found.high) == (Verdict.MORE, 15, 25)


def test_four_are_fewer_than_the_usual_twenty():
    found = compare(Count(4), counts(20, 22, 19, 21, 18, 20))

    assert (found.verdict, found.low, found.high) == (Verdict.FEWER, 11, 21)


def test_seventeen_are_as_usual_among_twenty():
    assert compare(Count(17), counts(20, 22, 19, 21, 18, 20)).verdict == Verdict.USUAL


def test_a_list_that_has_doubled_is_expected_to_answer_twice():
    before = counts(100, 96, 104, 99, 101, 100, weight=1000)

    assert compare(Count(200, 2000), before).verdict == Verdict.USUAL
    assert compare(Count(200, 1000), before).verdict == Verdict.MORE


def test_no_more_can_be_missing_than_could_have_happened():
    before = [Count(events, 40) for events in (9, 11, 10, 12, 8, 10)]

    assert compare(Count(20, 1000), before).high > 200 - 20
    assert compare(Count(20, 1000, most=200), before) == Comparison(Verdict.FEWER, 153, 200 - 20, usual=250)


@pytest.mark.parametrize("this", [0, 1, 2])
def test_a_few_readers_are_too_few_to_tell(this):
    assert compare(Count(this), counts(0, 1, 0, 0, 1, 0)).verdict == Verdict.TOO_FEW


def test_numbers_that_differ_from_issue_to_issue_tell_nothing():
    assert compare(Count(90), counts(20, 150, 40, 10, 70, 110)).verdict == Verdict.VARIES


@pytest.mark.parametrize("before", [[], counts(20, 20), [*counts(20, 20), Count(0, 0)]])
def test_two_issues_are_nothing_to_compare_with(before):
    assert compare(Count(40), before) == Comparison(Verdict.FIRST)


# --- By property ---

events = st.integers(0, 100_000)
weights = st.floats(0.01, 1e7)
some = st.lists(st.builds(Count, events, weights), min_size=3, max_size=6)


@given(st.builds(Count, events, weights), some)
def test_what_is_said_fits_the_numbers(this, before):
    found = compare(this, before)

    assert 0 <= found.low <= found.high
    if found.verdict == Verdict.MORE:
        assert this.events > found.usual
        assert found.low <= this.events - found.usual <= found.high
    elif found.verdict == Verdict.FEWER:
        assert this.events < found.usual
        assert found.low <= found.usual - this.events <= found.high
    else:
        assert (found.low, found.high) == (0, 0)


@given(some, weights, st.integers(0, 5000), st.integers(1, 5000))
def test_more_stays_more_when_there_are_still_more(before, weight, first, further):
    one, two = (compare(Count(count, weight), before).verdict for count in (first, first + further))

    assert one != Verdict.MORE or two == Verdict.MORE
    assert two != Verdict.FEWER or one in {Verdict.FEWER, Verdict.TOO_FEW}


@given(st.builds(Count, events, weights), some, st.randoms())
def test_the_order_of_the_issues_says_nothing(this, before, chance):
    shuffled = before[:]
    chance.shuffle(shuffled)

    one, two = compare(this, before), compare(this, shuffled)

    assert one.verdict == two.verdict
    assert max(abs(one.low - two.low), abs(one.high - two.high)) <= 1  # the last digit of a sum


@given(st.builds(Count, events, st.floats(1, 1000)), st.lists(st.builds(Count, events, st.floats(1, 1000)), min_size=3))
def test_the_unit_of_the_weights_does_not_matter(this, before):
    thousandfold = compare(Count(this.events, this.weight * 1024), [Count(b.events, b.weight * 1024) for b in before])

    assert compare(this, before) == thousandfold  # 1024: exact in floats


# --- Issues among which nothing has changed, and one that has ---


def poisson(chance: Random, mean: float) -> int:
    return chance.binomialvariate(1_000_000, mean / 1_000_000)


def uneven(chance: Random, mean: float, spread: float) -> int:
    """A count whose variance is its mean, and `spread` squared of it: issues are not equally good."""
    return poisson(chance, chance.gammavariate(1 / spread**2, mean * spread**2)) if spread else poisson(chance, mean)


def looks(mean: float, spread: float, *, growth: float = 1.0, change: float = 1.0, issues: int = ISSUES):
    """Yield the comparison of each simulated issue, and by how much it was above the true mean."""
    chance = Random(SEED)
    for _ in range(LOOKS):
        sizes = [1000 * growth**place for place in range(issues + 1)]
        drawn = [Count(uneven(chance, mean * size / 1000, spread), size) for size in sizes[:-1]]
        expected = mean * sizes[-1] / 1000
        this = Count(uneven(chance, expected * change, spread), sizes[-1])
        yield compare(this, drawn), this.events - expected


def share(found, *verdicts: Verdict) -> float:
    return sum(one.verdict in verdicts for one in found) / LOOKS


@pytest.mark.exhaustive
@pytest.mark.parametrize("issues", [3, 4, ISSUES])
@pytest.mark.parametrize(
    ("mean", "spread", "growth"),
    [(0.3, 0, 1), (2, 0, 1), (20, 0, 1), (500, 0, 1.1), (8, 0.3, 1), (40, 0.4, 1), (400, 0.5, 1.05)],
)
def test_more_than_usual_is_wrong_in_one_of_twenty_at_most(mean, spread, growth, issues):
    found = [one for one, _above in looks(mean, spread, growth=growth, issues=issues)]

    assert share(found, Verdict.MORE) <= FALSE_MAX
    assert share(found, Verdict.FEWER) <= FALSE_MAX


@pytest.mark.parametrize(("mean", "spread"), [(2, 0), (20, 0), (200, 0), (60, 0.2)])
def test_how_many_more_is_true_in_most_issues_of_which_it_is_said(mean, spread):
    """Of an issue that drew three times as many, the number is above the mean by what is said."""
    told = [(one, above) for one, above in looks(mean, spread, change=3) if one.verdict == Verdict.MORE]

    right = sum(one.low <= above <= one.high for one, above in told)

    assert right / len(told) >= 0.93


@pytest.mark.exhaustive
def test_a_change_is_seen():
    """Twice as many answers as usual are seen nearly always where there are enough of them."""
    assert share([one for one, _ in looks(100, 0, change=2)], Verdict.MORE) > 0.99
    assert share([one for one, _ in looks(100, 0, change=0.4)], Verdict.FEWER) > 0.99


def test_few_readers_are_mostly_too_few_to_tell():
    assert share([one for one, _ in looks(0.3, 0)], Verdict.TOO_FEW) > 0.95
    assert share([one for one, _ in looks(2, 0)], Verdict.TOO_FEW) > 0.85
