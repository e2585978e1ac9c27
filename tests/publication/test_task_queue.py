"""Waking a worker: never an error and hardly a wait for whoever does it."""

import time
from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from kombu import Connection
from kombu.exceptions import OperationalError
from redis.exceptions import ReadOnlyError

from newsletter.delivery.tasks import dispatch
from newsletter.limits.circuit_breaker import OPEN_SECONDS
from newsletter.publication.task_queue import enqueue, enqueue_on_commit
from newsletter.settings import REDIS_QUEUE


class Task:
    """What Celery calls a task: it notes what is put on the queue, or raises `error`."""

    def __init__(self, error=None):
        self.error, self.asked = error, []

    def apply_async(self, args, **options):
        self.asked.append((args, options))
        if self.error:
            raise self.error


def test_a_task_is_put_on_the_queue():
    task = Task()

    assert enqueue(task, 7, "x", expires=30)
    assert task.asked == [((7, "x"), {"expires": 30})]


@pytest.mark.parametrize(
    "error", [OperationalError("connection refused"), PermissionError(13, "queue"), ReadOnlyError("a replica")]
)
def test_a_queue_that_takes_nothing_is_no_error_and_left_alone_for_some_seconds(error, caplog):
    task = Task(error)

    with time_machine.travel("2026-11-24T08:00:00Z", tick=False) as clock:
        puts = [enqueue(task) for _try in range(10)]
        at_first = len(task.asked)
        clock.shift(timedelta(seconds=OPEN_SECONDS))
        enqueue(task)
        task.error = None
        clock.shift(timedelta(seconds=OPEN_SECONDS))
        again = enqueue(task)

    assert puts == [False] * 10
    assert (at_first, len(task.asked), again) == (1, 3, True)
    assert len(caplog.records) == 1
    assert str(error) in caplog.text


def test_an_error_of_ours_is_not_hidden():
    with pytest.raises(TypeError):
        enqueue(Task(TypeError("no JSON")))


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_woken_when_what_it_will_look_at_is_written():
    task = Task()

    with transaction.atomic():
        enqueue_on_commit(task, 7)
        before = list(task.asked)

    assert (before, task.asked) == ([], [((7,), {})])


@pytest.mark.django_db(transaction=True)
def test_nobody_is_woken_for_what_was_not_written_after_all():
    task = Task()

    with transaction.atomic():
        enqueue_on_commit(task)
        transaction.set_rollback(True)

    assert task.asked == []


@pytest.mark.servers
@pytest.mark.exhaustive
def test_a_redis_that_falls_silent_costs_a_second_once(redis, redis_url):
    with Connection(redis_url, transport_options=REDIS_QUEUE) as connection:
        assert enqueue(dispatch, connection=connection)
        redis.stop_for_now()
        began = time.monotonic()
        try:
            puts = [enqueue(dispatch, connection=connection) for _try in range(5)]
            took = time.monotonic() - began
        finally:
            redis.mend()

    assert puts == [False] * 5
    assert took < 2
