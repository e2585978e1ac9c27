"""Bounces that follow no standard: who writes them, whom they name, and the server's words in them.

flufl.bounce knows the forms of many old servers. What it does not know is found by the fields that all of them use, and
by the words around the address.
"""

import re
from email.message import Message

from flufl.bounce import scan_message

from newsletter.delivery.events.reading.message import address, field
from newsletter.delivery.events.reading.verdicts import ENHANCED

WORDS = 450  # characters around a recipient that are read
# The local parts of programs that return mail, and what they call themselves.
DAEMON = re.compile(
    r"^(?:mailer[-_.]?daemon|mail[-_.]?daemon|postmaster|mmdf|uucp|mdaemon|root|bounces?|no-?reply-bounce|"
    r"mail[-_.]?administrator|microsoftexchange[0-9a-f]*|smtp|emailsecurity|mailsubsystem|noreply-dmarc)\b"
    r"|mail(?:er)? ?delivery|delivery (?:sub)?system|mail (?:system|administrator)|mailer-daemon",
    re.IGNORECASE,
)
TITLE = re.compile(
    r"undeliver|un(?:able|successful) (?:to )?deliver|return(?:ed|ing) (?:mail|message|to sender)|failure notice|"
    r"deliver(?:y|ing)?.{0,20}(?:fail|error|problem|status|report|notification)|(?:mail|delivery).{0,20}fail|"
    r"not (?:be )?deliver|non[- ]?deliver|could not send|mail error|message status|dsn:|bounced? (?:mail|message)|"
    r"nondeliverable|user unknown|mail system error|unzustellbar|non remis|"
    r"退信|无法投递|無法(?:傳遞|投遞)|投递失败|送信エラー|配信",
    re.IGNORECASE,
)
# Where the mail that is returned begins.
ORIGINAL = re.compile(
    r"^(?:[-_=* ]{2,}.{0,60}(?:copy of|original|returned|unsent|forwarded|begin|below this line).{0,60}"
    r"|.{0,20}(?:original|returned|unsent) message (?:follows|headers?|text|attached|below|is).{0,60}"
    r"|(?:the )?(?:header|text|body|first \d+ lines) of (?:the |your )?(?:original )?message.{0,40}"
    r"|(?:below this line|here is).{0,40}(?:copy|message).{0,40}"
    r"|(?:Received|Return-Path|X-Original-To|DKIM-Signature|MIME-Version): .*)$",
    re.IGNORECASE | re.MULTILINE,
)
GOES_ON = re.compile(
    r"no action is required|will (?:be retried|keep trying|retry|continue to try|try again)|warning only|"
    r"still (?:trying|being retried)|do not need to resend|not yet been delivered|delivery attempts will continue|"
    r"this is (?:just )?a warning",
    re.IGNORECASE,
)
ADDRESS = re.compile(r"[A-Za-z0-9._%+=/'*!#$&?^`{|}~-]{1,64}@[A-Za-z0-9.-]{1,200}[A-Za-z0-9]")
FAILED = re.compile(
    r"(?<![\d.])[45]\d\d[ -][#<(]?[^\s\d]|(?<![\d.])[45]\d\d[ -]#?[45]\.\d|(?:^|\W)#?5\.\d{1,3}\.\d{1,3}\b"
    r"|permanent(?:ly)? (?:fatal )?(?:error|fail)|could not be delivered|not be deliver|failed|unknown|undeliver|reject"
    r"|does ?n[o']t exist|no such|bounce|not found|full|quota|can(?:no|')t|unable|refused|invalid|unbekannt|inconnu",
    re.IGNORECASE,
)
STRONG = re.compile(r"(?<![\d.:])[45]\d\d[ -][#<(]*(?:[45]\.\d{1,3}\.\d{1,3}|[A-Za-z<])")


def looks_returned(message: Message) -> bool:
    """Return whether a mail was written by a mail server about one that it could not deliver."""
    if field(message, "X-Failed-Recipients"):
        return True
    sender = field(message, "From")
    by_daemon = bool(DAEMON.search(address(message, "From")) or DAEMON.search(sender))
    is_bare = field(message, "Return-Path") in {"<>", "< >"}
    is_titled = bool(TITLE.search(field(message, "Subject")))
    return (by_daemon and (is_titled or is_bare)) or (is_bare and is_titled)


def is_only_late(text: str) -> bool:
    """Return whether a server says that it goes on trying."""
    return bool(GOES_ON.search(report_of(text)))


def report_of(text: str) -> str:
    """Return what a server says in a text, without the mail that it returns below."""
    match = ORIGINAL.search(text)
    before = text[: match.start()] if match and match.start() > 40 else text
    return before if FAILED.search(before) else text[:4000]


def failed_addresses(message: Message, text: str, own: list[str]) -> list[str]:
    """Return whom a bounce is about: as its fields, its form or its words say. own: to whom it came."""
    named = ADDRESS.findall(field(message, "X-Failed-Recipients"))
    if not named:
        named = [one.decode("ascii", "replace") for one in sorted(scan_message(message))]
    others = {one.lower() for one in [*own, address(message, "From")]}
    if not named:
        named = [one for one in ADDRESS.findall(report_of(text)) if one.lower() not in others]
        named = [one for one in named if not DAEMON.match(one) and not re.search(r"@.*\.(?:gif|png|jpe?g)$", one)]
        named = named[:1]
    return list(dict.fromkeys(one.lower() for one in named))


def words_about(recipient: str, text: str) -> str:
    """Return the server's words about a recipient: from its reply on, or what stands behind the address."""
    report = report_of(text)
    at = report.lower().find(recipient.lower()) if recipient else -1
    near = report[at:] if at >= 0 else report
    for within in (near[:2000], report):
        if match := STRONG.search(within):
            return _joined(within[match.start() : match.start() + WORDS])
    if match := ENHANCED.search(near[:2000]):
        return _joined(near[max(0, match.start() - 120) : match.start() + WORDS])
    if at >= 0 and FAILED.search(near[len(recipient) : len(recipient) + WORDS]):
        return _joined(near[len(recipient) : len(recipient) + WORDS])
    if match := FAILED.search(report):
        return _joined(report[max(0, match.start() - 150) : match.start() + WORDS])
    return _joined(report[:WORDS])


def _joined(words: str) -> str:
    return " ".join(words.split())
