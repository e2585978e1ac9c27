"""Mail that a row says is due: claim the row, send the mail, write down what came of it. The rows are the queue.

Each kind of such mail is a subclass of DueMail. It says which column of its rows holds the time, what the mail says,
and what is written when it was sent or given up; the rest is the same for all (docs/decisions/0057).
"""

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from django.core import mail
from django.db import transaction
from django.db.models import Model, QuerySet

from newsletter.mail.mailers import mailer_errors
from newsletter.mail.message import Mail
from newsletter.mail.trouble import NotSent, Trouble, is_unreachable, trouble

MAILER = "default"
LEASE = timedelta(minutes=10)  # a worker that has not sent a mail by then is dead, and another tries
BACK_OFF, BACK_OFF_MAX = timedelta(minutes=1), timedelta(hours=1)
JITTER = 0.1  # of a wait, at most: mails that failed together are not tried together
LONGEST = timedelta(hours=4)  # that a mail is put off; what is due later was written by a clock that was ahead
AT_ONCE, CANDIDATES = 200, 10  # rows
RUN_SECONDS = 300  # after which a run ends: it claims by the time at which it began, and must not outlast the lease


class Result(Enum):
    NOT_TAKEN = "not taken"  # another worker has it, or it is not wanted now
    SENT = "sent"
    FAILED = "failed"  # put off, or given up
    NO_SERVER = "no server"  # put off; the next mail would only wait for the server as well


class Retry(NamedTuple):
    """When to try again, None for never, and how many tries have counted."""

    due_at: datetime | None
    tries: int


class DueMail[Row: Model](ABC):
    """One kind of mail, sent from the rows of one model.

    A mail is due while its row has a time in the column `due_at` that has come; the column is empty when nothing is
    to be sent. Whoever moves that time on has claimed the mail: by one conditional UPDATE, so that of two workers one
    wins, on SQLite and on PostgreSQL, and no lock is held while a server is waited for. A worker that dies leaves the
    mail to the next after LEASE. What came of it is written only if the row is as it was claimed: who has asked again,
    left or taken it over since is not overruled.
    A mail is sent once, unless a worker dies between the server's answer and the commit, or the answer never comes:
    then once more, with the same Message-ID.
    """

    model: type[Row]
    due_at, tries = "due_at", "tries"  # columns; a kind whose tries need not be counted has none: ""
    guard = "due_at"  # the column whose value shows that nobody else has moved the row since it was read

    # --- What a kind says ---

    def waiting(self, now: datetime) -> QuerySet[Row]:
        """Return the rows whose mail is due, first come first served."""
        return self.model._default_manager.filter(**{f"{self.due_at}__lte": now}).order_by(self.due_at, "pk")

    def is_wanted(self, row: Row, now: datetime) -> bool:
        """Return whether the mail of a row that is due is of use now; if not, the row stays as it is."""
        return True

    @abstractmethod
    def write(self, row: Row, now: datetime) -> tuple[Mail, dict[str, object]]:
        """Return the mail, and the columns that are written when it was sent. Raises ValueError when there can be none.

        row: as it is in the database after the claim.
        """

    @abstractmethod
    def retry(self, row: Row, whose: Trouble, now: datetime) -> Retry:
        """Return when the mail is tried again after a try that failed."""

    @abstractmethod
    def log(self, row: Row, error: Exception, retry: Retry) -> None:
        """Write a failure into the log, without any address."""

    # --- What a kind may do otherwise ---

    def hand_over(self, message: Mail) -> None:
        """Send a message; raises what the mailer raises, or NotSent."""
        mail.mailers[MAILER].send_messages([message])

    def claimed(self, now: datetime) -> dict[str, object]:
        """Return the columns that show that a row is claimed."""
        return {self.due_at: now + LEASE}

    def put_off(self, at: datetime) -> dict[str, object]:
        """Return the columns that show that a row is due at a later time."""
        return {self.due_at: at}

    def end(self, row: Row, values: dict[str, object]) -> bool:
        """Write that there is nothing to be sent any more; return False if the row has been moved on since."""
        return self._move(row, {self.due_at: None} | values)

    def give_up(self, row: Row, error: Exception, now: datetime) -> bool:
        """Write that a mail will not be tried again; return False if the row has been moved on since."""
        return self.end(row, {})

    # --- What is the same for all ---

    def send_next(self, now: datetime) -> bool:
        """Send the mail that has waited longest; return whether to go on: not if none waits, or no server is there."""
        return send_first([self], now)

    def send_due(self, now: datetime) -> int:
        """Send what is due, until no server is there or RUN_SECONDS have passed; return how many mails were sent."""
        sent, began = 0, time.monotonic()
        for row in self.waiting(now)[:AT_ONCE]:
            result = self.send(row, now)
            sent += result is Result.SENT
            if result is Result.NO_SERVER or time.monotonic() - began > RUN_SECONDS:
                break
        return sent

    def send(self, row: Row, now: datetime) -> Result:
        """Claim a row, send its mail, and write down what came of it."""
        if not self.is_wanted(row, now) or not self.claim(row, now):
            return Result.NOT_TAKEN
        try:
            message, values = self.write(row, now)
            self.hand_over(message)
        except mailer_errors(NotSent, ValueError) as error:
            self._fail(row, error, now)
            return Result.NO_SERVER if is_unreachable(error) else Result.FAILED
        self.end(row, values)
        return Result.SENT

    def claim(self, row: Row, now: datetime) -> bool:
        """Take a row before another worker does, and read it anew; return False if another was first."""
        counted = {self.tries: getattr(row, self.tries) + 1} if self.tries else {}
        with transaction.atomic():  # nobody can delete it between the two
            taken = self._move(row, self.claimed(now) | counted)
            if taken:
                row.refresh_from_db()
        return taken

    def as_read(self, row: Row) -> QuerySet[Row]:
        """Return a row as it was read: nothing, if it has been moved on since."""
        return self.model._default_manager.filter(pk=row.pk, **{self.guard: getattr(row, self.guard)})

    def _fail(self, row: Row, error: Exception, now: datetime) -> None:
        retry = self.retry(row, trouble(error), now)
        self.log(row, error, retry)
        counted = {self.tries: retry.tries} if self.tries else {}
        with transaction.atomic():
            if retry.due_at is not None:
                self._move(row, self.put_off(spread(retry.due_at, now)) | counted)
            else:
                self.give_up(row, error, now)

    def _move(self, row: Row, values: dict[str, Any]) -> bool:
        """Write columns of a row, unless it has been moved on since it was read."""
        return bool(self.as_read(row).update(**values))


def send_first(kinds: Iterable[DueMail[Any]], now: datetime) -> bool:
    """Send one mail, of the first kind that has one; return whether to go on, as `DueMail.send_next` does."""
    for kind in kinds:
        for row in kind.waiting(now)[:CANDIDATES]:
            result = kind.send(row, now)
            if result is not Result.NOT_TAKEN:
                return result is not Result.NO_SERVER
    return False


def doubled(tries: int, at_most: timedelta = LONGEST) -> timedelta:
    """Return how long to wait after try number `tries`: a minute, and each time twice as long."""
    doublings = min(tries - 1, 16)  # many more, and the wait is longer than a timedelta holds
    return min(BACK_OFF * (1 << doublings), at_most)


def spread(at: datetime, now: datetime) -> datetime:
    """Return a time up to a tenth of the wait after `at`."""
    late = (at - now) * random.uniform(0, JITTER)  # noqa: S311 - nobody gains by guessing it
    return min(at + late, now + LONGEST)
