"""A worker's turn at an import of posts: it holds the row by a lease, and each step is committed together with the row.

A worker that is killed leaves nothing half done. One that lost its lease, or whose import was stopped, finds that out
before its next step, and does nothing any more.
"""

import logging
import time
import uuid
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone, translation

from newsletter.buckets import PicturesAway
from newsletter.desk.models import PostImport
from newsletter.issues.archiving import NumberingError
from newsletter.publication.models import Publication
from newsletter.publication.pictures.storages import sorry

if TYPE_CHECKING:
    from newsletter.desk.intake import stages

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=3)  # a post with many pictures of the web takes long
TURN_SECONDS = 20.0  # after which a worker looks after other tasks
TRIES_MAX = 5  # turns that achieve nothing
MOVED = ["stage", "cursor", "counts", "totals", "kept", "links", "issues", "lease_until", "tries"]
State = PostImport.State


class Lost(Exception):
    """The import is not this worker's any more: it was stopped, or its lease has ended."""


def work(now: datetime, seconds: float = TURN_SECONDS) -> bool:
    """Work on the import that waits longest, for a turn; return whether there is more to do at once."""
    found = claim(now)
    if found is None:
        return False
    from newsletter.posts.importers.imported import Rejected  # noqa: PLC0415 - with what reads HTML; see `_turn`

    with translation.override(Publication.objects.current().language):
        try:
            _turn(found, time.monotonic() + seconds)
        except Lost:
            log.info("Import %d was stopped, or is another worker's.", found.pk)
        except PicturesAway:
            fail(found, sorry())
        except (Rejected, NumberingError, OSError) as error:
            fail(found, str(error))
    return PostImport.objects.waiting(timezone.now()).exists()


def claim(now: datetime) -> PostImport | None:
    """Take the first import that no worker has; one that failed too often is given up instead."""
    worker = uuid.uuid4().hex
    for found in PostImport.objects.waiting(now):
        if found.tries >= TRIES_MAX:
            fail(found, "")
            continue
        free = PostImport.objects.waiting(now).filter(pk=found.pk).order_by()
        if free.update(worker=worker, lease_until=now + LEASE, tries=found.tries + 1):
            found.refresh_from_db()
            return found
    return None


def _turn(found: PostImport, until: float) -> None:
    from newsletter.desk.intake import stages  # noqa: PLC0415 - with all importers: see newsletter/desk/intake/beginning.py

    with closing(stages.work(found)) as going:
        for commit in going:
            _commit(found, commit, timezone.now())
            if time.monotonic() >= until:
                PostImport.objects.filter(pk=found.pk, worker=found.worker).update(lease_until=None, worker="")
                return
    _end(found, timezone.now())


def _commit(found: PostImport, commit: "stages.Commit", now: datetime) -> None:
    with transaction.atomic():
        _hold(found, now)
        commit(now)
        found.lease_until, found.tries = now + LEASE, 0
        found.save(update_fields=MOVED)


def _hold(found: PostImport, now: datetime) -> None:
    mine = PostImport.objects.filter(pk=found.pk, state=State.WORKING, worker=found.worker)
    if not mine.update(lease_until=now + LEASE):
        raise Lost


def fail(found: PostImport, error: str) -> None:
    """Let it stand until its author lets it go on; what was done stays."""
    at_work = PostImport.objects.filter(pk=found.pk, state=State.WORKING, worker=found.worker)
    at_work.update(state=State.FAILED, error=error[:500], ended_at=timezone.now(), lease_until=None, worker="")
    log.error("Import %d failed: %s", found.pk, error or "it was tried too often; see the log for why")


def _end(found: PostImport, now: datetime) -> None:
    with transaction.atomic():
        _hold(found, now)
        state = State.TRIED if found.is_trial else State.DONE
        PostImport.objects.filter(pk=found.pk).update(
            state=state, ended_at=None if found.is_trial else now, lease_until=None, worker="", error=""
        )
