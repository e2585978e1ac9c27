"""What became of a message that was handed to a provider: above all, whether the provider may have it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from anymail import exceptions as anymail

from newsletter.mail.replies import Verdict, verdict


class Answer(StrEnum):
    SENT = "sent"
    FAILED = "failed"  # a definite no to this reader
    DEFERRED = "deferred"  # not now for this reader
    UNCERTAIN = "uncertain"  # handed over, no answer


class Outcome(NamedTuple):
    answer: Answer
    reply: str = ""  # the provider's last words
    provider_id: str = ""


class ProviderAway(Exception):
    """The provider cannot be reached, or takes nothing now. The message was certainly not handed over."""


class ProviderRefuses(Exception):
    """The provider refuses us as a whole: login, sender or key. The message was certainly not handed over."""


class HandOverForbidden(Exception):
    """The rows are no longer this worker's to hand over. The message was certainly not handed over."""


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


def api_answer(error: anymail.AnymailAPIError) -> Outcome:
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


REFUSALS = 20  # in a row, for one kind of reason, before it is us whom the server refuses
OF_THE_READER = {Verdict.DEAD, Verdict.MAILBOX}


class Refusals:
    """The refusals since the last message that was accepted.

    believes: whether the author has confirmed that these addresses do not exist.
    """

    def __init__(self, *, believes: bool = False) -> None:
        self.kept: list[tuple[int, Outcome]] = []
        self.in_a_row = self.dead_in_a_row = 0
        self.believes = believes
        self.problem: ProviderRefuses | None = None  # when there were so many that the author should look first

    @property
    def are_ours(self) -> bool:
        """Return whether it is us, or the letter, that the server refuses: what is kept goes back to the queue."""
        return self.in_a_row >= REFUSALS

    def keep(self, seq: int, outcome: Outcome) -> bool:
        """Keep a refusal that says nothing about its reader; return False for any other outcome.

        It does not matter whether it came before or after the dot: either way the server has not got the message.
        """
        if outcome.answer is not Answer.FAILED:
            return False
        said = verdict(outcome.reply)
        is_kept = said not in OF_THE_READER
        if is_kept:
            self.kept.append((seq, outcome))
        self.in_a_row += is_kept
        self.dead_in_a_row += said is Verdict.DEAD
        if self.are_ours or (self.dead_in_a_row >= REFUSALS and not self.believes):
            self.problem = ProviderRefuses(outcome.reply)
        return is_kept

    def release(self) -> list[tuple[int, Outcome]]:
        kept, self.kept = self.kept, []
        return kept

    def end(self) -> list[tuple[int, Outcome]]:
        """Return what is kept, now that a message was accepted."""
        self.in_a_row = self.dead_in_a_row = 0
        return self.release() if self.kept else []
