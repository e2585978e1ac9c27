"""A mail queue in the database: claim a row, send, record the result.

Each kind of mail is a subclass of MailQueue: it names the columns, builds the mail, and says what is stored when it
was sent or given up (docs/decisions/0057).
"""

import logging
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from datetime import datetime, timedelta
from enum import Enum
from smtplib import SMTPException, SMTPSenderRefused
from typing import Any, ClassVar, NamedTuple

from django.core import mail
from django.db import transaction
from django.db.models import Model, Q, QuerySet

from newsletter.mail.mailers import mailer_errors
from newsletter.mail.message import Mail
from newsletter.mail.safe_http import hang_up_after
from newsletter.mail.smtp_replies import NotSent, SendFailure, classify_error, error_summary, is_refusal, is_unreachable

MAILER = "default"
CLAIM_DURATION = timedelta(seconds=35)  # then another worker may claim it: below a minute with the clock's interval
HAND_OVER_SECONDS = 30  # from the last claim to the server's reply: below CLAIM_DURATION, so that no two workers send
BACKOFF_MIN, BACKOFF_MAX = timedelta(minutes=1), timedelta(hours=1)
JITTER = 0.1  # share of a delay: mails that failed together are not retried together
DELAY_MAX = timedelta(hours=4)  # before a retry
CLOCK_SLACK = timedelta(minutes=1)  # allowed difference between machines' clocks
ROWS_PER_RUN, ROWS_TRIED = 200, 10
RUN_SECONDS = 300  # of one run of send_due
SMTP_OK = 250


class SendResult(Enum):
    NOT_TAKEN = "not taken"  # claimed by another worker, or not wanted now
    SENT = "sent"
    FAILED = "failed"  # will be retried, or was given up
    NO_SERVER = "no server"  # will be retried; the next mail would fail the same way


class Retry(NamedTuple):
    due_at: datetime | None
    tries: int


def is_due(column: str, now: datetime) -> Q:
    """Condition for due rows, also for times that a wrong clock has set far in the future."""
    return Q(**{f"{column}__lte": now}) | Q(**{f"{column}__gt": now + DELAY_MAX + CLOCK_SLACK})


class MailerConnection:
    """A connection, or an API's session, that the mails of a run share."""

    def __init__(self) -> None:
        self.backend: Any = None  # of the mailer; None while nothing is open

    def hand_over(self, message: Mail, before_leaving: Callable[[], object]) -> None:
        """Send a message; raises the mailer's errors.

        A server that closes the connection between two mails has not been given the second: it gets it over a new one.
        """
        is_kept = self._is_open()
        try:
            self._send(message, before_leaving)
        except SMTPSenderRefused:
            if not is_kept:
                raise
            self._send(message, before_leaving)

    def _is_open(self) -> bool:
        """Whether a connection is open, and its server still replies."""
        connection = getattr(self.backend, "connection", None)
        with suppress(SMTPException):
            if connection is None or connection.noop()[0] == SMTP_OK:
                return self.backend is not None
        self.close()
        return False

    def _send(self, message: Mail, before_leaving: Callable[[], object]) -> None:
        try:
            self.backend = self.backend or mail.mailers[MAILER]
            self.backend.open()
            before_leaving()
            connection = getattr(self.backend, "connection", None)
            with hang_up_after(HAND_OVER_SECONDS, [connection.sock] if connection else []):
                self.backend.send_messages([message])
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        backend, self.backend = self.backend, None
        if backend:
            with suppress(OSError):  # the server has gone; what it replied to is sent
                backend.close()


class MailQueue[Row: Model](ABC):
    """One kind of mail, sent from the rows of one model.

    A row is due when the time in its `due_column` has passed; NULL means nothing to send. A worker claims it by one
    conditional UPDATE that moves the time by CLAIM_DURATION, so one of two workers wins and no lock is held during
    SMTP. The claim is renewed just before the mail leaves, so a slow worker sends nothing that another has taken over.
    The result is written only if the row has not changed since. A mail is sent once, unless a worker dies between the
    server's reply and the commit, or the reply is lost: then it is sent again, with the same Message-ID.
    """

    model: type[Row]
    due_column, tries_column = "due_at", "tries"  # tries_column: "" if they are not counted
    guard_column = "due_at"  # shows whether the row has changed since it was read

    def __init__(self, connection: MailerConnection | None = None) -> None:
        self.connection = connection or MailerConnection()

    def due_rows(self, now: datetime) -> QuerySet[Row]:
        """Oldest first. A mail that was tried before is older than its due time, which the claim has moved."""
        due = self.model._default_manager.filter(is_due(self.due_column, now))
        return due.order_by(f"-{self.tries_column}", self.due_column, "pk")

    def is_wanted(self, row: Row, now: datetime) -> bool:
        """Whether to send the mail of a due row now; if not, the row stays as it is."""
        return True

    @abstractmethod
    def build(self, row: Row, now: datetime) -> tuple[Mail, dict[str, object]]:
        """The mail, and the columns to set once it is sent. Raises ValueError if it cannot be built.

        row: read again after the claim.
        """

    @abstractmethod
    def retry(self, row: Row, failure: SendFailure, now: datetime) -> Retry:
        """When to retry after a failure."""

    def log(self, row: Row, error: Exception, retry: Retry) -> None:
        """Log a failure, without addresses."""
        log = logging.getLogger(type(self).__module__)
        log.warning("%s: row %s was not sent: %s", type(self).__name__, row.pk, error_summary(error))

    def hand_over(self, message: Mail, before_leaving: Callable[[], object]) -> None:
        """Send a message; raises the mailer's errors, or NotSent.

        before_leaving: called before the server may have the message, again before it gets another connection.
        """
        self.connection.hand_over(message, before_leaving)

    def close(self) -> None:
        self.connection.close()

    def claimed_columns(self, now: datetime) -> dict[str, object]:
        return {self.due_column: now + CLAIM_DURATION}

    def leaving_columns(self, now: datetime) -> dict[str, object]:
        return self.claimed_columns(now)

    def retry_columns(self, at: datetime) -> dict[str, object]:
        return {self.due_column: at}

    def dequeue(self, row: Row, values: dict[str, object]) -> bool:
        """Remove the row from the queue; False if it has changed."""
        return self._update_unchanged(row, {self.due_column: None} | values)

    def give_up(self, row: Row, error: Exception, now: datetime) -> bool:
        """Called when a mail will not be retried; False if the row has changed."""
        return self.dequeue(row, {})

    def send_due(self, now: datetime) -> int:
        """Send due mails until the server is unreachable or RUN_SECONDS have passed; return how many were sent."""
        sent, began = 0, time.monotonic()
        with closing(self):
            for row in self.due_rows(now)[:ROWS_PER_RUN]:
                result = self.send(row, now + _elapsed(began))
                sent += result is SendResult.SENT
                if result is SendResult.NO_SERVER or time.monotonic() - began > RUN_SECONDS:
                    break
        return sent

    def send(self, row: Row, now: datetime) -> SendResult:
        began = time.monotonic()
        if not self.is_wanted(row, now) or not self.claim(row, now):
            return SendResult.NOT_TAKEN
        try:
            message, values = self.build(row, now)
            self.hand_over(message, lambda: self._renew_claim(row, now + _elapsed(began)))
        except mailer_errors(NotSent, ValueError) as error:
            self._fail(row, error, now)
            return SendResult.NO_SERVER if is_unreachable(error) else SendResult.FAILED
        self.dequeue(row, values)
        return SendResult.SENT

    def claim(self, row: Row, now: datetime) -> bool:
        """Claim a row and read it again; False if another worker was first."""
        tries = {self.tries_column: getattr(row, self.tries_column) + 1} if self.tries_column else {}
        with transaction.atomic():  # the row cannot be deleted between the two
            taken = self._update_unchanged(row, self.claimed_columns(now) | tries)
            if taken:
                row.refresh_from_db()
        return taken

    def _renew_claim(self, row: Row, now: datetime) -> None:
        """Renew the claim. Raises NotSent if the row has changed."""
        values = self.leaving_columns(now)
        if not self._update_unchanged(row, values):
            raise NotSent(SendFailure.TEMPORARY, "taken over meanwhile")
        for name, value in values.items():
            setattr(row, name, value)

    def unchanged(self, row: Row) -> QuerySet[Row]:
        """The row, or nothing if it has changed since it was read."""
        return self.model._default_manager.filter(pk=row.pk, **{self.guard_column: getattr(row, self.guard_column)})

    def _fail(self, row: Row, error: Exception, now: datetime) -> None:
        retry = self.retry(row, classify_error(error), now)
        self.log(row, error, retry)
        tries = {self.tries_column: retry.tries} if self.tries_column else {}
        with transaction.atomic():
            if retry.due_at is not None:
                self._update_unchanged(row, self.retry_columns(with_jitter(retry.due_at, now)) | tries)
            else:
                self.give_up(row, error, now)

    def _update_unchanged(self, row: Row, values: dict[str, Any]) -> bool:
        return bool(self.unchanged(row).update(**values))


class AtMostOnceMailQueue[Row: Model](MailQueue[Row]):
    """A mail that is never sent twice: `sent_column` is set before it leaves.

    If a worker dies after that, or the server's reply is lost, the mail may be lost. A definite refusal clears the
    column.
    """

    sent_column: ClassVar[str]

    def leaving_columns(self, now: datetime) -> dict[str, object]:
        return {self.due_column: None, self.sent_column: now}

    def retry_columns(self, at: datetime) -> dict[str, object]:
        return {self.due_column: at, self.sent_column: None}

    def unchanged(self, row: Row) -> QuerySet[Row]:
        return super().unchanged(row).filter(**{self.sent_column: getattr(row, self.sent_column)})

    def _fail(self, row: Row, error: Exception, now: datetime) -> None:
        """Retry only if no server can have the mail."""
        if getattr(row, self.sent_column) is None or is_refusal(error):
            super()._fail(row, error, now)
            return
        self.log(row, error, Retry(None, getattr(row, self.tries_column)))
        with transaction.atomic():
            self.give_up(row, error, now)


def send_next_of(kinds: Iterable[MailQueue[Any]], now: datetime) -> bool:
    """Send one mail of the first kind that has one; False if none is due or the server is unreachable."""
    for kind in kinds:
        for row in kind.due_rows(now)[:ROWS_TRIED]:
            result = kind.send(row, now)
            if result is not SendResult.NOT_TAKEN:
                return result is not SendResult.NO_SERVER
    return False


def _elapsed(began: float) -> timedelta:
    return timedelta(seconds=int(time.monotonic() - began))


def backoff(tries: int, at_most: timedelta = DELAY_MAX) -> timedelta:
    """Exponential backoff: a minute after the first try, then doubled."""
    doublings = min(tries - 1, 16)  # avoids an overflow of timedelta
    return min(BACKOFF_MIN * (1 << doublings), at_most)


def with_jitter(at: datetime, now: datetime) -> datetime:
    """`at`, delayed by up to JITTER of the wait."""
    late = (at - now) * random.uniform(0, JITTER)  # noqa: S311 - nobody gains by guessing it
    return min(at + late, now + DELAY_MAX)
