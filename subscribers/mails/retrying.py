"""What comes of a mail to a reader that could not be sent: another try, the end, or a note for the author."""

from datetime import datetime, timedelta
from enum import Enum
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from typing import NamedTuple

from newsletter.mail.replies import BLAMES_THE_READER, Verdict, verdict
from subscribers.models.unsent import Unsent

BACK_OFF, BACK_OFF_MAX = timedelta(minutes=1), timedelta(hours=1)
TRIES_MAX = 8  # at an address that is refused for now; the last about two hours after the first
AWAY_MAX = timedelta(days=3)  # that a server which takes nothing is asked again, from when the mail was wished for


class Trouble(Enum):
    AWAY = "away"  # no server, or one that takes nothing from us: no try at the address
    LATER = "later"  # not now, says the server of this address
    NEVER = "never"  # this address will never do


class Retry(NamedTuple):
    """When to try again, None for never, and how many tries have counted."""

    due_at: datetime | None
    tries: int


def retry(error: Exception, what: Unsent.What, *, tries: int, since: datetime, now: datetime) -> Retry:
    """Return what comes of a mail after its try number `tries`; note it for the author when it is given up.

    since: when the mail was wished for. A server that is away is asked after as long as the mail has waited already.
    An address that does not exist is no news: people mistype.
    """
    match trouble(error):
        case Trouble.NEVER:
            return Retry(None, tries)
        case Trouble.AWAY if now - since < AWAY_MAX:
            return Retry(now + min(max(now - since, BACK_OFF), BACK_OFF_MAX), tries - 1)
        case Trouble.LATER if tries < TRIES_MAX:
            return Retry(now + BACK_OFF * 2 ** (tries - 1), tries)
    Unsent.objects.create(what=what, at=now, reason=reason(error))
    return Retry(None, tries)


def trouble(error: Exception) -> Trouble:
    """Return whose trouble it is that a mail was not sent."""
    if isinstance(error, SMTPRecipientsRefused):
        return _of_recipient([_reply(code, words) for code, words in error.recipients.values()])
    if isinstance(error, SMTPDataError):
        return _of_message(_reply(error.smtp_code, error.smtp_error))
    from anymail.exceptions import (  # noqa: PLC0415 - as mailer_errors does
        AnymailAPIError,
        AnymailInvalidAddress,
        AnymailRecipientsRefused,
    )

    if isinstance(error, AnymailRecipientsRefused | AnymailInvalidAddress):
        return Trouble.NEVER
    status = error.status_code if isinstance(error, AnymailAPIError) else None
    is_about_it = status is not None and 400 <= status < 500 and status not in {401, 403, 429}
    return Trouble.LATER if is_about_it else Trouble.AWAY


def is_unreachable(error: Exception) -> bool:
    """Return whether no server takes anything from us, so that the next mail would only wait for it as well."""
    if isinstance(error, SMTPException):
        return isinstance(error, SMTPConnectError | SMTPAuthenticationError)
    return isinstance(error, OSError) and getattr(error, "status_code", None) is None


def _of_recipient(replies: list[str]) -> Trouble:
    """Sort the replies to RCPT: a final one that is about the address ends it (RFC 5321 section 4.2.1, 5yz)."""
    if any(reply.startswith("421") or verdict(reply) not in BLAMES_THE_READER for reply in replies):
        return Trouble.AWAY
    return Trouble.NEVER if replies and all(reply >= "5" for reply in replies) else Trouble.LATER


def _of_message(reply: str) -> Trouble:
    """Sort the reply to a message: only that there is no such address ends it."""
    found = verdict(reply)
    if reply.startswith("421") or found not in BLAMES_THE_READER:
        return Trouble.AWAY
    return Trouble.NEVER if found is Verdict.DEAD else Trouble.LATER


def _reply(code: int, words: bytes | str) -> str:
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return " ".join(f"{code} {text}".split())


def reason(error: Exception) -> str:
    """Return what went wrong in a word and a code; servers quote addresses in their texts."""
    if isinstance(error, SMTPRecipientsRefused):
        codes = sorted({str(code) for code, _text in error.recipients.values()})
        return f"recipient refused with {', '.join(codes)}"
    if isinstance(error, SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    return type(error).__name__
