"""Mail that a row says is due: claim the row, send the mail, write down what came of it. The rows are the queue.

Each kind of such mail is a subclass of DueMail. It says which column of its rows holds the time, what the mail says,
and what is written when it was sent or given up; the rest is the same for all (docs/decisions/0057).
"""

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, ClassVar, NamedTuple

from django.core import mail
from django.db import transaction
from django.db.models import Model, Q, QuerySet

from newsletter.mail.mailers import mailer_errors
from newsletter.mail.message import Mail
from newsletter.mail.outward import hung_up_after
from newsletter.mail.replies import NotSent, Trouble, is_refusal, is_unreachable, trouble

MAILER = "default"
LEASE = timedelta(minutes=2)  # a worker that has not sent a mail by then is dead, and another tries
LEAVING_SECONDS = 100  # from the last claim to the server's answer: less than LEASE, so that no two workers send
BACK_OFF, BACK_OFF_MAX = timedelta(minutes=1), timedelta(hours=1)
JITTER = 0.1  # of a wait, at most: mails that failed together are not tried together
LONGEST = timedelta(hours=4)  # that a mail is put off
CLOCK_SLACK = timedelta(minutes=1)  # that the clocks of machines may differ
AT_ONCE, CANDIDATES = 200, 10  # rows
RUN_SECONDS = 300  # after which a run ends


class Result(Enum):
    NOT_TAKEN = "not taken"  # another worker has it, or it is not wanted now
    SENT = "sent"
    FAILED = "failed"  # put off, or given up
    NO_SERVER = "no server"  # put off; the next mail would only wait for the server as well


class Retry(NamedTuple):
    """When to try again, None for never, and how many tries have counted."""

    due_at: datetime | None
    tries: int


def is_due(column: str, now: datetime) -> Q:
    """Return what holds for rows whose time has come: also for one that a clock wrote that was ahead."""
    return Q(**{f"{column}__lte": now}) | Q(**{f"{column}__gt": now + LONGEST + CLOCK_SLACK})


class DueMail[Row: Model](ABC):
    """One kind of mail, sent from the rows of one model.

    A mail is due while its row has a time in the column `due_at` that has come; the column is empty when nothing is
    to be sent. Whoever moves that time on by LEASE has claimed the mail: by one conditional UPDATE, so that of two
    workers one wins, on SQLite and on PostgreSQL, and no lock is held while a server is waited for. Just before the
    mail leaves the claim is made anew, so a worker that was slow sends nothing that another has taken over; a worker
    that dies leaves it to the next after LEASE. What came of it is written only if the row is as it was claimed: who
    has asked again, left or taken it over since is not overruled.
    A mail is sent once, unless a worker dies between the server's answer and the commit, or the answer never comes:
    then once more, with the same Message-ID.
    """

    model: type[Row]
    due_at, tries = "due_at", "tries"  # columns; a kind whose tries need not be counted has none: ""
    guard = "due_at"  # the column whose value shows that nobody else has moved the row since it was read

    # --- What a kind says ---

    def waiting(self, now: datetime) -> QuerySet[Row]:
        return self.model._default_manager.filter(is_due(self.due_at, now)).order_by(self.due_at, "pk")

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

    def hand_over(self, message: Mail, before_leaving: Callable[[], object]) -> None:
        """Send a message; raises what the mailer raises, or NotSent.

        before_leaving: called before the message may be with the server.
        """
        mailer = mail.mailers[MAILER]
        try:
            mailer.open()
            before_leaving()
            connection = getattr(mailer, "connection", None)
            with hung_up_after(LEAVING_SECONDS, [connection.sock] if connection else []):
                mailer.send_messages([message])
        finally:
            mailer.close()

    def claimed(self, now: datetime) -> dict[str, object]:
        """Return the columns that show that a row is claimed."""
        return {self.due_at: now + LEASE}

    def leaving(self, now: datetime) -> dict[str, object]:
        """Return the columns that are written just before a mail leaves."""
        return self.claimed(now)

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
            result = self.send(row, now + _since(began))
            sent += result is Result.SENT
            if result is Result.NO_SERVER or time.monotonic() - began > RUN_SECONDS:
                break
        return sent

    def send(self, row: Row, now: datetime) -> Result:
        began = time.monotonic()
        if not self.is_wanted(row, now) or not self.claim(row, now):
            return Result.NOT_TAKEN
        try:
            message, values = self.write(row, now)
            self.hand_over(message, lambda: self._leave(row, now + _since(began)))
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

    def _leave(self, row: Row, now: datetime) -> None:
        """Write that a mail leaves. Raises NotSent if its row has been moved on since it was claimed."""
        values = self.leaving(now)
        if not self._move(row, values):
            raise NotSent(Trouble.LATER, "taken over meanwhile")
        for name, value in values.items():
            setattr(row, name, value)

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


class MarkedMail[Row: Model](DueMail[Row]):
    """A mail that is sent once and never twice: its row has a mark beside its `due_at`, written before it leaves.

    A worker that dies before the mark is written leaves the mail to the next run. One that dies after it, or a silence
    after the final dot, may cost the reader this mail. A definite "not now" takes the mark back.
    """

    mark: ClassVar[str]  # the column of the time at which the mail left

    def leaving(self, now: datetime) -> dict[str, object]:
        return {self.due_at: None, self.mark: now}

    def put_off(self, at: datetime) -> dict[str, object]:
        return {self.due_at: at, self.mark: None}

    def as_read(self, row: Row) -> QuerySet[Row]:
        return super().as_read(row).filter(**{self.mark: getattr(row, self.mark)})

    def _fail(self, row: Row, error: Exception, now: datetime) -> None:
        """Try again only what no server can have."""
        if getattr(row, self.mark) is None or is_refusal(error):
            super()._fail(row, error, now)
            return
        self.log(row, error, Retry(None, getattr(row, self.tries)))
        with transaction.atomic():
            self.give_up(row, error, now)


def send_first(kinds: Iterable[DueMail[Any]], now: datetime) -> bool:
    """Send one mail, of the first kind that has one; return whether to go on, as `DueMail.send_next` does."""
    for kind in kinds:
        for row in kind.waiting(now)[:CANDIDATES]:
            result = kind.send(row, now)
            if result is not Result.NOT_TAKEN:
                return result is not Result.NO_SERVER
    return False


def _since(began: float) -> timedelta:
    return timedelta(seconds=int(time.monotonic() - began))


def doubled(tries: int, at_most: timedelta = LONGEST) -> timedelta:
    """Return how long to wait after try number `tries`: a minute, and each time twice as long."""
    doublings = min(tries - 1, 16)  # many more, and the wait is longer than a timedelta holds
    return min(BACK_OFF * (1 << doublings), at_most)


def spread(at: datetime, now: datetime) -> datetime:
    """Return a time up to a tenth of the wait after `at`."""
    late = (at - now) * random.uniform(0, JITTER)  # noqa: S311 - nobody gains by guessing it
    return min(at + late, now + LONGEST)
