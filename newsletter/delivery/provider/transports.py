"""Transports for single messages: test copies, welcomes, and mailings by a mailer without batches."""

import math
import re
import time
from collections.abc import Callable, Mapping
from email.policy import SMTP
from functools import cache, partial
from typing import Any, Protocol

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend
from django.utils.module_loading import import_string

from newsletter.delivery.provider.outcomes import (
    ProviderRejection,
    ProviderUnavailable,
    Refusals,
    SendOutcome,
    SendStatus,
    mailer_outcome,
)
from newsletter.delivery.provider.smtp_connection import Envelope
from newsletter.delivery.provider.smtp_pool import ConnectionLimits, SmtpSender
from newsletter.delivery.provider.stoppable_wait import StopControl
from newsletter.mail.mailers import TIMEOUT_SECONDS, mailer_errors
from newsletter.mail.message import Mail

LEADING_DOT = re.compile(rb"(?m)^\.")  # dot-stuffing: RFC 5321 section 4.5.2
TIMEOUTS = 2  # times the mailer's timeout: one to connect, one to hand over


class MailTransport(Protocol):
    def send(self, message: Mail) -> SendOutcome:
        """Send one message. Raises ProviderUnavailable or ProviderRejection if it was certainly not handed over."""

    def close(self) -> None: ...


def transport_for(alias: str, entry: Mapping[str, Any] | None = None) -> MailTransport:
    """entry: instead of that of settings.MAILERS."""
    new_backend = backend_factory(alias, entry)
    backend = new_backend()
    return SmtpTransport(new_backend) if isinstance(backend, SmtpBackend) else DjangoTransport(backend)


def backend_factory(alias: str, entry: Mapping[str, Any] | None = None) -> Callable[[], Any]:
    """Return a function that makes backends of the mailer as it is set now. It needs no database: for any thread."""
    entry = entry or settings.MAILERS[alias]
    return partial(_staying(import_string(entry["BACKEND"])), alias=alias, **entry.get("OPTIONS", {}))


@cache
def _staying(backend: type[BaseEmailBackend]) -> type[BaseEmailBackend]:
    """The class of a backend; one that uses HTTP follows no redirect, which could lead into a private network."""
    return type(backend.__name__, (_Staying, backend), {}) if hasattr(backend, "create_session") else backend


class _Staying:
    def create_session(self) -> Any:
        session = super().create_session()  # type: ignore[misc]
        session.hooks["response"].append(_forget_location)
        return session


def _forget_location(response: Any, **_facts: Any) -> None:
    response.headers.pop("Location", None)


class SmtpTransport:
    """One message after the other over one persistent connection."""

    def __init__(self, new_backend: Callable[[], Any]) -> None:
        self.new_backend, self.stop_control = new_backend, StopControl()
        self.stop_control.is_stopping = lambda: time.monotonic() > self.until
        self.until = math.inf  # deadline for the hand-over
        self.smtp = self._new_sender()

    def _new_sender(self) -> SmtpSender:
        return SmtpSender(
            self.new_backend,
            sender="",
            limits=ConnectionLimits(connections=1),
            on_dot=self._hand_over,
            stop_control=self.stop_control,
        )

    def send(self, message: Mail) -> SendOutcome:
        backend, octets = self.new_backend(), message.message(policy=SMTP).as_bytes()
        sender, reader = map(backend.prep_address, (message.from_email, message.to[0]))
        self.until = time.monotonic() + TIMEOUTS * (backend.timeout or TIMEOUT_SECONDS)
        self.smtp.refusals = Refusals()  # messages are independent
        envelope, outcome = Envelope(0, reader, LEADING_DOT.sub(b"..", octets), sender), None
        try:
            for _seq, reported in self.smtp.deliver(iter([envelope])):
                outcome = reported
        except (ProviderUnavailable, ProviderRejection):
            self.close()
            self.smtp = self._new_sender()
            if outcome is None or outcome.status is not SendStatus.UNCERTAIN:
                raise
        if outcome is None:
            raise ProviderUnavailable("no answer in time")
        return outcome

    def _hand_over(self, _seq: int) -> bool:
        """No deadline for the final reply: without it the message would be uncertain."""
        self.until = math.inf
        return True

    def close(self) -> None:
        self.smtp.close()


class DjangoTransport:
    """Any other mailer, message by message: the outbox, an e-mail API."""

    def __init__(self, backend: BaseEmailBackend) -> None:
        self.backend = backend

    def send(self, message: Mail) -> SendOutcome:
        try:
            self.backend.send_messages([message])
        except mailer_errors() as error:
            return mailer_outcome(error)
        status = getattr(message, "anymail_status", None)
        return SendOutcome(SendStatus.SENT, provider_id=str(getattr(status, "message_id", None) or "")[:200])

    def close(self) -> None:
        self.backend.close()
