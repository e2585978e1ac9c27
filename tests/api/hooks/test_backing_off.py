"""Who does not answer is left alone for longer and longer, and given up after three days."""

from datetime import UTC, datetime, timedelta

import pytest

from newsletter.api.hooks import backing_off
from newsletter.api.hooks.backing_off import is_given_up, wait

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def test_waits_grow_and_are_spread():
    for failures, base in enumerate(backing_off.WAITS, 1):
        found = {wait(failures) for _ in range(20)}
        assert all(base <= one <= base * (1 + backing_off.JITTER) for one in found)
        assert len(found) > 1
    assert wait(50) <= backing_off.LONGEST


@pytest.mark.parametrize(
    ("failures", "days", "given_up"), [(8, 3, True), (30, 2.9, False), (7, 4, False), (1, 0, False)]
)
def test_given_up_after_three_days_and_eight_tries(failures, days, given_up):
    assert is_given_up(failures, NOW - timedelta(days=days), NOW) is given_up


def test_within_three_days_there_are_more_tries_than_that():
    """Otherwise nobody would be given up after three days."""
    at = timedelta()
    failures = 1
    while at < backing_off.GIVEN_UP_AFTER:
        at += backing_off.WAITS[min(failures, len(backing_off.WAITS)) - 1] * (1 + backing_off.JITTER)
        failures += 1

    assert failures >= backing_off.FAILURES_MIN
