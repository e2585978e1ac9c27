"""The process of a lane: it looks for a mailing that has something to send, and sends it in a slot of its own.

Nobody hands it its work. A wake-up on the shared queue was taken by any machine, mostly by one whose slot was
busy (docs/decisions/0131); here each machine looks at the ledger, and what it may take there is a batch.
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
from django.utils import timezone

from newsletter.celery import app
from newsletter.delivery.ledger import recovery, restored
from newsletter.delivery.ledger.flight_recorder import Recorder
from newsletter.delivery.models import Mailing
from newsletter.delivery.rate import Pacer, WarmUp
from newsletter.delivery.sending.couriers import Learnt, courier_for
from newsletter.delivery.sending.lane import Lane
from newsletter.delivery.wakeups import waker
from newsletter.mail.mailers import Limits
from newsletter.publication.heartbeats import show
from newsletter.publication.models import Publication
from newsletter.publication.wakeups import put

log = logging.getLogger(__name__)

DISPATCH, WAKE_UP_EXPIRES = "newsletter.delivery.tasks.dispatch", 30  # by its name: a lane loads no task; seconds
LANE_SECONDS = 60  # after this long a lane looks for another mailing, and reads its limits anew
LOCK_SECONDS = 1  # between a lane's looks at its lock file: one costs 6 µs, and whoever takes the slot revokes the lane


class Stopping:
    """Whether this process must end. A plain value: a signal handler that waits for a lock may wait for ever."""

    is_asked = False


def stop(*_signal: object) -> None:
    Stopping.is_asked = True


def is_stopping() -> bool:
    """Return whether to end after the messages on their way."""
    return Stopping.is_asked


def serve(slot: int, log_level: str) -> None:
    """Be the process of a slot of this machine: send what there is to send, until SIGTERM."""
    logging.getLogger().setLevel(log_level)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    work(slot)


def work(slot: int) -> None:
    """Run one lane after the other in a slot of this machine, until this process is asked to stop."""
    wait, last, is_settled = waker(), 0, False
    learnt: Learnt = {}
    while not is_stopping():
        sent = None
        try:
            close_old_connections()
            is_settled = is_settled or recover(slot)
            sent = run(slot, after=last, learnt=learnt)
        except Exception:  # of any kind: without its lane a machine sends nothing; the log has the traceback
            log.exception("lane %s: it goes on after an error", slot + 1)
            connection.close()
            is_settled = False
        show()
        if sent is None:
            wait(is_stopping)
        last = sent or last


def recover(slot: int) -> bool:
    """Open the batches again that whoever died in this slot has left; return False while another holds it."""
    with recovery.slot(slot) as worker:
        if worker and not restored.is_undecided():
            recovery.recover_slot(worker, slot)
            recovery.settle_unrecorded(worker, slot, timezone.now())
        return bool(worker)


def run(slot: int, *, after: int = 0, learnt: Learnt | None = None) -> int | None:
    """Run a lane of the mailing that comes next after `after`, by number, so that all have their turn.

    Returns its number, or None if nothing is to be sent, or another process holds the slot.
    """
    if not Mailing.objects.filter(state=Mailing.State.SENDING).exists():  # a fifth of what the next question costs
        return None
    ready = list(Mailing.objects.ready(timezone.now()).values_list("pk", flat=True))
    if not ready or is_stopping() or restored.is_undecided():
        return None
    number = next((pk for pk in ready if pk > after), ready[0])
    with recovery.slot(slot) as worker:
        if worker is None:
            return None
        lock = recovery.lock_file(slot)
        recovery.recover_slot(worker, slot)
        mailing = Mailing.objects.select_related("issue").get(pk=number)
        with _errors_recorded(mailing):
            send(mailing, f"{worker}{time.time_ns():x}", slot, _ending(slot, lock), learnt)
    put(app.signature(DISPATCH), expires=WAKE_UP_EXPIRES)  # closes the mailing; beat asks again if this is lost
    return number


def _ending(slot: int, lock: int | None) -> Callable[[], bool]:
    """Return a function that says whether a lane must end: it was asked to, or its lock file was deleted."""
    look_at, is_lost = 0.0, False

    def is_ending() -> bool:
        nonlocal look_at, is_lost
        if time.monotonic() >= look_at:
            look_at, is_lost = time.monotonic() + LOCK_SECONDS, recovery.lock_file(slot) != lock
        return is_lost or is_stopping()

    return is_ending


@contextmanager
def _errors_recorded(mailing: Mailing) -> Iterator[None]:
    """On an error of the system wait for a while; on an unexpected error pause the mailing.

    Each try could make a reader's copy uncertain.
    """
    try:
        yield
    except DatabaseError:
        raise
    except OSError as error:
        mailing.wait_for_provider(timezone.now(), str(error))
        raise
    except Exception as error:  # unexpected: the mailing is paused for its author, and the lane logs it
        mailing.pause(f"{type(error).__name__}: {error}"[:500], Mailing.Cause.ERROR)
        raise


def send(mailing: Mailing, worker: str, slot: int, is_ending: Callable[[], bool], learnt: Learnt | None) -> None:
    """Work on the batches of a mailing for LANE_SECONDS, as the holder of the slot."""
    with Recorder(recovery.flight(slot)) as recorder, _ledger_thread() as writer:
        lane = Lane(
            mailing,
            courier_for(mailing.mailer, mailing, learnt),
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
