"""Starts the mailing of an issue, and with --wait shows its progress until it is finished.

While mail ends in the outbox nothing is sent: it writes a trial, and says so.
"""

import sys
import time
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from newsletter.delivery import tasks, trials
from newsletter.delivery.ledger import restore_detection
from newsletter.delivery.models import Mailing, Trial
from newsletter.delivery.planning import approving
from newsletter.delivery.planning.approving import PlanningError
from newsletter.issues.models import Issue
from newsletter.mail import reach
from newsletter.publication.changes import Via, acting_as
from newsletter.publication.models import Publication
from newsletter.publication.task_queue import enqueue

WORKER_PATIENCE = timedelta(seconds=10)


class Command(BaseCommand):
    help = "Start the mailing of an issue; the next unsent one if no number is given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", type=int, nargs="?", help="the issue's number")
        parser.add_argument("--wait", action="store_true", help="show progress until it is finished")
        parser.add_argument("--no-hold", action="store_true", help="skip the hold, in which it can be cancelled")

    def handle(self, *, number: int | None, **options: Any) -> None:
        issue = _issue(number)
        self.stdout.write(f"{issue.number}")
        mailing = issue.mailings.filter(kind=Mailing.Kind.ISSUE, state=Mailing.State.SENT, segment="").first()
        if mailing is None and reach.ends_in_outbox() and not issue.mailings.open().exists():
            self._try(issue)
            return
        if mailing is None:
            with acting_as("", Via.COMMAND):
                mailing = self._start(issue, skip_hold=options["no_hold"])
        if options["wait"]:
            self._watch(mailing)
        self._print_summary(mailing)

    def _start(self, issue: Issue, *, skip_hold: bool) -> Mailing:
        now = timezone.now()
        hold = timedelta() if skip_hold else approving.hold_duration(Publication.objects.current())
        try:
            mailing = approving.approve(issue, send_at=None, now=now, hold=hold)
        except PlanningError as error:
            raise CommandError(str(error)) from error
        if mailing.send_at > now + hold:
            approving.reschedule(mailing, send_at=now, now=now, hold=hold)
        enqueue(tasks.dispatch, expires=tasks.WAKE_UP_EXPIRES_SECONDS)  # if it is lost, beat enqueues another
        mailing.refresh_from_db()
        return mailing

    def _try(self, issue: Issue) -> None:
        now = timezone.now()
        Trial.objects.throw_away(issue)
        try:
            trial = trials.begin(issue, now)
        except PlanningError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"A trial, nothing is sent: issue {issue.number} goes to the outbox. {reach.obstacle()}")
        for _step in trials.write(trial, now):
            self._show_progress(_trial_progress(trial))
        self.stdout.write(_trial_progress(trial))

    def _show_progress(self, line: str) -> None:
        self.stderr.write(line, ending="\r" if sys.stderr.isatty() else "\n")

    def _watch(self, mailing: Mailing) -> None:
        State = Mailing.State  # noqa: N806 - a class
        last = ""
        while True:
            mailing.refresh_from_db()
            if restore_detection.is_restore_undecided():
                raise CommandError(
                    "This database was put back, copied or moved: "
                    f"nothing is sent until you have decided at {settings.SITE_URL}/admin/restored/."
                )
            if mailing.state == State.SCHEDULED and timezone.now() > mailing.send_at + WORKER_PATIENCE:
                raise CommandError(
                    f"No worker has taken up the mailing within {WORKER_PATIENCE.seconds} seconds. "
                    "Start `manage.py up`, or a Celery worker and beat; the mailing stays scheduled."
                )
            line = _progress(mailing)
            if line != last:
                self._show_progress(line)
                last = line
            if mailing.state not in {State.SCHEDULED, State.SENDING}:
                return
            time.sleep(0.25)  # --wait polls another process

    def _print_summary(self, mailing: Mailing) -> None:
        if mailing.state in {Mailing.State.PAUSED, Mailing.State.CANCELLED}:
            raise CommandError(f"The mailing is {mailing.state}. {mailing.why_paused or mailing.reason}".strip())
        self.stdout.write(_progress(mailing))


def _issue(number: int | None) -> Issue:
    issue = Issue.objects.filter(number=number).first() if number else Issue.objects.unsent().first()
    if issue is None:
        raise CommandError(f"There is no issue {number}." if number else "There is no unsent issue.")
    return issue


def _trial_progress(trial: Trial) -> str:
    return f"trial: {trial.written} of {trial.total} letters in the outbox"


def _progress(mailing: Mailing) -> str:
    if mailing.state == Mailing.State.SCHEDULED:
        return f"scheduled, begins at {timezone.localtime(mailing.send_at):%Y-%m-%d %H:%M:%S}"
    counts = mailing.counts()
    return (
        f"{mailing.state}: {counts.finished} of {counts.total} ("
        f"{counts.sent} sent, {counts.failed} failed, {counts.uncertain} uncertain, {counts.skipped} skipped)"
    )
