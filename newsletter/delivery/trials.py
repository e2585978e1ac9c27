"""Tries an issue while mail ends in the outbox: writes the letters there, sends nothing and marks nobody."""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from email.policy import SMTP

from django.utils.translation import gettext as _

from newsletter.delivery.letter.rendering import build_copy
from newsletter.delivery.models import Mailing, Trial
from newsletter.delivery.planning.approving import PlanningError, audience, issue_obstacles
from newsletter.delivery.rehearsal import unsaved_mailing
from newsletter.issues.models import Issue
from newsletter.mail import reach

LETTERS_PER_STEP = 50  # then progress is stored


def begin(issue: Issue, now: datetime) -> Trial:
    """Start a trial of `issue`, which the dispatcher then writes. A second call returns the same one.

    Raises PlanningError if there is a mail server, or if the issue cannot be sent as it is.
    """
    if not reach.ends_in_outbox():
        raise PlanningError(_("There is a mail server now: an issue is sent, not tried."))
    mailing = unsaved_mailing(issue, "", now)
    if reasons := issue_obstacles(issue, now, letter=mailing):
        raise PlanningError(" ".join(reasons))
    total = audience(mailing, now).count()
    trial, _is_new = Trial.objects.get_or_create(issue=issue, defaults={"started_at": now, "total": total})
    return trial


def write_unfinished(now: datetime, seconds: float) -> None:
    """Write letters of unfinished trials for `seconds`; the next call continues, also after a crash."""
    end = time.monotonic() + seconds
    for trial in Trial.objects.unfinished().select_related("issue"):
        for _step in write(trial, now):
            if time.monotonic() > end:
                return


def write(trial: Trial, now: datetime) -> Iterator[None]:
    """Write the letters that are missing; yield after each step, once `trial` has its progress."""
    mailing = unsaved_mailing(trial.issue, "", now)
    while trial.finished_at is None and _write_step(trial, mailing, now):
        yield


def _write_step(trial: Trial, mailing: Mailing, now: datetime) -> bool:
    """Write the next letters; return False if the trial was thrown away meanwhile."""
    readers = audience(mailing, now).filter(pk__gt=trial.last_reader).order_by("pk")
    step = list(readers[: min(LETTERS_PER_STEP, trial.total - trial.written)])
    for number, reader in enumerate(step, trial.written):
        with suppress(ValueError):  # an address or name that no header can hold, which the rehearsal reports
            mail = build_copy(mailing, reader, ids=(0, trial.pk, number))
            trial.store_letter(number, mail.message(policy=SMTP).as_bytes(), now)
    written = trial.written + len(step)
    if step and written < trial.total:
        return trial.save_progress(written, step[-1].pk)
    return trial.finish(written, now)
