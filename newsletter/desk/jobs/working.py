"""A worker's turn at a job: it leases the row, and commits each step together with it.

A step of a killed worker is rolled back. A worker that lost its lease, or whose job was stopped, ends before its next
step.
"""

import logging
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import datetime

from django.db import transaction
from django.utils import timezone, translation

from newsletter.buckets import PicturesUnavailable
from newsletter.desk.jobs import posts, readers
from newsletter.desk.models import Errand, Job, JobLost, PostImport
from newsletter.issues.archiving import NumberingError
from newsletter.moving.converter_process import ConversionError
from newsletter.moving.folder.layout import FolderError
from newsletter.publication.models import Publication
from newsletter.publication.pictures.storages import unavailable_message
from subscribers.importers.csv_file import TableError

log = logging.getLogger(__name__)

TURN_SECONDS = 20.0  # after which a worker looks after other tasks
TRIES_MAX = 5  # turns in a row without a committed step
type Step = Callable[[datetime], bool]  # in the transaction that saves the job's row; returns whether it was the last


def work(kind: type[Job], now: datetime, seconds: float = TURN_SECONDS) -> bool:
    """Work for one turn on the job of this kind that waits longest; return whether more jobs wait."""
    job = claim(kind, now)
    if job is None:
        return False
    with translation.override(Publication.objects.current().language):  # of the stored reasons of refused lines
        try:
            _turn(job, time.monotonic() + seconds)
        except JobLost:
            log.info("%s %d was stopped, or is another worker's.", kind.__name__, job.pk)
        except PicturesUnavailable:
            fail(job, unavailable_message())
        except (TableError, ConversionError, FolderError, NumberingError, OSError) as error:
            fail(job, str(error))
    return bool(kind.objects.waiting(timezone.now()).exists())


def claim[J: Job](kind: type[J], now: datetime) -> J | None:
    """Lease the first free job; one that was tried too often fails instead."""
    for job in kind.objects.waiting(now):
        if job.tries >= TRIES_MAX:
            fail(job, "")
            continue
        free = kind.objects.waiting(now).filter(pk=job.pk).order_by()
        if free.update(worker=uuid.uuid4().hex, lease_until=now + kind.LEASE, tries=job.tries + 1):
            job.refresh_from_db()
            return job  # type: ignore[no-any-return]  # of `kind`
    return None


def steps_of(job: Job) -> Generator[Step]:
    if isinstance(job, PostImport):
        return posts.steps(job)
    assert isinstance(job, Errand)  # noqa: S101 - Job's only other subclass
    return readers.steps(job)


def commit(job: Job, step: Step, now: datetime) -> bool:
    """Do one step together with the row; return whether it was the last. Raises JobLost."""
    with transaction.atomic():
        job.renew_lease(now)
        is_last = step(now)
        job.lease_until, job.tries = now + job.LEASE, 0
        job.save(update_fields=[*job.PROGRESS_FIELDS, "lease_until", "tries"])
        if is_last:
            job.end(now)
    return is_last


def fail(job: Job, error: str) -> None:
    """Mark the job as failed; committed steps stay."""
    at_work = type(job).objects.filter(pk=job.pk, state__in=job.ACTIVE_STATES, worker=job.worker)
    at_work.update(state="failed", error=error[:500], ended_at=timezone.now(), lease_until=None, worker="")
    reason = error or "it was tried too often; see the log for why"
    log.error("%s %d failed: %s", type(job).__name__, job.pk, reason)


def _turn(job: Job, until: float) -> None:
    with closing(steps_of(job)) as going:
        for step in going:
            if commit(job, step, timezone.now()):
                return
            if time.monotonic() >= until:
                break
    type(job).objects.filter(pk=job.pk, worker=job.worker).update(lease_until=None, worker="")
