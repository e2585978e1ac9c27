"""Wake-ups. The database is the truth: a task that is lost, doubled or late changes nothing."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from celery import shared_task
from celery.signals import worker_shutting_down
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from newsletter.delivery import certificate, notices, planning, recovery, suppressing, welcome
from newsletter.delivery.couriers import courier_for
from newsletter.delivery.models import Mailing
from newsletter.delivery.pace import Pacer
from newsletter.delivery.recorder import Recorder
from newsletter.delivery.sending import Lane
from newsletter.delivery.timelines import timelines_for
from newsletter.delivery.warmup import WarmUp
from newsletter.mail.mailers import Limits
from newsletter.publication.models import Publication
from newsletter.publication.wakeups import put

LANE_SECONDS = 60  # after this long a lane makes room for other tasks of the worker
WAKE_UP_EXPIRES = 30  # seconds

# Made before the worker forks, so that the parent can tell its children that the end is near. A bare byte:
# a lock could be held for ever by a lane that was killed, or by the one whose signal handler wants it.
STOPPING = multiprocessing.get_context("fork").RawValue("b", 0)


@worker_shutting_down.connect
def _tell_the_lanes(**_event: object) -> None:
    STOPPING.value = 1


@contextmanager
def _kept_sigterm() -> Iterator[Callable[[], bool]]:
    """Keep a SIGTERM until a message on its way has its answer; yield what tells whether it is time to end."""
    kept: list[int] = []
    former = signal.signal(signal.SIGTERM, lambda number, _frame: kept.append(number))
    try:
        yield lambda: bool(kept or STOPPING.value)
    finally:
        signal.signal(signal.SIGTERM, former)
        if kept:
            os.kill(os.getpid(), signal.SIGTERM)


@shared_task(ignore_result=True)
def dispatch() -> None:
    """Look after everything that is under way: recover, begin, wake the lanes, close."""
    now = timezone.now()
    recovery.sweep(settings.DELIVERY_LANES)
    recovery.settle_cancelled()
    recovery.reopen(now)
    notices.observe_unattended(now)  # before they are begun
    planning.begin_due(now)
    free = recovery.free_slots(settings.DELIVERY_LANES)
    for mailing in Mailing.objects.filter(state=Mailing.State.SENDING).defer("html", "text"):
        if not mailing.finish(now) and not mailing.is_waiting(now):
            _wake(mailing, free, now)
    certificate.issue_due(now)
    suppressing.settle(now)


def _wake(mailing: Mailing, free: list[int], now: datetime) -> None:
    """Wake as many lanes as there are free slots, and ready batches for them. A machine counts its own slots alone."""
    needed = mailing.batches.ready(now)[: len(free)].count()
    for number in free[:needed]:
        put(send_lane, mailing.pk, number, expires=WAKE_UP_EXPIRES)


@shared_task(ignore_result=True)
def send_lane(mailing_id: int, slot: int) -> None:
    """Work on the open batches of a mailing in one of this machine's slots, if it is free."""
    with recovery.slot(slot) as worker, _kept_sigterm() as is_stopping:
        if worker is None or is_stopping():
            return
        recovery.recover_slot(worker, slot)
        mailing = Mailing.objects.select_related("issue").get(pk=mailing_id)
        if mailing.state == Mailing.State.SENDING and not mailing.is_waiting(timezone.now()):
            with _troubles_told(mailing):
                _send(mailing, f"{worker}{time.time_ns():x}", slot, is_stopping)
    put(dispatch, expires=WAKE_UP_EXPIRES)  # beat wakes the next lane if this wake-up is lost


@contextmanager
def _troubles_told(mailing: Mailing) -> Iterator[None]:
    """Leave a machine in trouble alone for a while, and stop for an error that nobody thought of.

    Each try could make a reader's copy uncertain.
    """
    try:
        yield
    except DatabaseError:
        raise
    except OSError as error:
        mailing.wait_for_provider(timezone.now(), str(error))
        raise
    except Exception as error:
        mailing.pause(f"{type(error).__name__}: {error}"[:500])
        raise


def _send(mailing: Mailing, worker: str, slot: int, is_stopping: Callable[[], bool]) -> None:
    with Recorder(recovery.flight(slot)) as recorder, _ledger_thread() as writer:
        lane = Lane(
            mailing,
            courier_for(mailing.mailer, mailing),
            recorder=recorder,
            writer=writer,
            worker=worker,
            is_stopping=is_stopping,
            pacer=_pacer(mailing.mailer),
        )
        lane.run(LANE_SECONDS)


def _pacer(mailer: str) -> Pacer:
    """Return what keeps the limits of a mailer of settings.MAILERS."""
    publication = Publication.objects.fresh()
    zone = ZoneInfo(publication.time_zone)
    return Pacer(
        settings.SEND_RATE,
        mailer=mailer,
        limits=settings.MAILERS[mailer].get("LIMITS", Limits()),
        timelines=timelines_for(settings.REDIS_URL),
        warm_up=WarmUp(publication.warm_up_from, zone) if publication.warm_up_from else None,
    )


@contextmanager
def _ledger_thread() -> Iterator[Executor]:
    """Yield a thread whose database connection ends with it."""
    with ThreadPoolExecutor(1, "ledger") as thread:
        try:
            yield thread
        finally:
            thread.submit(_close_connection).result()


def _close_connection() -> None:
    connection.close()  # the calling thread's own


@shared_task(ignore_result=True)
def send_welcomes() -> None:
    """Welcome the readers who confirmed since the last time."""
    welcome.send_due(timezone.now())


@shared_task(ignore_result=True)
def tell_author() -> None:
    """Mail the author what happened to the mailings since the last time."""
    now = timezone.now()
    notices.observe(now)
    notices.tell(now)
