"""What a refusal says of the address it was for: tables of codes and words, with their sources. Pure.

A reply is one line of text, as `delivery` keeps it: an SMTP reply whose lines were joined ("550-5.1.1 The email
account … 550 5.1.1 …"), or what an e-mail API answered. An address is called dead only where code or words say
that it does not exist, or was closed. In doubt it is not: a copy too many costs less than a reader.

Sources: RFC 5321 section 4.2 (reply codes), RFC 3463 and RFC 5248 with IANA's registry of enhanced status codes
(https://www.iana.org/assignments/smtp-enhanced-status-codes), and what receivers say, beside each pattern.
"""

import re
from enum import Enum, StrEnum
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from anymail.exceptions import AnymailAPIError, AnymailInvalidAddress, AnymailRecipientsRefused


class Verdict(StrEnum):
    DEAD = "dead"  # there is no such address, or it was closed
    MAILBOX = "mailbox"  # the mailbox exists and takes no mail: full, or in other trouble
    POLICY = "policy"  # the receiver does not like us, or the letter: block lists, authentication, content, rates
    OURS = "ours"  # a fault of this side: sender, login, protocol, a message that could not be written
    UNKNOWN = "unknown"  # a refusal whose words say too little


BLAMES_THE_READER = frozenset({Verdict.DEAD, Verdict.MAILBOX, Verdict.UNKNOWN})

CODE = re.compile(r"(?!406 )([45]\d\d)(?:[ -]|$)")  # of SMTP; 406 is Postmark's
WORDS_MAX = 500  # characters of a reply that are read
# As the first word behind the code (RFC 2034 section 4), or in brackets as qmail and IronPort write it: "(#5.1.1)".
ENHANCED = re.compile(r"\d{3}[ -]#?([245]\.\d{1,3}\.\d{1,3})(?![\d.])|\(?#([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
# What is quoted from us says nothing: addresses ("<no-spam@…>") and links to help pages.
QUOTED = re.compile(r"<[^<>]{0,320}>|\S{1,64}@[\w.-]{1,255}|https?://\S+")

# RFC 3463 and RFC 5248. A code that is not here decides nothing by itself: the words do, or nobody does.
BY_CODE = {
    "5.1.1": Verdict.DEAD,  # bad destination mailbox address
    "5.1.2": Verdict.DEAD,  # bad destination system address: there is no such domain
    "5.1.3": Verdict.DEAD,  # bad destination mailbox address syntax
    "5.1.6": Verdict.DEAD,  # the mailbox has moved, and left no forwarding address
    "5.1.7": Verdict.OURS,  # bad sender's mailbox address syntax
    "5.1.8": Verdict.OURS,  # bad sender's system address
    "5.1.10": Verdict.DEAD,  # null MX: the domain takes no mail (RFC 7505); at Microsoft: recipient not found
    "5.2.1": Verdict.MAILBOX,  # disabled; Gmail says it of a mailbox that gets too much as well: see DISABLED
    "5.2.2": Verdict.MAILBOX,  # full
    "5.2.3": Verdict.POLICY,  # the message is longer than the mailbox takes
    "5.2.4": Verdict.MAILBOX,  # trouble with a mailing list behind the address
    "5.3.4": Verdict.POLICY,  # the message is too big for the system
    "5.4.1": Verdict.UNKNOWN,  # Microsoft's for recipients outside the directory, and for domains under repair
    "5.4.4": Verdict.UNKNOWN,  # unable to route: the name server may be broken for a day
    "5.4.6": Verdict.UNKNOWN,  # a loop
    "5.4.7": Verdict.UNKNOWN,  # a relay has tried long enough
}
BY_SUBJECT = {"5.6": Verdict.POLICY, "5.7": Verdict.POLICY}  # content; security or policy
# RFC 5321 section 4.2.2, RFC 4954 section 6, RFC 7504, RFC 7505.
BY_REPLY_CODE = {
    "500": Verdict.OURS, "502": Verdict.OURS, "503": Verdict.OURS, "504": Verdict.OURS,
    "530": Verdict.OURS, "534": Verdict.OURS, "535": Verdict.OURS, "538": Verdict.OURS,
    "555": Verdict.OURS, "556": Verdict.DEAD,
}  # fmt: skip


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


FULL = _any(
    r"\bquota\b",  # Dovecot, Cyrus, Exim, Gmail, Hinet
    r"mail ?box (?:is |for user is )?full",  # Postfix, Sendmail, Courier
    r"out of storage|insufficient (?:system )?storage|over(?: its)? storage",  # Gmail 452-4.2.2, RFC 5321
    r"(?:no|not enough|insufficient) (?:disk )?space|disk (?:is )?full",  # Exchange, NetEase
    r"too quickly|at a rate that",  # Gmail 5.2.1: the reader gets too much mail at the moment
)
# Whatever code stands in front: "5.1.1 … has sent to too many recipients this hour" (GoDaddy).
POLICY = _any(
    r"spam|\bube\b|\buce\b|unsolicited|unwanted|junk|\babus",
    r"block(?:ed|ing| list)|blocklist|black ?list|deny ?list|\bbanned\b|dnsbl|\brbl\b|spamhaus|barracuda|spamcop",
    r"reputation|complain|\bpolic(?:y|ies)\b|suspicious|preferences|filter",
    r"dmarc|\bspf\b|dkim|authenticat|reverse dns|\brdns\b|\bptr\b|\bhelo\b|\behlo\b",  # Gmail 5.7.26, Yahoo 5.7.9
    r"virus|malware|phish|content|attachment|\bheaders?\b|too (?:large|big|long)|message size|size limit",
    r"too many|too much mail|limit(?:ed|s)?\b|frequency|throttl|greylist",  # QQ, GoDaddy, Mimecast
    r"(?:client )?host rejected|host network|\bip\b",  # Postfix, Mimecast, QQ
    r"not (?:allowed|permitted|authori[sz]ed)|unauthori[sz]ed|prohibit|forbidden|administrative",  # Exim
    r"refused by|access denied",
)
OURS = _any(
    r"relaying (?:is )?(?:denied|not|prohibited)|relay (?:access )?(?:is )?(?:denied|not|prohibited)",
    r"(?:no|unable to|not) relay(?:ing)?\b|open relay",
    r"\bsenders?\b|from address|mail from|not verified|line limit|protocol (?:violation|error)|bad sequence",
)
# Gmail 5.2.1 "… is disabled", "… is inactive"; Apple 5.1.1 "inactive email address"; Yahoo "This account has been
# disabled or discontinued"; i.ua "Mailbox is frozen".
DISABLED = _any(
    r"(?:account|mail ?box|address|user|recipient)\b.{0,60}\b"
    r"(?:disabled|inactive|deactivated|discontinued|closed|terminated|frozen|no longer)\b",
    r"(?:disabled|inactive|deactivated|closed) (?:account|mail ?box|e-?mail address|user|recipient)",
)
# Where no code says more than "it failed".
NO_SUCH_ADDRESS = _any(
    r"(?:user|recipient|mail ?box|account|address)(?: is)? (?:unknown|not (?:found|known)|not exist)",  # Postfix
    r"unknown (?:user|recipient|mail ?box|address|local ?part)",  # au, docomo; Exim: "unknown local-part"
    r"no such (?:user|recipient|mail ?box|account|address|person)",  # Sendmail, Yandex, NetEase
    r"(?:user|recipient|mail ?box|account|address)\b.{0,40}\b(?:does not|doesn't|do not|don't|not) exist",  # Zoho, QQ
    r"no mail ?box here by that name",  # qmail
    r"(?:invalid|bad) (?:recipient|mail ?box)\b|not a valid (?:recipient|mail ?box|user)",
    r"bad (?:recipient )?address syntax",  # QQ
    r"un(?:routeable|routable) address",  # Exim
    r"user doesn't have an? \S{1,40} account",  # Yahoo 554 delivery error: dd
    r"not our customer|recipient no longer on server",
)
NO_SUCH_ADDRESS_AT_MICROSOFT = re.compile(r"requested action not taken: mailbox unavailable", re.IGNORECASE)  # 5.5.0

# What e-mail APIs say of one recipient, when they do not speak SMTP: each provider's page of errors.
# Postmark's 406 is a recipient that is inactive after a hard bounce, a complaint, or by hand:
# https://postmarkapp.com/developer/api/overview#error-codes
BY_API = (
    (re.compile(r"invalid$"), Verdict.DEAD),  # Anymail's word: the provider calls the address invalid
    (re.compile(r"(?:rejected|failed)$"), Verdict.UNKNOWN),  # Anymail's words: its own list, or something else
    (re.compile(r"406 .*inactive", re.DOTALL), Verdict.DEAD),
    (re.compile(r"300 .*'To'", re.DOTALL), Verdict.DEAD),
    (re.compile(r".*'to' parameter is not a valid address", re.DOTALL), Verdict.DEAD),  # Mailgun
    (re.compile(r".*does not contain a valid address.*\bto\b", re.DOTALL | re.IGNORECASE), Verdict.DEAD),  # SendGrid
    (re.compile(r".*email is not valid in to\b", re.DOTALL), Verdict.DEAD),  # Brevo
    (re.compile(r".*Invalid `to` field", re.DOTALL), Verdict.DEAD),  # Resend
    (re.compile(r".*(?:Illegal address|Missing final '@domain'|Local address contains)", re.DOTALL), Verdict.DEAD),
    (re.compile(r".*(?:API response 4|message recipients were)", re.DOTALL), Verdict.UNKNOWN),
)


def verdict(reply: str) -> Verdict:
    """Return what a final refusal says of its recipient's address.

    reply: the receiver's words, or what this program wrote itself when no message could be made: that is OURS.
    """
    reply = reply[:WORDS_MAX]
    if code := CODE.match(reply):
        return _of_smtp(code[1], enhanced(reply), QUOTED.sub(" ", reply))
    return next((found for pattern, found in BY_API if pattern.match(reply)), Verdict.OURS)


def enhanced(reply: str) -> str:
    """Return the enhanced status code of a reply, "5.1.1"; "" if it has none."""
    found = ENHANCED.search(reply)
    return (found[1] or found[2]) if found else ""


def _of_smtp(code: str, status: str, words: str) -> Verdict:
    if FULL.search(words):
        return Verdict.MAILBOX
    if status == "5.4.1" and not POLICY.search(re.sub("access denied", "", words, flags=re.IGNORECASE)):
        return Verdict.UNKNOWN
    if POLICY.search(words) or status[:3] in BY_SUBJECT:
        return Verdict.POLICY
    if OURS.search(words):
        return Verdict.OURS
    if code < "500" or status.startswith("4"):
        return Verdict.MAILBOX if status.startswith("4.2.") else Verdict.UNKNOWN
    return _of_address(code, status, words)


def _of_address(code: str, status: str, words: str) -> Verdict:
    """Return what is left when it is neither the mailbox's size, nor us, nor the letter."""
    if status == "5.2.1" and DISABLED.search(words):
        return Verdict.DEAD
    if found := BY_CODE.get(status):
        return found
    if NO_SUCH_ADDRESS.search(words) or DISABLED.search(words):
        return Verdict.DEAD
    if status == "5.5.0" and NO_SUCH_ADDRESS_AT_MICROSOFT.search(words):
        return Verdict.DEAD
    if status.startswith("5.2."):
        return Verdict.MAILBOX
    return BY_REPLY_CODE.get(code, Verdict.UNKNOWN)


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
        return _of_recipients([_reply(code, words) for code, words in error.recipients.values()])
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


def _of_recipients(replies: list[str]) -> Trouble:
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
