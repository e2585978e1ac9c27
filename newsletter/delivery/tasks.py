"""Wake-ups. The database is the truth: a task that is lost, doubled or late changes nothing."""

import multiprocessing
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import FrameType

from celery import shared_task
from celery.signals import worker_shutting_down
from django.conf import settings
from django.db import connection
from django.utils import timezone
from kombu.exceptions import OperationalError

from newsletter.delivery import planning, recovery, welcome
from newsletter.delivery.couriers import courier_for
from newsletter.delivery.models import Mailing
from newsletter.delivery.pace import Pacer
from newsletter.delivery.recorder import Recorder
from newsletter.delivery.sending import Lane

LANE_SECONDS = 60  # after this long a lane makes room for other tasks of the worker
WAKE_UP_EXPIRES = 30  # seconds

# Made before the worker forks, so that the parent can tell its children that the end is near.
STOPPING = multiprocessing.get_context("fork").Event()


@worker_shutting_down.connect
def _tell_the_lanes(**_event: object) -> None:
    STOPPING.set()


@contextmanager
def _deferred_sigterm() -> Iterator[None]:
    """Turn SIGTERM into the wish to stop while a message may be on its way."""

    def wish(_number: int, _frame: FrameType | None) -> None:
        STOPPING.set()

    former = signal.signal(signal.SIGTERM, wish)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


@shared_task(ignore_result=True)
def dispatch() -> None:
    """Look after everything that is under way: recover, begin, wake the lanes, close."""
    now = timezone.now()
    recovery.sweep(now, settings.DELIVERY_LANES)
    recovery.settle_cancelled()
    planning.begin_due(now)
    for mailing in Mailing.objects.filter(state=Mailing.State.SENDING):
        if mailing.finish(now):
            continue
        is_waiting = mailing.retry_at is not None and mailing.retry_at > now
        if not is_waiting and mailing.batches.ready(now).exists():
            for number in range(settings.DELIVERY_LANES):
                send_lane.apply_async((mailing.pk, number), expires=WAKE_UP_EXPIRES)


@shared_task(ignore_result=True)
def send_lane(mailing_id: int, slot: int) -> None:
    """Work on the open batches of a mailing in one of this machine's slots, if it is free."""
    with recovery.slot(slot) as worker, _deferred_sigterm():
        if worker is None or STOPPING.is_set():
            return
        recovery.recover_slot(worker, slot)
        mailing = Mailing.objects.select_related("issue").get(pk=mailing_id)
        if mailing.state == Mailing.State.SENDING:
            _send(mailing, f"{worker}{time.time_ns():x}", slot)
    with suppress(OperationalError):  # beat wakes the next lane if this wake-up is lost
        dispatch.apply_async(expires=WAKE_UP_EXPIRES)


def _send(mailing: Mailing, worker: str, slot: int) -> None:
    with (
        Recorder(recovery.flight(slot)) as recorder,
        ThreadPoolExecutor(1, "ledger", initializer=_make_commits_durable) as writer,
    ):
        lane = Lane(
            mailing,
            courier_for("bulk", mailing),
            recorder=recorder,
            writer=writer,
            worker=worker,
            is_stopping=STOPPING.is_set,
            pacer=Pacer(settings.SEND_RATE),
        )
        lane.run(LANE_SECONDS)
        writer.submit(_close_connection).result()


def _close_connection() -> None:
    connection.close()  # this thread's own


def _make_commits_durable() -> None:
    """Have SQLite wait for the disk at each commit of this thread: an intent must outlive a power cut."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=FULL")


@shared_task(ignore_result=True)
def send_welcomes() -> None:
    """Welcome the readers who confirmed since the last time."""
    welcome.send_due(timezone.now())
