"""What providers' error codes mean. The codes of a new provider go here, each with its source. No database.

Every table and function answers one question: was this reader refused (FAILED, DEFERRED), is it us whom the provider
refuses (ProviderRefuses), does it take nothing now (ProviderAway), or does nobody know (UNCERTAIN)?

Other places that read a provider's words: newsletter/mail/replies.py (what an SMTP reply says of a reader's address),
delivery/rate/limiter.py (which words ask for a slower pace), provider/batch_apis.py (what an e-mail API can do).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from newsletter.delivery.provider.outcomes import Answer, Outcome, ProviderAway, ProviderRefuses

if TYPE_CHECKING:
    from anymail.exceptions import AnymailAPIError

# --- SMTP ---

NEEDS_LOGIN = 530  # RFC 4954 section 6


def smtp_answer(code: int, words: bytes) -> Outcome:
    """Sort a reply to RCPT, DATA or the final dot: RFC 5321 section 4.2.1."""
    if code < 400:
        return Outcome(Answer.SENT, one_line(words))
    return Outcome(Answer.FAILED if code >= 500 else Answer.DEFERRED, one_line(words))


def is_about_us(question: bytes, code: int) -> bool:
    """Return whether a refusal of a question (MAIL, RCPT or DATA) is about the sender, not about the reader."""
    return question.startswith(b"MAIL") or code == NEEDS_LOGIN


# --- One message by an e-mail API ---

# Amazon: codes of the answer, and names of what the client raises before it asks.
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


def mailer_answer(error: Exception) -> Outcome:
    """Sort what a mailer raised. Raises ProviderAway or ProviderRefuses for what was not taken."""
    from anymail import exceptions as anymail  # noqa: PLC0415 - as mailer_errors does

    match error:
        case anymail.AnymailRecipientsRefused() | anymail.AnymailInvalidAddress() | anymail.AnymailSerializationError():
            return Outcome(Answer.FAILED, one_line(error))
        case anymail.AnymailAPIError():
            return api_answer(error)
        case anymail.AnymailUnsupportedFeature() | anymail.AnymailConfigurationError():
            raise ProviderRefuses(one_line(error)) from error
        case OSError():  # the outbox, on a full disk: the same Message-ID never makes a second file
            raise ProviderAway(one_line(error)) from error
    raise error


def api_answer(error: "AnymailAPIError") -> Outcome:
    """Sort what an e-mail API said, or did not say. Raises ProviderAway or ProviderRefuses for what was not taken."""
    status, code, words = error.status_code, "", one_line(error)
    if status is None:
        if _never_connected(error.__cause__):
            raise ProviderAway(words) from error
        status, code = _amazon_error(error.__cause__)
    if status == 429 or code in AMAZON_LATER:
        raise ProviderAway(words) from error
    if status in (401, 403) or code in AMAZON_REFUSES:
        raise ProviderRefuses(words) from error
    return Outcome(Answer.FAILED if 400 <= status < 500 else Answer.UNCERTAIN, words)


def _amazon_error(cause: BaseException | None) -> tuple[int, str]:
    """Return HTTP status and code of an error of Amazon's client, which has no status_code; 0 if nobody answered."""
    reply = getattr(cause, "response", None)
    if not isinstance(reply, dict):
        return 0, type(cause).__name__
    return int(reply.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)), str(reply.get("Error", {}).get("Code", ""))


def _never_connected(cause: BaseException | None) -> bool:
    """Return whether a request failed before a connection stood: refused, no such host, or nobody there in time."""
    if type(cause).__name__ == "ConnectTimeout":  # of requests
        return True
    reason = getattr(cause.args[0], "reason", None) if cause is not None and cause.args else None
    return type(reason).__name__ in {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}


# --- One reader of a batch ---

ACCEPTED, REFUSED = {"queued", "sent"}, {"invalid", "rejected", "failed"}  # Anymail's statuses
# Source: https://postmarkapp.com/developer/api/overview#error-codes
POSTMARK_INACTIVE, POSTMARK_INVALID = 406, 300  # the second names the field that it is about


def status_answer(status: Any) -> Outcome:
    """Sort what Anymail read of one reader; None where the provider said nothing of them."""
    if status is None or status.status not in ACCEPTED | REFUSED:
        return Outcome(Answer.UNCERTAIN, f"the provider said {getattr(status, 'status', 'nothing')!r}")
    if status.status in REFUSED:
        return Outcome(Answer.FAILED, status.status)
    return Outcome(Answer.SENT, provider_id=str(status.message_id or "")[:200])


def postmark_answer(entry: Mapping[str, Any]) -> Outcome | ProviderRefuses:
    """Sort what Postmark says of one message of a batch."""
    code, words = entry.get("ErrorCode", 0), str(entry.get("Message", ""))[:450]
    if code == 0:
        return Outcome(Answer.SENT, provider_id=str(entry.get("MessageID", ""))[:200])
    if code == POSTMARK_INACTIVE or (code == POSTMARK_INVALID and "'To'" in words):
        return Outcome(Answer.FAILED, f"{code} {words}")
    return ProviderRefuses(f"Postmark: {code} {words}")


def one_line(words: bytes | str | Exception) -> str:
    """Return a provider's words on one line of at most 500 characters, without NUL, which PostgreSQL does not take."""
    text = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
    return " ".join(text.replace("\0", "").split())[:500]
