"""Couriers send the messages of a mailing: one for each kind of provider.

smtp     a compiled template over several persistent connections
api      batch calls of an e-mail API (sending/api_courier.py)
django   any other mailer, message by message; never the outbox (newsletter/mail/reach.py)
"""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, Protocol

from django.conf import settings
from django.core.mail import mailers
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend

from newsletter.delivery.ledger.claims import DeliveryRow
from newsletter.delivery.letter import rendering
from newsletter.delivery.letter.compiled import CompiledMailing, copy_token_maker
from newsletter.delivery.models import Mailing
from newsletter.delivery.provider.connection_scaling import ConnectionScaler
from newsletter.delivery.provider.outcomes import (
    HandOverForbidden,
    ProviderRejection,
    Refusals,
    SendOutcome,
    SendStatus,
)
from newsletter.delivery.provider.smtp_connection import Envelope
from newsletter.delivery.provider.smtp_pool import ConnectionLimits, SmtpSender
from newsletter.delivery.provider.stoppable_wait import StopControl
from newsletter.delivery.provider.transports import DjangoTransport, backend_factory
from newsletter.delivery.sending.api_courier import FIRST_CALLS, MOST_CALLS, ApiCourier, why_not_batched
from newsletter.mail import headers
from newsletter.mail.mailers import SendLimits

log = logging.getLogger(__name__)

FIRST_CONNECTIONS, MOST_CONNECTIONS = 4, 128  # SMTP connections of a lane: at the start, and at most
DEFAULT_LIMITS = ConnectionLimits(MOST_CONNECTIONS, first=FIRST_CONNECTIONS)
WINDOW_SECONDS = 0.04  # several times the latency of a disk
WINDOW_MIN, WINDOW_FIRST = 20, 100  # rows
# By Anymail's esp_name: providers that return metadata in reports. The others refuse it.
METADATA_PROVIDERS = frozenset(
    {"Amazon SES", "Brevo", "Mailgun", "Mailjet", "Mailtrap", "Mandrill", "Postmark", "Resend", "SendGrid"}
    | {"SparkPost", "Unisender Go"}
)
RATED_CONNECTIONS = 64  # the most connections, if a rate is configured but no number of connections


class CourierCallbacks(NamedTuple):
    """Called while messages are in flight, earlier than `deliver` yields.

    on_reply: with the outcome of a row, before its connection continues.
    on_throttling: with a reply that closes a connection to slow us down.
    """

    on_reply: Callable[[int, SendOutcome], None] = lambda _seq, _outcome: None
    on_throttling: Callable[[str], None] = lambda _words: None


class Courier(Protocol):
    stop_control: StopControl  # limits the wait for replies after a stop
    callbacks: CourierCallbacks  # set by the lane; not used by couriers with one message in flight

    @property
    def window(self) -> int:
        """How many rows one commit, before they are sent, marks as allowed to leave (an intent)."""

    def deliver(
        self, rows: Iterator[DeliveryRow], on_hand_over: Callable[[int], bool], /
    ) -> Iterator[tuple[int, SendOutcome]]:
        """Send a message for each row; yield seqs and outcomes as they arrive.

        on_hand_over: called with the seq just before the provider may get the message; returns False if it must not.
        A row without an outcome was certainly not handed over. Raises ProviderUnavailable, ProviderRejection or
        HandOverForbidden, each after the last outcome.
        """

    def close(self) -> None: ...


type ScalerCache = dict[tuple[int, str], ConnectionScaler]  # by mailing and mailer, passed from lane to lane


def courier_for(alias: str, mailing: Mailing, scalers: ScalerCache | None = None) -> Courier:
    """alias: a key of settings.MAILERS. scalers: updated, for the next courier."""
    backend, known, key = mailers[alias], {} if scalers is None else scalers, (mailing.pk, alias)
    if isinstance(backend, SmtpBackend):
        limits = smtp_limits(alias)
        return SmtpCourier(alias, mailing, limits, known.setdefault(key, limits.scaler()))
    if reason := why_not_batched(backend, mailing):
        log.info("mailing %s goes message by message: %s", mailing.pk, reason)
        return DjangoCourier(alias, mailing)
    return ApiCourier(alias, mailing, known.setdefault(key, api_limits(alias).scaler()))


def smtp_limits(alias: str) -> ConnectionLimits:
    limits, rate = _limits_and_rate(alias)
    if limits.connections or rate:
        return ConnectionLimits(limits.connections or RATED_CONNECTIONS, limits.messages_per_connection, rate)
    return DEFAULT_LIMITS._replace(per_connection=limits.messages_per_connection)


def api_limits(alias: str) -> ConnectionLimits:
    limits, rate = _limits_and_rate(alias)
    first = None if limits.connections or rate else FIRST_CALLS
    return ConnectionLimits(limits.connections or MOST_CALLS, rate=rate, first=first)


def _limits_and_rate(alias: str) -> tuple[SendLimits, float | None]:
    limits: SendLimits = settings.MAILERS[alias].get("LIMITS", SendLimits())
    return limits, min([rate for rate in (settings.SEND_RATE, limits.rate) if rate], default=None)


def unmailable_outcome(problem: ValueError) -> SendOutcome:
    return SendOutcome(SendStatus.FAILED, str(problem)[:500])


class DjangoCourier:
    """One message after the other, built by the e-mail classes."""

    window = 1

    def __init__(self, alias: str, mailing: Mailing) -> None:
        self.transport, self.stop_control = DjangoTransport(backend_factory(alias)()), StopControl()
        self.callbacks = CourierCallbacks()
        self.mailing, self.refusals = mailing, Refusals(dead_are_confirmed=mailing.dead_are_confirmed)
        takes_metadata = getattr(mailers[alias], "esp_name", "") in METADATA_PROVIDERS
        self.token = copy_token_maker(mailing) if takes_metadata else None

    def deliver(
        self, rows: Iterator[DeliveryRow], on_hand_over: Callable[[int], bool], /
    ) -> Iterator[tuple[int, SendOutcome]]:
        for row in rows:
            try:
                message: Any = rendering.build_copy(self.mailing, row.reader, ids=(self.mailing.pk, row.seq))
            except ValueError as problem:
                yield row.seq, unmailable_outcome(problem)
                continue
            if self.token:
                message.metadata = {"delivery": self.token(row.seq)}
            if not on_hand_over(row.seq):
                raise HandOverForbidden
            outcome = self.stop_control.run(partial(self.transport.send, message))
            if outcome.status is SendStatus.SENT:
                yield from self.refusals.reset_and_release()
            if not self.refusals.hold_back(row.seq, outcome):  # perhaps it is about us, not about the reader
                yield row.seq, outcome
            if self.refusals.problem:
                raise self.refusals.problem
        yield from self.refusals.release()

    def close(self) -> None:
        self.transport.close()


class SmtpCourier:
    window_max = 500

    def __init__(
        self,
        alias: str,
        mailing: Mailing,
        limits: ConnectionLimits = DEFAULT_LIMITS,
        scaler: ConnectionScaler | None = None,
    ) -> None:
        self.new_backend, self.mailing, self.limits = backend_factory(alias), mailing, limits
        self.scaler = scaler or limits.scaler()
        self.compiled = CompiledMailing(mailing)
        self.smtp: SmtpSender | None = None
        self.stop_control, self.callbacks = StopControl(), CourierCallbacks()

    def deliver(
        self, rows: Iterator[DeliveryRow], on_hand_over: Callable[[int], bool], /
    ) -> Iterator[tuple[int, SendOutcome]]:
        if self.smtp is None and (difference := self.compiled.describe_difference(self.mailing)):  # checked once
            raise ProviderRejection(difference)
        failed: list[tuple[int, SendOutcome]] = []
        smtp = self._smtp_sender()
        smtp.on_dot, smtp.on_reply, smtp.report_throttling = on_hand_over, *self.callbacks
        yield from smtp.deliver(self._envelopes(rows, failed))
        yield from failed

    @property
    def window(self) -> int:
        """Rows sent within WINDOW_SECONDS.

        With fewer the network waits for the disk; with more, a crash of the machine leaves more deliveries uncertain.
        """
        rate = self.smtp.pool.rate if self.smtp else WINDOW_FIRST / WINDOW_SECONDS
        tens = int(rate * WINDOW_SECONDS) // 10 * 10  # SQLite caches a statement for each number of rows
        return min(max(WINDOW_MIN, tens), self.window_max)

    def _envelopes(self, rows: Iterator[DeliveryRow], failed: list[tuple[int, SendOutcome]]) -> Iterator[Envelope]:
        for row in rows:
            try:
                envelope = self.compiled.envelope(row)
            except ValueError as problem:
                failed.append((row.seq, unmailable_outcome(problem)))
            else:
                yield envelope

    def _smtp_sender(self) -> SmtpSender:
        if self.smtp is None:
            self.smtp = SmtpSender(
                self.new_backend,
                sender=headers.ascii_address(self.mailing.sender_email),
                limits=self.limits,
                stop_control=self.stop_control,
            )
            self.smtp.pool.scaler = self.scaler
            self.smtp.refusals.dead_are_confirmed = self.mailing.dead_are_confirmed
        return self.smtp

    def close(self) -> None:
        if self.smtp is not None:
            connection_count, rate = len(self.smtp.pool.connections), self.smtp.pool.rate
            log.info("mailing %s: %d connections at the end, %.0f messages/s", self.mailing.pk, connection_count, rate)
            self.smtp.close()
