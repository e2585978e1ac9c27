"""Outcomes of handing a message to a provider: above all, whether the provider may have it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from newsletter.mail.mailers import anymail_exceptions
from newsletter.mail.smtp_replies import RefusalReason, classify_refusal


class SendStatus(StrEnum):
    SENT = "sent"
    FAILED = "failed"  # permanently refused for this reader
    DEFERRED = "deferred"  # temporarily refused for this reader
    UNCERTAIN = "uncertain"  # handed over, no reply


class SendOutcome(NamedTuple):
    status: SendStatus
    reply: str = ""  # the provider's last reply
    provider_id: str = ""


class ProviderUnavailable(Exception):
    """The provider cannot be reached, or accepts nothing now. The message was certainly not handed over."""


class ProviderRejection(Exception):
    """The provider rejects our login, sender or key. The message was certainly not handed over."""


class HandOverForbidden(Exception):
    """The worker has lost its batch. The message was certainly not handed over."""


NEEDS_LOGIN = 530  # RFC 4954 section 6


def smtp_outcome(code: int, reply: bytes) -> SendOutcome:
    """Classify a reply to RCPT, DATA or the final dot: RFC 5321 section 4.2.1."""
    if code < 400:
        return SendOutcome(SendStatus.SENT, reply_line(reply))
    return SendOutcome(SendStatus.FAILED if code >= 500 else SendStatus.DEFERRED, reply_line(reply))


def is_about_sender(command: bytes, code: int) -> bool:
    """Whether a refusal of a command (MAIL, RCPT or DATA) is about the sender, not the reader."""
    return command.startswith(b"MAIL") or code == NEEDS_LOGIN


# Amazon: error codes of the API, and names of exceptions that the client raises before a request.
# Source: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html (errors),
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html, botocore/exceptions.py.
AMAZON_TEMPORARY = {
    *("LimitExceededException", "RequestLimitExceeded", "Throttling", "ThrottlingException"),
    *("TooManyRequestsException", "ConnectTimeoutError", "EndpointConnectionError"),
}
AMAZON_REJECTIONS = {
    *(
        "AccountSuspendedException",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "MailFromDomainNotVerifiedException",
    ),
    *("NotFoundException", "SendingPausedException", "UnrecognizedClientException"),
    *("NoCredentialsError", "NoRegionError", "PartialCredentialsError"),
}


def mailer_outcome(error: Exception) -> SendOutcome:
    """Classify an exception of a mailer. Raises ProviderUnavailable or ProviderRejection."""
    anymail = anymail_exceptions()
    match error:
        case anymail.AnymailRecipientsRefused() | anymail.AnymailInvalidAddress() | anymail.AnymailSerializationError():
            return SendOutcome(SendStatus.FAILED, reply_line(error))
        case anymail.AnymailAPIError():
            return api_outcome(error)
        case anymail.AnymailUnsupportedFeature() | anymail.AnymailConfigurationError():
            raise ProviderRejection(reply_line(error)) from error
        case OSError():  # a full disk under the outbox: the same Message-ID never makes a second file
            raise ProviderUnavailable(reply_line(error)) from error
    raise error


def api_outcome(error: Any) -> SendOutcome:
    """Classify an AnymailAPIError. Raises ProviderUnavailable or ProviderRejection."""
    status, code, reply = error.status_code, "", reply_line(error)
    if status is None:
        if _never_connected(error.__cause__):
            raise ProviderUnavailable(reply) from error
        status, code = _amazon_error(error.__cause__)
    if status == 429 or code in AMAZON_TEMPORARY:
        raise ProviderUnavailable(reply) from error
    if status in (401, 403) or code in AMAZON_REJECTIONS:
        raise ProviderRejection(reply) from error
    return SendOutcome(SendStatus.FAILED if 400 <= status < 500 else SendStatus.UNCERTAIN, reply)


def _amazon_error(cause: BaseException | None) -> tuple[int, str]:
    """HTTP status and error code of an exception of Amazon's client; status 0 without a response."""
    reply = getattr(cause, "response", None)
    if not isinstance(reply, dict):
        return 0, type(cause).__name__
    return int(reply.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)), str(reply.get("Error", {}).get("Code", ""))


def _never_connected(cause: BaseException | None) -> bool:
    """Whether a request failed before there was a connection: refused, unknown host, or connect timeout."""
    if type(cause).__name__ == "ConnectTimeout":  # of requests
        return True
    reason = getattr(cause.args[0], "reason", None) if cause is not None and cause.args else None
    return type(reason).__name__ in {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}


ACCEPTED, REFUSED = {"queued", "sent"}, {"invalid", "rejected", "failed"}  # Anymail's statuses
# Source: https://postmarkapp.com/developer/api/overview#error-codes
POSTMARK_INACTIVE, POSTMARK_INVALID = 406, 300  # the second names the invalid field


def status_outcome(status: Any) -> SendOutcome:
    """Classify Anymail's status of one recipient; None if the provider returned none."""
    if status is None or status.status not in ACCEPTED | REFUSED:
        return SendOutcome(SendStatus.UNCERTAIN, f"the provider said {getattr(status, 'status', 'nothing')!r}")
    if status.status in REFUSED:
        return SendOutcome(SendStatus.FAILED, status.status)
    return SendOutcome(SendStatus.SENT, provider_id=str(status.message_id or "")[:200])


def postmark_outcome(entry: Mapping[str, Any]) -> SendOutcome | ProviderRejection:
    code, reply = entry.get("ErrorCode", 0), str(entry.get("Message", ""))[:450]
    if code == 0:
        return SendOutcome(SendStatus.SENT, provider_id=str(entry.get("MessageID", ""))[:200])
    if code == POSTMARK_INACTIVE or (code == POSTMARK_INVALID and "'To'" in reply):
        return SendOutcome(SendStatus.FAILED, f"{code} {reply}")
    return ProviderRejection(f"Postmark: {code} {reply}")


def reply_line(reply: bytes | str | Exception) -> str:
    """A reply on one line of at most 500 characters, without NUL, which PostgreSQL cannot store."""
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)
    return " ".join(text.replace("\0", "").split())[:500]


REFUSALS_MAX = 20  # in a row, for one kind of reason, until we are assumed to be the reason
READER_REASONS = {RefusalReason.DEAD, RefusalReason.MAILBOX}


class Refusals:
    """The refusals since the last message that was accepted.

    dead_are_confirmed: the author has confirmed that addresses called dead do not exist.
    """

    def __init__(self, *, dead_are_confirmed: bool = False) -> None:
        self.held: list[tuple[int, SendOutcome]] = []
        self.in_a_row = self.dead_in_a_row = 0
        self.dead_are_confirmed = dead_are_confirmed
        self.problem: ProviderRejection | None = None  # set when the author should check first

    @property
    def are_about_us(self) -> bool:
        """Whether the server refuses us or the letter: held refusals then go back to the queue."""
        return self.in_a_row >= REFUSALS_MAX

    def hold_back(self, seq: int, outcome: SendOutcome) -> bool:
        """Hold back a refusal that is not about the reader; return False for any other outcome.

        Before or after the dot makes no difference: the server has not accepted the message.
        """
        if outcome.status is not SendStatus.FAILED:
            return False
        reason = classify_refusal(outcome.reply)
        is_held = reason not in READER_REASONS
        if is_held:
            self.held.append((seq, outcome))
        self.in_a_row += is_held
        self.dead_in_a_row += reason is RefusalReason.DEAD
        if self.are_about_us or (self.dead_in_a_row >= REFUSALS_MAX and not self.dead_are_confirmed):
            self.problem = ProviderRejection(outcome.reply)
        return is_held

    def release(self) -> list[tuple[int, SendOutcome]]:
        held, self.held = self.held, []
        return held

    def reset_and_release(self) -> list[tuple[int, SendOutcome]]:
        """Reset after an accepted message; return what was held back."""
        self.in_a_row = self.dead_in_a_row = 0
        return self.release() if self.held else []
