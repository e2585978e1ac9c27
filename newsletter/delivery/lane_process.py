"""A lane process: polls the ledger for mailings with open batches and sends them, one lane per slot of this machine.

There is no work queue: a wake-up on a shared queue went to any machine, mostly to one whose slot was busy
(docs/decisions/0131). Each machine looks at the ledger and claims batches there.
"""

import logging
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone, translation

from newsletter.background import machines
from newsletter.celery import app
from newsletter.delivery.ledger import downtime, recovery, restore_detection
from newsletter.delivery.ledger.flight_recorder import FlightRecorder
from newsletter.delivery.models import Mailing
from newsletter.delivery.rate import RateLimiter, WarmUp
from newsletter.delivery.sending.couriers import ScalerCache, courier_for
from newsletter.delivery.sending.lane import Lane
from newsletter.mail import reach
from newsletter.mail.mailers import SendLimits
from newsletter.publication.heartbeats import record_heartbeat
from newsletter.publication.models import Publication
from newsletter.publication.task_queue import enqueue

log = logging.getLogger(__name__)

DISPATCH_TASK = "newsletter.delivery.tasks.dispatch"  # by name: a lane loads no tasks
WAKE_UP_EXPIRES_SECONDS = 30
POLL_SECONDS = 0.25  # of an idle lane, by one query of the ledger
ERROR_SECONDS = 1  # between an error and the next try
LANE_RUN_SECONDS = 60  # then a lane looks for another mailing and reads its limits again
LOCK_CHECK_SECONDS = 1  # between a lane's checks of its lock file (6 µs); the next holder of the slot revokes the lane


class StopRequest:
    """Whether this process must end. Plain, without a lock: a signal handler could deadlock on one."""

    is_asked = False


def request_stop(*_signal: object) -> None:
    StopRequest.is_asked = True


def is_stopping() -> bool:
    return StopRequest.is_asked


def serve_slot(slot: int, log_level: str) -> None:
    """Run lanes in a slot of this machine until SIGTERM."""
    logging.getLogger().setLevel(log_level)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, request_stop)
    run_lanes(slot)


def run_lanes(slot: int) -> None:
    """Run one lane after the other in a slot of this machine until a stop is requested."""
    last, is_recovered = 0, False
    scalers: ScalerCache = {}
    while not is_stopping():
        sent = None
        try:
            close_old_connections()
            is_recovered = is_recovered or recover_own_slot(slot)
            sent = run_lane(slot, after=last, scalers=scalers)
        except MemoryError:  # exit: a new process starts with free memory
            raise
        except Exception:  # of any kind: without its lane this machine would send nothing
            log.exception("lane %s: continues after an error", slot + 1)
            connection.close()
            is_recovered = False
            time.sleep(ERROR_SECONDS)
        record_heartbeat()
        if sent is None:
            time.sleep(POLL_SECONDS)
        last = sent or last


def recover_own_slot(slot: int) -> bool:
    """Reopen the batches that a dead holder of this slot left leased.

    Return False if it is to be done later: another process holds the slot, or the author has to decide first.
    """
    if restore_detection.is_restore_undecided():
        return False
    with recovery.hold_slot(slot) as worker_prefix:
        if worker_prefix:
            recovery.recover_slot(worker_prefix, slot)
            recovery.settle_unrecorded(worker_prefix, slot, timezone.now())
        return bool(worker_prefix)


def run_lane(slot: int, *, after: int = 0, scalers: ScalerCache | None = None) -> int | None:
    """Run a lane for the next mailing after `after`, by key: round robin.

    Returns the mailing's key, or None if there is nothing to send or another process holds the slot.
    """
    if not Mailing.objects.filter(state=Mailing.State.SENDING).exists():  # a fifth of the next query's cost
        return None
    ready = list(Mailing.objects.ready(timezone.now()).values_list("pk", flat=True))
    if not ready or is_stopping() or restore_detection.is_restore_undecided() or not machines.may_send():
        return None
    downtime.keep_watch(timezone.now())
    mailing_id = next((pk for pk in ready if pk > after), ready[0])
    with recovery.hold_slot(slot) as worker_prefix:
        if worker_prefix is None:
            return None
        inode = recovery.lock_file_inode(slot)
        recovery.recover_slot(worker_prefix, slot)
        mailing = Mailing.objects.select_related("issue").get(pk=mailing_id)
        with _errors_recorded(mailing):
            if pause_if_unreachable(mailing):
                return mailing_id
            send_batches(mailing, f"{worker_prefix}{time.time_ns():x}", slot, _make_is_ending(slot, inode), scalers)
        # Settle rows of a batch that another machine took over, and revoked here, while this process was stalled.
        recovery.settle_unrecorded(worker_prefix, slot, timezone.now(), mailing)
    # Closes the mailing. If it is lost, the clock enqueues another.
    enqueue(app.signature(DISPATCH_TASK), expires=WAKE_UP_EXPIRES_SECONDS)
    return mailing_id


def pause_if_unreachable(mailing: Mailing) -> bool:
    """Whether the mailing would reach nobody from here; then it is paused: the outbox never gets a letter of one."""
    with translation.override(Publication.objects.current().language):
        reason = reach.obstacle(mailing.mailer)
    if reason:
        mailing.pause(reason, Mailing.Cause.NOBODY)
    return bool(reason)


def _make_is_ending(slot: int, lock_inode: int | None) -> Callable[[], bool]:
    """A predicate for the lane: must it end, because of a stop request or because its lock file was deleted?"""
    check_at, is_lost = 0.0, False

    def is_ending() -> bool:
        nonlocal check_at, is_lost
        if time.monotonic() >= check_at:
            check_at, is_lost = time.monotonic() + LOCK_CHECK_SECONDS, recovery.lock_file_inode(slot) != lock_inode
        return is_lost or is_stopping()

    return is_ending


@contextmanager
def _errors_recorded(mailing: Mailing) -> Iterator[None]:
    """After an OSError let the mailing wait, after an unexpected error pause it.

    Otherwise each retry could leave one more delivery uncertain.
    """
    try:
        yield
    except (DatabaseError, MemoryError):
        raise
    except OSError as error:
        mailing.wait_for_provider(timezone.now(), str(error))
        raise
    except Exception as error:  # unexpected: the author decides, and the lane logs it
        mailing.pause(f"{type(error).__name__}: {error}"[:500], Mailing.Cause.ERROR)
        raise


def send_batches(
    mailing: Mailing, worker: str, slot: int, is_ending: Callable[[], bool], scalers: ScalerCache | None
) -> None:
    """Send batches of a mailing for LANE_SECONDS. The caller holds the slot."""
    with FlightRecorder(recovery.recorder_path(slot)) as recorder, _ledger_thread() as writer:
        lane = Lane(
            mailing,
            courier_for(mailing.mailer, mailing, scalers),
            recorder=recorder,
            writer=writer,
            worker=worker,
            is_stopping=is_ending,
            rate_limiter=_rate_limiter(mailing.mailer),
        )
        lane.run(LANE_RUN_SECONDS)


def _rate_limiter(mailer: str) -> RateLimiter:
    """mailer: a key of settings.MAILERS."""
    publication = Publication.objects.fresh()
    zone = ZoneInfo(publication.time_zone)
    return RateLimiter(
        settings.SEND_RATE,
        mailer=mailer,
        limits=settings.MAILERS[mailer].get("LIMITS", SendLimits()),
        warm_up=WarmUp(publication.warm_up_from, zone) if publication.warm_up_from else None,
    )


@contextmanager
def _ledger_thread() -> Iterator[Executor]:
    """A thread with a database connection of its own, closed at the end."""
    with ThreadPoolExecutor(1, "ledger") as thread:
        try:
            yield thread
        finally:
            thread.submit(_close_connection).result()


def _close_connection() -> None:
    connection.close()  # the calling thread's
