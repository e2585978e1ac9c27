"""Mail that a row says is due: claim the row, send the mail, write down what came of it. The rows are the queue.

Each kind of such mail is a subclass of DueMail. It says which column of its rows holds the time, what the mail says,
and what is written when it was sent or given up; the rest is the same for all (docs/decisions/0057).
"""

import fcntl
import os
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from pathlib import Path
from smtplib import SMTP
from typing import Any, BinaryIO, NamedTuple
from uuid import uuid4

from django.conf import settings
from django.core import mail
from django.core.mail.backends.smtp import EmailBackend
from django.db import transaction
from django.db.models import Model, Q, QuerySet

from newsletter.mail.mailers import mailer_errors
from newsletter.mail.message import Mail
from newsletter.mail.replies import NotSent, Trouble, is_unreachable, trouble

MAILER = "default"
LEASE = timedelta(minutes=10)  # a worker that has not sent a mail by then is dead, and another tries
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
EMPTY_SECONDS = 60  # after which nobody will write into a claim's file any more
KEPT, MAY_HAVE_LEFT = b".", b"!"  # the first byte of a claim's file
BACK_OFF, BACK_OFF_MAX = timedelta(minutes=1), timedelta(hours=1)
JITTER = 0.1  # of a wait, at most: mails that failed together are not tried together
LONGEST = timedelta(hours=4)  # that a mail is put off
CLOCK_SLACK = timedelta(minutes=1)  # that the clocks of machines may differ
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


def is_due(column: str, now: datetime) -> Q:
    """Return what holds for rows whose time has come: also for one that a clock wrote that was ahead."""
    return Q(**{f"{column}__lte": now}) | Q(**{f"{column}__gt": now + LONGEST + CLOCK_SLACK})


class DueMail[Row: Model](ABC):
    """One kind of mail, sent from the rows of one model.

    A mail is due while its row has a time in the column `due_at` that has come; the column is empty when nothing is
    to be sent. Whoever moves that time on has claimed the mail: by one conditional UPDATE, so that of two workers one
    wins, on SQLite and on PostgreSQL, and no lock is held while a server is waited for. A worker that dies leaves the
    mail to the next run if no server can have it yet (`release_dead`), otherwise to the next after LEASE. What came
    of it is written only if the row is as it was claimed: who has asked again, left or taken it over since is not
    overruled.
    A mail is sent once, unless a worker dies between the server's answer and the commit, or the answer never comes:
    then once more, with the same Message-ID.
    """

    model: type[Row]
    due_at, tries = "due_at", "tries"  # columns; a kind whose tries need not be counted has none: ""
    guard = "due_at"  # the column whose value shows that nobody else has moved the row since it was read
    is_leased = True  # a claim ends after LEASE; otherwise what is claimed is not sent again

    # --- What a kind says ---

    def waiting(self, now: datetime) -> QuerySet[Row]:
        """Return the rows whose mail is due, first come first served."""
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
            if isinstance(mailer, EmailBackend) and mailer.connection:
                _call_before_data(mailer.connection, before_leaving)
            else:
                before_leaving()
            mailer.send_messages([message])
        finally:
            mailer.close()

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
        release_dead([self], now)
        for row in _first(self.waiting(now), AT_ONCE):
            result = self.send(row, now)
            sent += result is Result.SENT
            if result is Result.NO_SERVER or time.monotonic() - began > RUN_SECONDS:
                break
        return sent

    def send(self, row: Row, now: datetime) -> Result:
        """Claim a row, send its mail, and write down what came of it."""
        if not self.is_wanted(row, now) or not self.claim(row, now):
            return Result.NOT_TAKEN
        with self._claim_file(row) as before_leaving:
            try:
                message, values = self.write(row, now)
                self.hand_over(message, before_leaving)
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

    @contextmanager
    def _claim_file(self, row: Row) -> Iterator[Callable[[], object]]:
        """Hold a file locked while the mail of a claimed row is sent; yield what marks that it may have left.

        However a process dies, the system ends its locks, and `release_dead` finds the file. A disk that is full
        stops no mail: its claim ends by the lease alone.
        """
        file = _locked_file(self.name, row.pk, getattr(row, self.due_at)) if self.is_leased else None
        if file is None:
            yield lambda: None
            return
        with file:
            try:
                yield partial(os.pwrite, file.fileno(), MAY_HAVE_LEFT, 0)
            finally:
                Path(file.name).unlink(missing_ok=True)

    @property
    def name(self) -> str:
        """Return what names the kind in a claim's file."""
        return f"{self.model._meta.label}.{self.due_at}"

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


def release_dead(kinds: Iterable[DueMail[Any]], now: datetime) -> int:
    """Make mails due whose worker on this machine died before any server can have had them; return how many.

    The files of claims say so: one that is not locked has no owner any more. What may have left, and what was
    claimed before the machine started anew (its last marks may be lost), waits for the lease.
    """
    by_name = {kind.name: kind for kind in kinds}
    return sum(_release(path, by_name, now) for path in settings.LOCK_DIR.glob("mail-*"))


def _release(path: Path, kinds: dict[str, DueMail[Any]], now: datetime) -> bool:
    with suppress(OSError), path.open("rb") as file:  # locked by its owner, or gone meanwhile
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        claim = Claim.read(file.read())
        if claim is None:  # its owner has just made it, or died then
            if time.time() - path.stat().st_mtime > EMPTY_SECONDS:
                path.unlink()
            return False
        if claim.kind not in kinds:
            return False
        kind, until = kinds[claim.kind], datetime.fromisoformat(claim.until)
        path.unlink()
        if claim.mark == KEPT.decode() and claim.boot == _boot():
            claimed = kind.model._default_manager.filter(pk=claim.pk, **{kind.due_at: until})
            return bool(claimed.update(**{kind.due_at: now}))
    return False


class Claim(NamedTuple):
    """What the file of a claim says, parted by spaces. until: what the claim wrote into the row's column."""

    mark: str
    boot: str
    kind: str
    pk: str
    until: str

    @classmethod
    def read(cls, octets: bytes) -> "Claim | None":
        """Return what a file says; None for one that is not whole."""
        words = octets.decode(errors="replace").split()
        with suppress(ValueError):
            if len(words) == len(cls._fields) and datetime.fromisoformat(words[-1]).tzinfo:
                return cls(*words)
        return None


def _locked_file(kind: str, pk: object, until: datetime) -> BinaryIO | None:
    """Return a new claim's file, locked; None if there can be none."""
    claim = Claim(KEPT.decode(), _boot(), kind, str(pk), until.isoformat())
    if not claim.boot:
        return None
    with suppress(OSError):
        settings.LOCK_DIR.mkdir(parents=True, exist_ok=True)
        file: BinaryIO = (settings.LOCK_DIR / f"mail-{uuid4().hex}").open("xb", buffering=0)
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(" ".join(claim).encode())
        return file
    return None


def _boot() -> str:
    """Return what names this boot of this machine; "" where the system has none."""
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""


def _call_before_data(connection: SMTP, before_leaving: Callable[[], object]) -> None:
    """Have a function called before the connection sends a message: until DATA no server can have any of it."""
    send = connection.data

    def data(message: Any) -> tuple[int, bytes]:
        before_leaving()
        return send(message)

    connection.data = data  # type: ignore[assignment, method-assign]  # it sends one message


def send_first(kinds: Iterable[DueMail[Any]], now: datetime) -> bool:
    """Send one mail, of the first kind that has one; return whether to go on, as `DueMail.send_next` does."""
    for kind in kinds:
        for row in _first(kind.waiting(now), CANDIDATES):
            result = kind.send(row, now)
            if result is not Result.NOT_TAKEN:
                return result is not Result.NO_SERVER
    return False


def _first[Row: Model](rows: QuerySet[Row], most: int) -> Iterable[Row]:
    """Return the first of these rows. Nearly always there is none, and to ask for that alone costs a third."""
    return rows[:most] if rows.exists() else ()


def doubled(tries: int, at_most: timedelta = LONGEST) -> timedelta:
    """Return how long to wait after try number `tries`: a minute, and each time twice as long."""
    doublings = min(tries - 1, 16)  # many more, and the wait is longer than a timedelta holds
    return min(BACK_OFF * (1 << doublings), at_most)


def spread(at: datetime, now: datetime) -> datetime:
    """Return a time up to a tenth of the wait after `at`."""
    late = (at - now) * random.uniform(0, JITTER)  # noqa: S311 - nobody gains by guessing it
    return min(at + late, now + LONGEST)
