"""The chaos run's verdict on life, on what somebody saw."""

from collections import Counter

import pytest

from benchmarks.chaos.life import Look
from benchmarks.chaos.verdict import Verdict, table

pytestmark = pytest.mark.exhaustive

STANDS = "mailing.stands_still"


def looks(*, until, accepted=100, could=True, said=None, since=0.0, every=3.0):
    """Return looks in which nothing moves. said: a word and the second of its first time."""
    word, second = said or ("", float("inf"))
    seconds = [since + number * every for number in range(int((until - since) / every) + 1)]
    return [Look(at, accepted, could, (word,) if at >= second else ()) for at in seconds]


def judged(seen):
    verdict = Verdict("sqlite", 100, Counter(lane=1), seconds=1.0)
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


@pytest.mark.parametrize("word", ["mailing.uncertain", "restoration", "address.refused", "mail.outbox", "web"])
def test_a_word_about_something_else_tells_of_no_standstill(word):
    assert judged(looks(until=120, said=(word, 0))).silent == 1


@pytest.mark.parametrize("word", ["clock.silent", "dispatcher (readyz)", "worker.silent", "database.unreachable"])
def test_a_word_that_names_a_part_tells_of_it(word):
    assert judged(looks(until=120, said=(word, 40))).errors == []


def test_a_mailing_that_could_not_go_on_may_stand_still():
    assert judged(looks(until=600, could=False)).errors == []


def test_time_in_which_it_could_not_go_on_counts_for_nothing():
    seen = [*looks(until=60), Look(62, 100, could=False), *looks(since=65, until=130)]

    verdict = judged(seen)

    assert [round(one.seconds) for one in verdict.standstills] == [60, 63]
    assert verdict.errors == []


def test_each_message_begins_the_time_anew():
    seen = [*looks(until=80), *looks(since=81, until=160, accepted=101)]

    assert judged(seen).errors == []


def test_a_run_that_nobody_watched_proves_nothing():
    assert judged([Look(0, 1, could=True), Look(95, 2, could=True)]).errors == ["nobody looked for 95 s"]
    assert judged([]).errors == ["nobody looked for inf s"]


def test_the_table_tells_of_standstills():
    told = table([judged(looks(until=120))])

    assert "| standstills of 30 s and more, the longest " in told
    assert "1, 120 s" in told
