"""Who carries the messages of a mailing: one courier for each kind of provider.

smtp     a compiled template over several kept connections
api      calls for many readers each, to an e-mail API that can (sending/api_courier.py)
django   any other mailer, the outbox too, message by message
"""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, Protocol

from django.conf import settings
from django.core.mail import mailers
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend

from newsletter.delivery.ledger.claims import Row
from newsletter.delivery.letter import rendering
from newsletter.delivery.letter.compiled import Compiled, copy_token_maker
from newsletter.delivery.models import Mailing
from newsletter.delivery.provider.growth import Connections
from newsletter.delivery.provider.interruptible import StopDeadline
from newsletter.delivery.provider.outcomes import Answer, HandOverForbidden, Outcome, ProviderRefuses, Refusals
from newsletter.delivery.provider.smtp_connection import Envelope
from newsletter.delivery.provider.smtp_pool import Load, Switchboard
from newsletter.delivery.provider.transports import DjangoTransport, smtp_backend
from newsletter.delivery.sending.api_courier import FIRST_CALLS, MOST_CALLS, ApiCourier, hindrance
from newsletter.mail import headers
from newsletter.mail.mailers import Limits

log = logging.getLogger(__name__)

FIRST_LINES, MOST_LINES = 4, 128  # SMTP connections of a lane: to begin with, and where the server keeps pace
USUAL = Load(MOST_LINES, first=FIRST_LINES)
WINDOW_SECONDS = 0.04  # several waits for a disk
WINDOW_MIN, WINDOW_FIRST = 20, 100  # rows
# By Anymail's esp_name: whom a copy's token goes along with, to come back in reports. The others refuse metadata.
TAKE_METADATA = frozenset(
    {"Amazon SES", "Brevo", "Mailgun", "Mailjet", "Mailtrap", "Mandrill", "Postmark", "Resend", "SendGrid"}
    | {"SparkPost", "Unisender Go"}
)
LINES_FOR_RATE = 64  # at the most, when a rate says how many are needed


class Reports(NamedTuple):
    """What a courier calls while messages are on their way, sooner than `deliver` yields.

    on_answer: with what became of a row, before its connection goes on.
    on_throttling: with the reply of a server that takes no more on a connection.
    """

    on_answer: Callable[[int, Outcome], None] = lambda _seq, _outcome: None
    on_throttling: Callable[[str], None] = lambda _words: None


NO_REPORTS = Reports()


class Courier(Protocol):
    stop_deadline: StopDeadline  # limits the wait for replies after a stop

    @property
    def window(self) -> int:
        """Return how many rows to intend at once."""

    def deliver(
        self, rows: Iterator[Row], on_hand_over: Callable[[int], bool], reports: Reports = NO_REPORTS, /
    ) -> Iterator[tuple[int, Outcome]]:
        """Hand over a message for each row; yield seq and outcome as they become known.

        on_hand_over: called with the seq just before the message may reach the provider; returns False if it must not.
        reports: called with more than that; a courier with one message in flight needs none.
        A row without an outcome was certainly not handed over. Raises ProviderAway or ProviderRefuses when the
        provider takes no more, HandOverForbidden when nothing may leave: each after the last outcome.
        """

    def close(self) -> None: ...


type Learnt = dict[tuple[int, str], Connections]  # by mailing and mailer: what a lane leaves to the next


def courier_for(alias: str, mailing: Mailing, learnt: Learnt | None = None) -> Courier:
    """Return the courier for a mailer of settings.MAILERS. learnt: kept by the caller for the next courier."""
    backend, known, key = mailers[alias], {} if learnt is None else learnt, (mailing.pk, alias)
    if isinstance(backend, SmtpBackend):
        load = load_of(alias)
        return SmtpCourier(alias, mailing, load, known.setdefault(key, load.connections()))
    if reason := hindrance(backend, mailing):
        log.info("mailing %s goes message by message: %s", mailing.pk, reason)
        return DjangoCourier(alias, mailing)
    return ApiCourier(alias, mailing, known.setdefault(key, calls_of(alias).connections()))


def load_of(alias: str) -> Load:
    """Return how much of a mailer's SMTP server may be used at once; with a rate, as many lines as it needs."""
    limits, rate = _limits(alias)
    if limits.lines or rate:
        return Load(limits.lines or LINES_FOR_RATE, limits.per_connection, rate)
    return USUAL._replace(per_connection=limits.per_connection)


def calls_of(alias: str) -> Load:
    """Return how many calls of a mailer's e-mail API may be under way at once; with a rate, as many as it needs."""
    limits, rate = _limits(alias)
    return Load(limits.lines or MOST_CALLS, rate=rate, first=None if limits.lines or rate else FIRST_CALLS)


def _limits(alias: str) -> tuple[Limits, float | None]:
    limits: Limits = settings.MAILERS[alias].get("LIMITS", Limits())
    return limits, min([rate for rate in (settings.SEND_RATE, limits.rate) if rate], default=None)


def unmailable(problem: ValueError) -> Outcome:
    """Return the outcome for a reader whose address or name can be in no message."""
    return Outcome(Answer.FAILED, str(problem)[:500])


class DjangoCourier:
    """One message after the other, built by the e-mail classes."""

    window = 1

    def __init__(self, alias: str, mailing: Mailing) -> None:
        self.transport, self.stop_deadline = DjangoTransport(mailers[alias]), StopDeadline()
        self.mailing, self.refusals = mailing, Refusals(believes=mailing.believes_refusals)
        takes_metadata = getattr(mailers[alias], "esp_name", "") in TAKE_METADATA
        self.token = copy_token_maker(mailing) if takes_metadata else None

    def deliver(
        self, rows: Iterator[Row], on_hand_over: Callable[[int], bool], _reports: Reports = NO_REPORTS, /
    ) -> Iterator[tuple[int, Outcome]]:
        for row in rows:
            try:
                message: Any = rendering.copy_for(self.mailing, row.reader, ids=(self.mailing.pk, row.seq))
            except ValueError as problem:
                yield row.seq, unmailable(problem)
                continue
            if self.token:
                message.metadata = {"delivery": self.token(row.seq)}
            if not on_hand_over(row.seq):
                raise HandOverForbidden
            yield from self._known(row.seq, self.stop_deadline.answer(partial(self.transport.send, message)))
            if self.refusals.problem:
                raise self.refusals.problem
        yield from self.refusals.release()

    def _known(self, seq: int, outcome: Outcome) -> Iterator[tuple[int, Outcome]]:
        """Yield what is known by now: a refusal that may be about us has to wait."""
        if outcome.answer is Answer.SENT:
            yield from self.refusals.end()
        if not self.refusals.keep(seq, outcome):
            yield seq, outcome

    def close(self) -> None:
        self.transport.close()


class SmtpCourier:
    """Compiled messages over several connections."""

    window_max = 500

    def __init__(
        self, alias: str, mailing: Mailing, load: Load = USUAL, connections: Connections | None = None
    ) -> None:
        self.alias, self.mailing, self.load = alias, mailing, load
        self.connections = connections or load.connections()
        self.compiled = Compiled(mailing)
        self.board: Switchboard | None = None
        self.stop_deadline = StopDeadline()

    def deliver(
        self, rows: Iterator[Row], on_hand_over: Callable[[int], bool], reports: Reports = NO_REPORTS, /
    ) -> Iterator[tuple[int, Outcome]]:
        self._prove()
        failed: list[tuple[int, Outcome]] = []
        board = self._opened()
        board.on_dot, board.on_answer, board.report_throttling = on_hand_over, *reports
        yield from board.deliver(self._envelopes(rows, failed))
        yield from failed

    @property
    def window(self) -> int:
        """Return how many rows leave within a moment.

        Fewer would have the wire wait for the disk; with more, more would be uncertain should the machine be lost.
        """
        rate = self.board.pool.rate if self.board else WINDOW_FIRST / WINDOW_SECONDS
        tens = int(rate * WINDOW_SECONDS) // 10 * 10  # SQLite keeps a statement for each number of rows
        return min(max(WINDOW_MIN, tens), self.window_max)

    def _prove(self) -> None:
        """Refuse to begin with a template that does not say what was approved; once for each courier."""
        if self.board is None and (difference := self.compiled.difference(self.mailing)):
            raise ProviderRefuses(difference)

    def _envelopes(self, rows: Iterator[Row], failed: list[tuple[int, Outcome]]) -> Iterator[Envelope]:
        for row in rows:
            try:
                envelope = self.compiled.envelope(row)
            except ValueError as problem:
                failed.append((row.seq, unmailable(problem)))
            else:
                yield envelope

    def _opened(self) -> Switchboard:
        """Return the lines, kept from batch to batch."""
        if self.board is None:
            self.board = Switchboard(
                partial(smtp_backend, self.alias),
                sender=headers.ascii_address(self.mailing.sender_email),
                load=self.load,
                stop_deadline=self.stop_deadline,
            )
            self.board.pool.connections = self.connections
            self.board.refusals.believes = self.mailing.believes_refusals
        return self.board

    def close(self) -> None:
        if self.board is not None:
            lines, rate = len(self.board.pool.lines), self.board.pool.rate
            log.info("mailing %s: %d connections at the end, %.0f messages/s", self.mailing.pk, lines, rate)
            self.board.close()
