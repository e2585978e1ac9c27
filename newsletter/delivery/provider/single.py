"""How one message is handed to a provider, and what its answer means.

The one question that matters is whether the provider may have the message. An answer settles it;
so does a connection that broke before the body was handed over. Between the two lies UNCERTAIN,
which is never sent again by itself (docs/sending.md).
"""

import re
import smtplib
from contextlib import suppress
from email.policy import SMTP
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from django.core.mail import mailers
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend

from newsletter.mail.mailers import mailer_errors
from newsletter.mail.message import Mail

if TYPE_CHECKING:
    from anymail.exceptions import AnymailAPIError

LEADING_DOT = re.compile(rb"(?m)^\.")  # doubled on the wire: RFC 5321 section 4.5.2
# Codes of the answer, and names of what the client raises before it asks.
# Source: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html (errors),
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html, botocore/exceptions.py.
AMAZON_LATER = {
    "LimitExceededException",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "ConnectTimeoutError",
    "EndpointConnectionError",
}
AMAZON_REFUSES = {
    "AccountSuspendedException",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "MailFromDomainNotVerifiedException",
    "NotFoundException",
    "SendingPausedException",
    "UnrecognizedClientException",
    "NoCredentialsError",
    "NoRegionError",
    "PartialCredentialsError",
}
FINAL_REPLY_SECONDS = 600  # RFC 5321 section 4.5.3.2.6: the answer to the final dot may take ten minutes


class Answer(StrEnum):
    SENT = "sent"
    FAILED = "failed"  # a definite no to this reader
    DEFERRED = "deferred"  # not now for this reader
    UNCERTAIN = "uncertain"  # handed over, no answer


class Outcome(NamedTuple):
    """What became of one message."""

    answer: Answer
    reply: str = ""  # the provider's last words
    provider_id: str = ""


class ProviderAway(Exception):
    """The provider cannot be reached, or takes nothing now. The message was certainly not handed over."""


class ProviderRefuses(Exception):
    """The provider refuses us as a whole: login, sender or key. The message was certainly not handed over."""


class HandOverForbidden(Exception):
    """The rows are no longer this worker's to hand over. The message was certainly not handed over."""


class Transport(Protocol):
    def send(self, message: Mail) -> Outcome:
        """Hand over one message. Raises ProviderAway or ProviderRefuses when it was certainly not handed over."""

    def close(self) -> None: ...


def transport_for(alias: str) -> Transport:
    """Return the transport for a mailer of settings.MAILERS."""
    backend = mailers[alias]
    return SmtpTransport(backend) if isinstance(backend, SmtpBackend) else DjangoTransport(backend)


class SmtpTransport:
    """One kept connection, one message in flight. Opened by Django's backend: TLS, login and options are its."""

    def __init__(self, backend: SmtpBackend) -> None:
        self.backend = backend

    def send(self, message: Mail) -> Outcome:
        body = message.message(policy=SMTP).as_bytes()
        sender, recipient = map(self.backend.prep_address, (message.from_email, message.to[0]))
        fresh = self._open()
        try:
            refusal = self._envelope(sender, recipient)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self.close()
            if fresh:
                raise ProviderAway(f"the connection broke: {error}") from error
            self._open()  # a kept connection may have been closed while it was idle
            refusal = self._envelope_once(sender, recipient)
        return refusal or self._hand_over(body)

    def close(self) -> None:
        """Say goodbye and close the socket, whatever state the connection is in."""
        for name in ("connection", "_partial_connection"):  # the second failed while it was opened
            connection: smtplib.SMTP | None = getattr(self.backend, name)
            setattr(self.backend, name, None)
            if connection is not None:
                with suppress(smtplib.SMTPException, OSError):
                    connection.quit()
                connection.close()

    def _open(self) -> bool:
        try:
            return bool(self.backend.open())
        except smtplib.SMTPAuthenticationError as error:
            self.close()
            raise ProviderRefuses(_words(error.smtp_code, error.smtp_error)) from error
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise ProviderAway(str(error) or type(error).__name__) from error

    def _envelope_once(self, sender: str, recipient: str) -> Outcome | None:
        try:
            return self._envelope(sender, recipient)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self.close()
            raise ProviderAway(f"the connection broke: {error}") from error

    def _envelope(self, sender: str, recipient: str) -> Outcome | None:
        """Ask with MAIL, RCPT and DATA; return the refusal, or None when the body may follow."""
        connection = self._connection
        connection.ehlo_or_helo_if_needed()
        code, words = connection.mail(sender)
        if code != 250:
            self._sender_refused(code, words)
        code, words = connection.rcpt(recipient)
        if code not in (250, 251):
            return self._refused(code, words)
        code, words = connection.docmd("DATA")
        return None if code == 354 else self._refused(code, words)

    def _hand_over(self, body: bytes) -> Outcome:
        """Send the body and the final dot; from here on a silence is uncertain."""
        connection = self._connection
        try:
            if connection.sock is not None:
                connection.sock.settimeout(FINAL_REPLY_SECONDS)
            connection.send(LEADING_DOT.sub(b"..", body) + b".\r\n")
            code, words = connection.getreply()
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            return Outcome(Answer.UNCERTAIN, f"no answer after the message: {error}"[:500])
        if connection.sock is not None:
            connection.sock.settimeout(self.backend.timeout)
        return Outcome(Answer.SENT, _words(code, words)) if code == 250 else self._refused(code, words)

    def _refused(self, code: int, words: bytes) -> Outcome:
        """Return the answer for this reader; the next message begins on a clean connection."""
        if code == 421:
            self.close()
            raise ProviderAway(_words(code, words))
        with suppress(smtplib.SMTPServerDisconnected):
            self._connection.rset()
        return Outcome(Answer.FAILED if code >= 500 else Answer.DEFERRED, _words(code, words))

    def _sender_refused(self, code: int, words: bytes) -> None:
        self.close()
        problem = ProviderRefuses if code >= 500 else ProviderAway
        raise problem(_words(code, words))

    @property
    def _connection(self) -> smtplib.SMTP:
        connection: smtplib.SMTP | None = self.backend.connection
        if connection is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        return connection


def _words(code: int, words: bytes | str) -> str:
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return f"{code} {text}"[:500]


def close_quietly(backend: SmtpBackend) -> None:
    """Close a backend whose opening failed half-way."""
    for name in ("connection", "_partial_connection"):
        connection: smtplib.SMTP | None = getattr(backend, name)
        setattr(backend, name, None)
        if connection is not None:
            connection.close()


class DjangoTransport:
    """Any other mailer, message by message: the outbox, an e-mail API."""

    def __init__(self, backend: BaseEmailBackend) -> None:
        self.backend = backend

    def send(self, message: Mail) -> Outcome:
        try:
            self.backend.send_messages([message])
        except mailer_errors() as error:
            return _mailer_answer(error)
        return Outcome(Answer.SENT, provider_id=_provider_id(message))

    def close(self) -> None:
        self.backend.close()


def _mailer_answer(error: Exception) -> Outcome:
    """Sort what a mailer raised. Raises ProviderAway or ProviderRefuses for what was not taken."""
    from anymail import exceptions as anymail  # noqa: PLC0415 - as mailer_errors does

    match error:
        case anymail.AnymailRecipientsRefused() | anymail.AnymailInvalidAddress() | anymail.AnymailSerializationError():
            return Outcome(Answer.FAILED, _first_line(error))
        case anymail.AnymailAPIError():
            return api_answer(error)
        case anymail.AnymailUnsupportedFeature() | anymail.AnymailConfigurationError():
            raise ProviderRefuses(_first_line(error)) from error
        case OSError():  # the outbox, on a full disk: the same Message-ID never makes a second file
            raise ProviderAway(_first_line(error)) from error
    raise error


def api_answer(error: "AnymailAPIError") -> Outcome:
    """Sort what an e-mail API said, or did not say. Raises ProviderAway or ProviderRefuses for what was not taken."""
    status, code, words = error.status_code, "", _first_line(error)
    if status is None:
        if _never_connected(error.__cause__):
            raise ProviderAway(words) from error
        status, code = _amazon_said(error.__cause__)
    if status == 429 or code in AMAZON_LATER:
        raise ProviderAway(words) from error
    if status in (401, 403) or code in AMAZON_REFUSES:
        raise ProviderRefuses(words) from error
    return Outcome(Answer.FAILED if 400 <= status < 500 else Answer.UNCERTAIN, words)


def _amazon_said(cause: BaseException | None) -> tuple[int, str]:
    """Return HTTP status and code of an error of Amazon's client, which has no status_code; 0 if nobody answered."""
    said = getattr(cause, "response", None)
    if not isinstance(said, dict):
        return 0, type(cause).__name__
    return int(said.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)), str(said.get("Error", {}).get("Code", ""))


def _never_connected(cause: BaseException | None) -> bool:
    """Return whether a request failed before a connection stood: refused, no such host, or nobody there in time."""
    if type(cause).__name__ == "ConnectTimeout":  # of requests
        return True
    reason = getattr(cause.args[0], "reason", None) if cause is not None and cause.args else None
    return type(reason).__name__ in {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]


def _provider_id(message: Mail) -> str:
    status = getattr(message, "anymail_status", None)
    return str(getattr(status, "message_id", None) or "")[:200]
