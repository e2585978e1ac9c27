"""Enqueue Celery tasks without failing or blocking.

Tasks only wake workers: the work is in the database, and beat runs it within seconds if a task is lost.
"""

from functools import partial
from typing import Any

from celery import Signature, Task
from django.db import transaction
from kombu.exceptions import OperationalError

from newsletter.limits.circuit_breaker import is_circuit_open, open_circuit, redis_errors

CIRCUIT = "queue"  # the name of its circuit breaker


def enqueue_on_commit(task: "Task[..., None]", *args: Any, **options: Any) -> None:
    """options: of Celery's apply_async."""
    transaction.on_commit(partial(enqueue, task, *args, **options))


def enqueue(task: "Task[..., None] | Signature[None]", *args: Any, **options: Any) -> bool:
    """Return False if the queue is down, full or read-only."""
    if is_circuit_open(CIRCUIT):
        return False
    try:
        task.apply_async(args, **options)
    except redis_errors(OperationalError, OSError) as error:  # OSError: the embedded queue
        open_circuit(CIRCUIT, error, meanwhile="beat has the work done some seconds later")
        return False
    return True
