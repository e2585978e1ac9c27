"""The clock of a worker, and when a worker counts as one that does its work."""

import os
import threading
import time

import pytest
from django.core.cache import caches

from newsletter.background import machines
from newsletter.celery import app
from newsletter.operation import programs, worker
from newsletter.operation.supervisor import Child
from newsletter.operation.worker import Clock
from newsletter.publication import heartbeats
from newsletter.publication.heartbeats import Component
from tests.support.waiting import wait_until

DISPATCH = "newsletter.delivery.tasks.dispatch"
DAILY = "subscribers.tasks.forget_unconfirmed"


@pytest.fixture(autouse=True)
def _alone(settings, tmp_path):
    settings.DATA_DIR, settings.QUEUE_DIR, settings.REDIS_URL = tmp_path, tmp_path / "queue", ""
    settings.QUEUE_DIR.mkdir()
    heartbeats.set_process_name("")
    yield
    heartbeats.set_process_name("")


@pytest.fixture
def sent(monkeypatch):
    """The names of the tasks that the clock puts on the queue."""
    found = []
    monkeypatch.setattr(worker, "enqueue", lambda task, **_options: found.append(task.name) or True)
    return found


def test_each_task_is_put_on_the_queue_in_its_rhythm_whatever_the_date_says(sent, time_machine):
    clock, now = Clock(), time.monotonic()

    for second in range(60):
        time_machine.move_to(f"20{20 + second % 30}-01-01T00:00Z", tick=False)
        clock.tick(now + second)

    assert 10 <= sent.count(DISPATCH) <= 15
    assert sent.count("subscribers.tasks.send_confirmations") == 3
    assert DAILY not in sent


def test_no_two_tasks_of_the_start_come_together(sent):
    clock, now = Clock(), time.monotonic()

    for second in range(20):
        before = len(sent)
        clock.tick(now + second)
        assert len(set(sent[before:]) - {DISPATCH}) <= 1


def test_the_rare_ones_have_their_first_turn_soon_after_a_start(sent, settings):
    clock, now = Clock(), time.monotonic()

    for second in range(0, 602, 2):
        clock.tick(now + second)

    assert set(sent) == {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert sent.count(DAILY) == 1


def test_a_clock_that_has_put_a_task_shows_it(sent):
    Clock().tick(time.monotonic())

    assert heartbeats.last_beat(Component.CLOCK) is not None


@pytest.mark.django_db(transaction=True)
def test_while_the_queue_is_away_the_clock_does_its_tasks_itself_and_none_beside_itself():
    begun, goes_on = [], threading.Event()

    @app.task(name="tests.long")
    def task():
        begun.append(1)
        goes_on.wait(60)

    hands = worker.TaskPool()

    for _tick in range(5):
        hands.submit(task)
    wait_until(lambda: begun)
    goes_on.set()
    wait_until(hands.futures[task.name].done)
    first = len(begun)
    hands.submit(task)
    wait_until(hands.futures[task.name].done)
    hands.shut_down()

    assert (first, len(begun)) == (1, 2)


def test_a_clock_without_a_queue_has_everything_done(monkeypatch):
    done = []
    monkeypatch.setattr(worker, "enqueue", lambda _task, **_options: False)
    clock = Clock()
    monkeypatch.setattr(clock.local_pool, "submit", lambda task: done.append(task.name))

    clock.tick(time.monotonic() + 5)

    assert {DISPATCH, "subscribers.tasks.send_confirmations"} <= set(done)


@pytest.mark.django_db(transaction=True)
def test_a_clock_with_another_environment_does_no_task_itself(settings):
    settings.LOCK_DIR, ours = settings.DATA_DIR / "locks", settings.SITE_URL
    settings.SITE_URL = "https://of-the-web-server.example.org"
    machines.report("web")
    settings.SITE_URL, done = ours, []

    @app.task(name="tests.short")
    def task():
        done.append(1)

    worker._run_task(task)
    assert done == []

    machines.report("web")
    caches["pages"].clear()
    worker._run_task(task)
    assert done == [1]


def test_a_clock_that_ends_unasked_ends_its_process(monkeypatch):
    def fail(_clock, _over):
        raise MemoryError

    monkeypatch.setattr(Clock, "run", fail)

    assert Child("worker", lambda: worker._tick_or_end(threading.Event())).run() == worker.CLOCK_CRASHED


# --- Whether it works ---


def age(part, seconds):
    heartbeats.beat(part)
    at = time.monotonic() - seconds
    os.utime(heartbeats._path(part), (at, at))


def is_silent(*, has_clock=False):
    at = programs.WorkerBeat(has_clock)()
    return at is None or time.monotonic() - at > heartbeats.SILENT_AFTER_SECONDS


def test_a_worker_that_ends_no_task_though_some_wait_does_not_work(settings):
    age(Component.WORKER, 61)
    nothing_waits = is_silent()
    (settings.QUEUE_DIR / "one.celery.msg").touch()
    something_waits = is_silent()
    age(Component.WORKER, 59)

    assert (nothing_waits, something_waits, is_silent()) == (False, True, False)


def test_a_worker_has_time_for_the_first_task_after_a_long_rest(settings):
    age(Component.WORKER, 300)
    worked, before = programs.WorkerBeat(has_clock=False), time.monotonic()
    worked()
    (settings.QUEUE_DIR / "one.celery.msg").touch()

    assert worked() >= before


def test_a_worker_whose_redis_is_away_has_nothing_to_do(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    age(Component.WORKER, 600)

    assert not is_silent()


def test_a_worker_whose_clock_stands_still_does_not_work():
    age(Component.WORKER, 1)
    age(Component.CLOCK, 61)

    assert is_silent(has_clock=True)
    assert not is_silent()
