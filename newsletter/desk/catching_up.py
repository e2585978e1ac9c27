"""What a web process does beside its pages: it writes into the database who left, by the files of its own machine.

Nobody else may read them: a machine need not have a worker.
"""

from threading import Event, Thread

from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from newsletter.delivery.ledger import restored
from newsletter.publication.limits import begin_outage
from subscribers import remembering

LOOK_SECONDS = 5.0  # between looks at the file of wishes; one costs a microsecond while it is empty


def start() -> None:
    """Begin, in a thread that ends with the process."""
    Thread(target=run, args=(Event(),), name="catching up", daemon=True).start()


def run(is_over: Event) -> None:
    """Do the departures of this machine again, once; fulfil the wishes that are kept meanwhile and afterwards."""
    has_remembered = False
    while not is_over.is_set():
        has_remembered = _catch_up(has_remembered=has_remembered)
        is_over.wait(LOOK_SECONDS)


def _catch_up(*, has_remembered: bool) -> bool:
    """Return whether the departures are done; what fails is tried again with the next look."""
    try:
        if not has_remembered:
            restored.remember(timezone.now())
        remembering.fulfil()
    except (DatabaseError, InterfaceError, OSError) as error:
        begin_outage("database", error, meanwhile="departures that this machine knows wait for it")
        return has_remembered
    finally:
        connection.close()
    return True
