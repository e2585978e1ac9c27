"""What is done about the dead: whose batches are they, and what became of their rows.

On this machine a lane holds a lock file (flock) for as long as its process lives, however it dies.
On other machines a lease that ran out says the same, later.
"""

import fcntl
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.sending import WAITING, count

log = logging.getLogger(__name__)

# A lane that lives but does not move for this long past its lease is taken for dead: longer than
# the ten minutes that a final reply may take (RFC 5321 section 4.5.3.2.6).
HUNG = timedelta(minutes=11)


def machine() -> str:
    """Return this machine's name in the ledger, kept beside its lock files."""
    path: Path = settings.LOCK_DIR / "machine"
    if not path.exists():
        settings.LOCK_DIR.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(secrets.token_hex(8))
        try:
            os.link(draft, path)  # the first one wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()


@contextmanager
def slot(number: int) -> Iterator[str | None]:
    """Hold slot `number` of this machine while inside; yield the worker's name, or None if another holds it.

    The kernel lets go of the lock when the process ends, even by SIGKILL. Whoever gets it knows that all
    that was leased under this slot belongs to the dead.
    """
    settings.LOCK_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.LOCK_DIR / f"slot-{number}").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield f"{machine()}/{number}/"


def sweep(now: datetime, slots: int) -> int:
    """Recover the batches of dead owners; return how many. Slots: how many this machine has."""
    recovered = 0
    for number in range(slots):
        with slot(number) as worker:
            if worker:
                recovered += recover_slot(worker, now)
    return recovered + _recover(_expired(now), now)


def recover_slot(worker: str, now: datetime) -> int:
    """Recover what a dead predecessor left leased. Only the holder of the slot may call this."""
    return _recover(Q(worker__startswith=worker), now)


def _expired(now: datetime) -> Q:
    here = Q(worker__startswith=f"{machine()}/")
    return Q(lease_until__lt=now) & ~here | Q(lease_until__lt=now - HUNG)


def _recover(owners: Q, now: datetime) -> int:
    leased = Batch.objects.filter(owners, state=Batch.State.LEASED).order_by("pk")
    return sum(recover(batch) for batch in leased)


def recover(batch: Batch) -> bool:
    """Open a dead owner's batch again; rows of its open window, handed over or not, become uncertain.

    A row behind the cursor was certainly not handed over and stays in the queue. The new token
    makes a late write of the old owner fail. Return False if another was first.
    """
    with transaction.atomic():
        mine = Batch.objects.filter(pk=batch.pk, token=batch.token, state=Batch.State.LEASED)
        if not mine.update(state=Batch.State.OPEN, token=F("token") + 1, worker="", lease_until=None, in_flight=0):
            return False
        batch.refresh_from_db()
        window = Delivery.objects.filter(
            mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.cursor, attempts__lt=batch.pass_no
        )
        uncertain = window.filter(state__in=WAITING).update(
            state=Delivery.State.UNCERTAIN,
            attempts=batch.pass_no,
            reply="the worker died before an answer came",
        )
        count(batch, Delivery.State.UNCERTAIN, uncertain)
    log.warning("batch %s: its owner died; %d uncertain", batch, uncertain)
    return True


def settle_cancelled() -> None:
    """Skip what a cancelled mailing did not send, batch by batch, once no worker holds the batch."""
    left = Batch.objects.filter(mailing__state=Mailing.State.CANCELLED, state=Batch.State.OPEN)
    for batch in left.order_by("pk"):
        with transaction.atomic():
            mine = Batch.objects.filter(pk=batch.pk, token=batch.token, state=Batch.State.OPEN)
            if not mine.update(state=Batch.State.DONE, token=F("token") + 1):
                continue
            rows = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)
            skipped = rows.filter(state__in=WAITING).update(
                state=Delivery.State.SKIPPED, reply="the mailing was cancelled"
            )
            count(batch, Delivery.State.SKIPPED, skipped)
