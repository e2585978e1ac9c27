"""A thread of each web process that applies the departures recorded in files of its machine to the database.

Only this machine has these files, and it may have no worker.
"""

from threading import Event, Thread

from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from newsletter.delivery.ledger import restore_detection
from newsletter.limits.circuit_breaker import open_circuit
from subscribers import pending_unsubscribes

POLL_SECONDS = 5.0  # an empty file costs a microsecond


def start() -> None:
    Thread(target=run, args=(Event(),), name="catching up", daemon=True).start()


def run(is_over: Event) -> None:
    """Replay this machine's departures once, then apply pending unsubscribes until `is_over`."""
    has_remembered = False
    while not is_over.is_set():
        pending_unsubscribes.reserve_space()
        has_remembered = _catch_up(has_remembered=has_remembered)
        is_over.wait(POLL_SECONDS)


def _catch_up(*, has_remembered: bool) -> bool:
    """Whether the departures are replayed. Failures are retried at the next poll."""
    try:
        if not has_remembered:
            restore_detection.detect_restore(timezone.now())
        pending_unsubscribes.process_pending()
    except (DatabaseError, InterfaceError, OSError) as error:
        open_circuit("database", error, meanwhile="departures that this machine knows wait for it")
        return has_remembered
    finally:
        connection.close()
    return True
