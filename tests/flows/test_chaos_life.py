"""The chaos run's verdict on life, on what somebody saw."""

from collections import Counter

import pytest

from benchmarks.chaos.life import Look
from benchmarks.chaos.verdict import Verdict

pytestmark = pytest.mark.exhaustive

STANDS = "mailing.stands_still"


def looks(*, until, accepted=100, could=True, said=None, since=0.0, every=3.0):
    """Return looks in which nothing moves. said: a word and the second of its first time."""
    word, second = said or ("", float("inf"))
    seconds = [since + number * every for number in range(int((until - since) / every) + 1)]
    return [Look(at, accepted, could, (word,) if at >= second else ()) for at in seconds]


def judged(seen):
    verdict = Verdict("sqlite", 100, Counter(lane=1), seconds=100.0)
    verdict.live(seen)
    return verdict


def test_a_mailing_that_moves_lives():
    seen = [Look(at, accepted=at, could=True) for at in range(300)]

    verdict = judged(seen)

    assert (verdict.errors, verdict.standstills, verdict.silent, verdict.looks) == ([], [], 0, 300)


def test_a_standstill_of_ninety_seconds_without_a_word_is_silent():
    verdict = judged(looks(until=120))

    assert verdict.silent == 1
    assert verdict.errors == ["silent: 120 s after 100 messages: nothing was said"]


def test_one_that_is_told_in_time_is_none_and_since_when_stands_beside_it():
    verdict = judged(looks(until=120, said=(STANDS, 93)))

    assert (verdict.silent, verdict.errors) == (0, [])
    assert [str(one) for one in verdict.standstills] == [f"120 s after 100 messages: {STANDS} after 93 s"]


def test_a_word_that_comes_too_late_is_silence_before():
    assert judged(looks(until=180, said=(STANDS, 130))).silent == 1


def test_a_mailing_that_could_not_go_on_may_stand_still():
    assert judged(looks(until=600, could=False)).errors == []


def test_a_run_that_nobody_watched_proves_nothing():
    assert judged([Look(0, 1, could=True), Look(95, 2, could=True)]).errors == ["nobody looked for 95 s"]
    assert judged([]).errors == ["nobody looked for 100 s"]
