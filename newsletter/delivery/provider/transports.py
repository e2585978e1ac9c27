"""How single messages are handed over: test copies and welcomes, and mailings of a mailer that takes no batches."""

import math
import re
import time
from email.policy import SMTP
from functools import partial
from typing import Protocol

from django.core.mail import mailers
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend

from newsletter.delivery.provider.interruptible import StopDeadline
from newsletter.delivery.provider.outcomes import (
    Answer,
    Outcome,
    ProviderAway,
    ProviderRefuses,
    Refusals,
    mailer_answer,
)
from newsletter.delivery.provider.smtp_connection import Envelope
from newsletter.delivery.provider.smtp_pool import Load, Switchboard
from newsletter.mail.mailers import TIMEOUT_SECONDS, mailer_errors
from newsletter.mail.message import Mail

LEADING_DOT = re.compile(rb"(?m)^\.")  # doubled on the wire: RFC 5321 section 4.5.2
TIMEOUTS = 2  # of the mailer: one for connecting, one until the message is handed over; somebody waits for it


class Transport(Protocol):
    def send(self, message: Mail) -> Outcome:
        """Hand over one message. Raises ProviderAway or ProviderRefuses when it was certainly not handed over."""

    def close(self) -> None: ...


def transport_for(alias: str) -> Transport:
    backend = mailers[alias]
    return SmtpTransport(alias) if isinstance(backend, SmtpBackend) else DjangoTransport(backend)


def smtp_backend(alias: str) -> SmtpBackend:
    """Return a backend of its own for one connection to the SMTP server of a mailer."""
    backend = mailers[alias]
    assert isinstance(backend, SmtpBackend)  # noqa: S101 - who asks has looked
    return backend


class SmtpTransport:
    """One message after the other over one kept connection, by the pool that mailings use."""

    def __init__(self, alias: str) -> None:
        self.alias, self.stop_deadline = alias, StopDeadline()
        self.stop_deadline.is_stopping = lambda: time.monotonic() > self.until
        self.until = math.inf  # when a message that is not handed over yet is given up
        self.board = self._board()

    def _board(self) -> Switchboard:
        return Switchboard(
            partial(smtp_backend, self.alias),
            sender="",
            load=Load(lines=1),
            on_dot=self._hand_over,
            stop_deadline=self.stop_deadline,
        )

    def send(self, message: Mail) -> Outcome:
        backend, octets = smtp_backend(self.alias), message.message(policy=SMTP).as_bytes()
        sender, reader = map(backend.prep_address, (message.from_email, message.to[0]))
        self.until = time.monotonic() + TIMEOUTS * (backend.timeout or TIMEOUT_SECONDS)
        self.board.refusals = Refusals()  # each message stands for itself
        envelope, outcome = Envelope(0, reader, LEADING_DOT.sub(b"..", octets), sender), None
        try:
            for _seq, reported in self.board.deliver(iter([envelope])):
                outcome = reported
        except (ProviderAway, ProviderRefuses):
            self.close()
            self.board = self._board()
            if outcome is None or outcome.answer is not Answer.UNCERTAIN:
                raise
        if outcome is None:
            raise ProviderAway("no answer in time")
        return outcome

    def _hand_over(self, _seq: int) -> bool:
        """Wait for the answer from here on as long as it takes: nobody knows without it whether the server has it."""
        self.until = math.inf
        return True

    def close(self) -> None:
        self.board.close()


class DjangoTransport:
    """Any other mailer, message by message: the outbox, an e-mail API."""

    def __init__(self, backend: BaseEmailBackend) -> None:
        self.backend = backend

    def send(self, message: Mail) -> Outcome:
        try:
            self.backend.send_messages([message])
        except mailer_errors() as error:
            return mailer_answer(error)
        return Outcome(Answer.SENT, provider_id=_provider_id(message))

    def close(self) -> None:
        self.backend.close()


def _provider_id(message: Mail) -> str:
    status = getattr(message, "anymail_status", None)
    return str(getattr(status, "message_id", None) or "")[:200]
