"""Whose trouble it is that a mail was not sent: what a mailer's error means for the next try. Pure."""

from enum import Enum
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from anymail.exceptions import AnymailAPIError, AnymailInvalidAddress, AnymailRecipientsRefused

from newsletter.mail.replies import BLAMES_THE_READER, Verdict, verdict


class Trouble(Enum):
    AWAY = "away"  # no server, or one that takes nothing from us: no try at the address
    LATER = "later"  # not now, says the server of this address
    NEVER = "never"  # this address will never do


class NotSent(Exception):
    """A mail was not sent, and whose trouble that is: for a mailer that knows it already."""

    def __init__(self, trouble: Trouble, words: str) -> None:
        super().__init__(words)
        self.trouble = trouble


def trouble(error: Exception) -> Trouble:
    """Return whose trouble it is that a mail was not sent; a message that cannot be written will never do."""
    if isinstance(error, NotSent):
        return error.trouble
    if is_unwritable(error):
        return Trouble.NEVER
    if isinstance(error, SMTPRecipientsRefused):
        return _of_address([_reply(code, words) for code, words in error.recipients.values()])
    if isinstance(error, SMTPDataError):
        return _of_message(_reply(error.smtp_code, error.smtp_error))
    if isinstance(error, AnymailRecipientsRefused | AnymailInvalidAddress):
        return Trouble.NEVER
    status = error.status_code if isinstance(error, AnymailAPIError) else None
    is_about_it = status is not None and 400 <= status < 500 and status not in {401, 403, 429}
    return Trouble.LATER if is_about_it else Trouble.AWAY


def is_unwritable(error: Exception) -> bool:
    """Return whether no message can be written to such an address or name.

    A mail server's certificate that is out of date is a ValueError to Python as well, and an OSError.
    """
    return isinstance(error, ValueError) and not isinstance(error, OSError)


def is_unreachable(error: Exception) -> bool:
    """Return whether no server takes anything from us, so that the next mail would only wait for it as well."""
    if isinstance(error, NotSent):
        return error.trouble is Trouble.AWAY
    if isinstance(error, SMTPException):
        return isinstance(error, SMTPConnectError | SMTPAuthenticationError)
    return isinstance(error, OSError) and getattr(error, "status_code", None) is None


def is_refusal(error: Exception) -> bool:
    """Return whether no server has the mail: it was refused, or none was there. A silence says nothing."""
    if isinstance(error, NotSent | ConnectionRefusedError | SMTPResponseException | SMTPRecipientsRefused):
        return True
    return is_unwritable(error) or getattr(error, "status_code", None) is not None


def _of_address(replies: list[str]) -> Trouble:
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
