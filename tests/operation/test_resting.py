"""The clock where the database is one file: in full rhythm while something is written, seldom otherwise."""

import math
from itertools import pairwise

import pytest

from newsletter.celery import app
from newsletter.operation import resting
from newsletter.operation.resting import (
    APART_SECONDS,
    HEARTBEAT_SECONDS,
    REST_SECONDS,
    TAIL_SECONDS,
    TOGETHER,
    RestingScheduler,
    due_at,
)
from newsletter.operation.tasks import take_turns
from newsletter.publication.heartbeats import SILENT_SECONDS

DISPATCH = "newsletter.delivery.tasks.dispatch"
EVENTS = "newsletter.delivery.tasks.apply_events"
DISPATCHING, APPLYING = "start, recover and close mailings", "apply what became of copies"
CONFIRMING = "send confirmations that are due"
DAILY = "forget sign-ups that were never confirmed"


@pytest.mark.parametrize(
    ("task", "period", "put_at", "written_at", "due"),
    [
        (DISPATCH, 2.1, 1000, 1000, 1002.1),  # something was written just now
        (DISPATCH, 2.1, 1000, 1001, 1002.1),  # and since
        (DISPATCH, 2.1, 1000, 1000 - TAIL_SECONDS, 1002.1),  # it has not rested for long enough
        (DISPATCH, 2.1, 1000, 900, 1005),  # all together, by multiples of 15 seconds
        (DISPATCH, 2.1, 1019.9, 900, 1020),
        (DISPATCH, 2.1, 1020.1, 900, 1035),
        (EVENTS, 5, 1006, 900, 1125),
        (EVENTS, 300, 1000, 900, 1300),  # a long rhythm stays
        (EVENTS, 5, 1005, 1006, 1010),  # a write ends the rest
    ],
)
def test_a_task_is_due_in_its_rhythm_after_a_write_and_seldom_at_rest(task, period, put_at, written_at, due):
    assert due_at(task, period, put_at, written_at) == pytest.approx(due)


@pytest.mark.parametrize("put_at", [0, 0.1, 7, 14.9, 15])
def test_at_rest_each_part_still_shows_in_time_that_it_works(put_at):
    assert 0 < due_at(DISPATCH, 2.1, put_at, -math.inf) - put_at <= HEARTBEAT_SECONDS <= SILENT_SECONDS / 2
    assert 0 < due_at(EVENTS, 5, put_at, -math.inf) - put_at <= REST_SECONDS


class Time:
    """The monotonic clock of the scheduler, which goes on only while that waits."""

    def __init__(self):
        self.now = 10_000.0
        self.happens = []  # at which time something calls

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        at = self.now + max(seconds, 0.001)
        for moment, act in [one for one in self.happens if one[0] <= at]:
            self.happens.remove((moment, act))
            act()
            at = max(self.now, moment)
        self.now = at

    wait = sleep  # of the folder


@pytest.fixture
def world(settings, tmp_path, monkeypatch):
    """A scheduler that notes when it put which task on the queue, and its time; its database is a file of ours."""
    settings.DATA_DIR = tmp_path
    settings.DATABASES["default"] = settings.DATABASES["default"] | {"NAME": tmp_path / "database"}
    clock, sent = Time(), []
    monkeypatch.setattr(resting, "time", clock)
    monkeypatch.setattr(resting, "_seconds_until_a_mailing", lambda: math.inf)
    monkeypatch.setattr(RestingScheduler, "producer", None)
    names = {entry["task"]: name for name, entry in settings.CELERY_BEAT_SCHEDULE.items()}

    def put(_self, entry, **_):
        tasks = entry.args[0] if entry.task == TOGETHER else [entry.task]
        sent.extend((names[task], clock.now) for task in tasks)

    monkeypatch.setattr(RestingScheduler, "apply_entry", put)
    scheduler = RestingScheduler(app)
    scheduler.folder = clock
    return scheduler, clock, sent


def run(scheduler, clock, seconds):
    until = clock.now + seconds
    while clock.now < until:
        scheduler.tick()


def times(sent, name):
    return [at for one, at in sent if one == name]


def test_at_rest_few_tasks_are_put_on_the_queue_and_few_times_the_clock_wakes(world):
    scheduler, clock, sent = world
    run(scheduler, clock, 700)
    sent.clear()

    run(scheduler, clock, 600)

    assert 39 <= len(times(sent, DISPATCHING)) <= 41
    assert 4 <= len(times(sent, APPLYING)) <= 6
    assert len(sent) < 200


def test_tasks_that_are_due_together_are_put_one_after_the_other_so_that_one_hand_can_do_them_all(world):
    scheduler, clock, sent = world
    run(scheduler, clock, TAIL_SECONDS - 1)

    moments = [at for _name, at in sent]
    assert len(moments) > 20
    assert min(after - before for before, after in pairwise(moments)) >= APART_SECONDS - 0.001


def test_at_rest_one_task_does_all_that_are_due_and_begins_with_what_has_most_haste(world):
    scheduler, clock, sent = world
    run(scheduler, clock, 700)
    sent.clear()

    run(scheduler, clock, 120)

    assert len({at for _name, at in sent}) <= 12
    assert [name for name, at in sent if at == sent[0][1]][:2] == [DISPATCHING, CONFIRMING]


def test_a_write_brings_the_full_rhythm_back_at_once_and_for_a_while(world, tmp_path):
    scheduler, clock, sent = world
    run(scheduler, clock, 100)
    written_at = clock.now + 7
    clock.happens = [(written_at, lambda: (tmp_path / "database-wal").write_text("a frame"))]
    sent.clear()

    run(scheduler, clock, 120)

    after = [at - written_at for at in times(sent, DISPATCHING) if at >= written_at]
    assert after[0] < 1
    assert sum(at <= TAIL_SECONDS for at in after) >= 12
    assert after[-1] - after[-2] == HEARTBEAT_SECONDS, "and then it rests again"


def test_a_mailing_begins_when_it_is_due_though_nothing_was_written_for_long(world, monkeypatch, tmp_path):
    scheduler, clock, sent = world
    begins = clock.now + 207.5
    monkeypatch.setattr(resting, "_seconds_until_a_mailing", lambda: begins - clock.now)
    (tmp_path / "database-wal").write_text("it was scheduled")

    run(scheduler, clock, 250)

    assert any(0 <= at - begins < 0.01 for at in times(sent, DISPATCHING))


def test_beside_a_mailing_nothing_rests(world, monkeypatch, tmp_path):
    scheduler, clock, sent = world
    monkeypatch.setattr(resting, "_seconds_until_a_mailing", lambda: 0.0)
    (tmp_path / "database-wal").write_text("it goes out")

    run(scheduler, clock, 300)

    assert len(times(sent, DISPATCHING)) > 300 / 4
    assert len(times(sent, APPLYING)) > 300 / 8


def test_each_task_has_its_turn_within_ten_minutes_of_a_start_and_then_in_its_rhythm(world):
    scheduler, clock, sent = world

    run(scheduler, clock, 620)
    assert {name for name, _at in sent} == set(scheduler.schedule)
    run(scheduler, clock, 24 * 3600)
    assert len(times(sent, DAILY)) == 2


def test_a_task_that_fails_keeps_back_none_of_those_that_it_is_put_together_with(caplog, monkeypatch):
    done = []
    monkeypatch.setitem(app.tasks, "tests.divide", lambda: 1 / 0)
    monkeypatch.setitem(app.tasks, "tests.note", lambda: done.append("noted"))

    take_turns(["tests.divide", "tests.note"])

    assert take_turns.name == TOGETHER
    assert done == ["noted"]
    assert [(one.getMessage(), one.exc_info[0]) for one in caplog.records] == [
        ("Task tests.divide failed.", ZeroDivisionError)
    ]
