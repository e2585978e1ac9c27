"""Waking a worker: a task is put on the queue, if there is one that takes it.

The database is the truth, and beat asks again within seconds: whoever wakes a worker never fails or waits for it.
"""

from functools import partial
from typing import Any

from celery import Signature, Task
from django.db import transaction
from kombu.exceptions import OperationalError

from newsletter.publication.limits import begin_outage, is_away, redis_errors

SERVER = "queue"  # as the log calls it


def wake(task: "Task[..., None]", *args: Any, **options: Any) -> None:
    """Put `task(*args)` on the queue once what is being written is committed.

    options: those of Celery's apply_async.
    """
    transaction.on_commit(partial(put, task, *args, **options))


def put(task: "Task[..., None] | Signature[None]", *args: Any, **options: Any) -> bool:
    """Put `task(*args)` on the queue now; return False if that is away, full or may not be written to."""
    if is_away(SERVER):
        return False
    try:
        task.apply_async(args, **options)
    except redis_errors(OperationalError, OSError) as error:  # OSError is of the folder of files
        begin_outage(SERVER, error, meanwhile="beat has the work done some seconds later")
        return False
    return True
