"""Wake-ups. The database is the truth: a task that is lost, doubled or late changes nothing."""

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

from newsletter.delivery import certificate, notices, planning, recovery, restored, suppressing, welcome
from newsletter.delivery.couriers import courier_for
from newsletter.delivery.models import Mailing
from newsletter.delivery.pace import Pacer
from newsletter.delivery.recorder import Recorder
from newsletter.delivery.sending import Lane
from newsletter.delivery.timelines import timelines_for
from newsletter.delivery.warmup import WarmUp
from newsletter.mail.mailers import Limits
from newsletter.publication.heartbeats import Part, working
from newsletter.publication.models import Publication
from newsletter.publication.wakeups import put
from subscribers import wishes

LANE_SECONDS = 60  # after this long a lane makes room for other tasks of the worker
WAKE_UP_EXPIRES = 30  # seconds
LOCK_SECONDS = 1  # between a lane's looks at its lock file: one costs 6 µs, and whoever takes the slot revokes the lane


class Stopping:
    """Whether the worker was told to end. A plain value: a signal handler that waits for a lock may wait for ever."""

    is_asked = False


@worker_shutting_down.connect
def _tell_the_lanes(**_event: object) -> None:
    Stopping.is_asked = True


def is_stopping() -> bool:
    """Return whether to end after the messages on their way; Celery's handler of SIGTERM interrupts no lane."""
    return Stopping.is_asked


@shared_task(ignore_result=True)
def dispatch() -> None:
    """Look after everything that is under way: recover, begin, wake the lanes, close."""
    with working(Part.DISPATCHER):
        _look_after_all(timezone.now())


def _look_after_all(now: datetime) -> None:
    wishes.fulfil()
    if restored.is_undecided():
        return
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
    with recovery.slot(slot) as worker:
        if worker is None or is_stopping() or restored.is_undecided():
            return
        lock = recovery.lock_file(slot)
        recovery.recover_slot(worker, slot)
        mailing = Mailing.objects.select_related("issue").get(pk=mailing_id)
        if mailing.state == Mailing.State.SENDING and not mailing.is_waiting(timezone.now()):
            with _troubles_told(mailing):
                _send(mailing, f"{worker}{time.time_ns():x}", slot, _ending(slot, lock))
    put(dispatch, expires=WAKE_UP_EXPIRES)  # beat wakes the next lane if this wake-up is lost


def _ending(slot: int, lock: int | None) -> Callable[[], bool]:
    """Return what tells whether a lane must end: it is asked to, or its lock file was deleted a second ago at most."""
    look_at, is_lost = 0.0, False

    def is_ending() -> bool:
        nonlocal look_at, is_lost
        if time.monotonic() >= look_at:
            look_at, is_lost = time.monotonic() + LOCK_SECONDS, recovery.lock_file(slot) != lock
        return is_lost or is_stopping()

    return is_ending


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
        mailing.pause(f"{type(error).__name__}: {error}"[:500], Mailing.Cause.ERROR)
        raise


def _send(mailing: Mailing, worker: str, slot: int, is_ending: Callable[[], bool]) -> None:
    with Recorder(recovery.flight(slot)) as recorder, _ledger_thread() as writer:
        lane = Lane(
            mailing,
            courier_for(mailing.mailer, mailing),
            recorder=recorder,
            writer=writer,
            worker=worker,
            is_stopping=is_ending,
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
