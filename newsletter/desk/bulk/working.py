"""A worker's turn at an errand: it holds the row by a lease, and each step is committed together with the row.

A worker that is killed in a step leaves nothing of it. One that lost its lease, or whose errand was stopped, finds that
out at the beginning of its next step, and does nothing any more.
"""

import logging
import time
import uuid
from collections.abc import Generator
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone, translation

from newsletter.desk.models import Errand
from newsletter.publication.models import Publication

if TYPE_CHECKING:
    from newsletter.desk.bulk.steps import Step

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=1)
TURN_SECONDS = 20.0  # after which a worker looks after other tasks
TRIES_MAX = 5  # turns that achieve nothing
MOVED = ["cursor", "position", "counts", "problems", "size", "lease_until", "tries"]


class Lost(Exception):
    """The errand is not this worker's any more: it was stopped, or its lease has ended."""


def work(now: datetime, seconds: float = TURN_SECONDS) -> bool:
    """Work on the errand that waits longest, for a turn; return whether there is more to do at once."""
    errand = claim(now)
    if errand is None:
        return False
    from subscribers.importers.csv_file import FileError  # noqa: PLC0415 - as in `steps`

    with translation.override(Publication.objects.current().language):  # of the reasons for which a line is refused
        try:
            _turn(errand, time.monotonic() + seconds)
        except Lost:
            log.info("Errand %d was stopped, or is another worker's.", errand.pk)
        except (FileError, OSError) as error:
            fail(errand, str(error))
    return Errand.objects.waiting(timezone.now()).exists()


def claim(now: datetime) -> Errand | None:
    """Take the first errand that no worker has; one that failed too often is given up instead."""
    worker = uuid.uuid4().hex
    for errand in Errand.objects.waiting(now):
        if errand.tries >= TRIES_MAX:
            fail(errand, "")
            continue
        free = Errand.objects.waiting(now).filter(pk=errand.pk).order_by()
        if free.update(worker=worker, lease_until=now + LEASE, tries=errand.tries + 1):
            errand.refresh_from_db()
            return errand
    return None


def steps(errand: Errand) -> Generator[bool]:
    """Do one step each time it is asked for, and yield whether it was the last.

    Raises Lost when the errand is not this worker's any more.
    """
    from newsletter.desk.bulk.steps import STEPS  # noqa: PLC0415 - with what reads tables, which few errands need

    step = STEPS[errand.kind]
    for found in step.batches(errand):
        yield _step(errand, step, found, timezone.now())


def _step(errand: Errand, step: "Step", found: Any, now: datetime) -> bool:
    with transaction.atomic():
        mine = Errand.objects.filter(pk=errand.pk, state=errand.state, worker=errand.worker)
        if not mine.update(lease_until=now + LEASE):
            raise Lost
        is_last = step.do(errand, found, now)
        errand.lease_until, errand.tries = now + LEASE, 0
        errand.save(update_fields=MOVED)
        if is_last:
            _end(errand, now)
    return is_last


def fail(errand: Errand, error: str) -> None:
    """End it without having done all; what was done stays."""
    at_work = Errand.objects.filter(pk=errand.pk, state__in=Errand.AT_WORK, worker=errand.worker)
    at_work.update(state=Errand.State.FAILED, error=error[:500], ended_at=timezone.now(), lease_until=None, worker="")
    log.error("Errand %d failed: %s", errand.pk, error or "it was tried too often; see the log for why")


def _turn(errand: Errand, until: float) -> None:
    with closing(steps(errand)) as going:
        while time.monotonic() < until:
            if next(going):
                return
    Errand.objects.filter(pk=errand.pk, worker=errand.worker).update(lease_until=None, worker="")


def _end(errand: Errand, now: datetime) -> None:
    """Let it have ended; an import that was tried waits for its author."""
    is_tried = errand.state == Errand.State.TRYING
    errand.state = Errand.State.TRIED if is_tried else Errand.State.DONE
    errand.ended_at, errand.lease_until, errand.worker = (None if is_tried else now), None, ""
    errand.save(update_fields=["state", "ended_at", "lease_until", "worker"])
