"""Mails that a machine answers with: away from work, a ticket, a challenge. Nobody reads them (RFC 3834, RFC 5436)."""

import re
from email.message import Message

from newsletter.delivery.events.reading.message import field

AWAY = re.compile(
    r"^\W{0,9}(?:auto(?:matic|mated|matische)?[- ]?(?:reply|response|answer|antwort|respon)|autoreply|auto:|"
    r"(?:(?:[^:]{1,60} )?is )?out[- ]of[- ](?:the[- ])?office|"
    r"ooo\b|vacation|away from|i am away|on (?:holiday|leave|vacation)|abwesen|absence|"
    r"yahoo! auto|autosvar|automati(?:sch antwoord|ck[áaý] odpov)|automatyczna odpowied|автоответ|urlaub|"
    r"자동 ?(?:응답|회신)|부재중|r[ée]ponse automatique|r(?:espu|ispo|espo)sta autom[áa]tica|fuori (?:ufficio|sede)|"
    r"自動(?:回覆|回复|返信|応答)|自动(?:回复|答复)|不在(?:通知|連絡|のお知らせ)?|休假)",
    re.IGNORECASE,
)
GATEKEEPER = r"(?<![@.\w])(?:boxbe|spam ?arrest|bitbounce)"  # services that let nobody in who has not answered
CHALLENGE = re.compile(
    r"confirm (?:that )?you(?:'re| are)? (?:a )?(?:human|person|not)|challenge[- ]response|"
    r"verify (?:that )?you (?:are|sent)|(?:not yet|not) (?:on|in) my (?:allowed|approved|white)|"
    rf"{GATEKEEPER}|please confirm your (?:message|e-?mail)|"
    r"(?:sender|e-?mail) (?:address )?verification|"
    r"only (?:allow|accept)s? .{0,40}senders|allow .{0,40}only from senders|"
    r"to (?:deliver|release) your (?:message|e-?mail).{0,60}(?:click|reply)",
    re.IGNORECASE,
)
BY_GATEKEEPER = re.compile(GATEKEEPER, re.IGNORECASE)
FOR_KNOWN_SENDERS = re.compile(
    r"white[- ]?list|allow(?:ed)?[- ]?(?:senders?[- ]?)?list|(?:approved|allowed|known|trusted) senders?|"
    r"only accepts? (?:e-?mails?|mails?|messages?) from|accepts? (?:e-?mails?|mails?|messages?) only from|"
    r"白名單|白名单",
    re.IGNORECASE,
)
ANSWERING = {"auto_reply", "auto-reply", "autoreply"}
BY_A_LIST = {"bulk", "junk"}  # no person writes to one reader so
READ_RECEIPT = "disposition-notification"  # RFC 8098: that it was shown, or deleted unread


def is_auto_reply(message: Message) -> bool:
    """Return whether a machine wrote this as an answer."""
    submitted = field(message, "Auto-Submitted").partition(";")[0].strip().lower()
    if submitted.startswith("auto-"):
        return True
    if any(field(message, name) for name in ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply")):
        return True
    if field(message, "Precedence").lower() in ANSWERING or field(message, "X-Precedence").lower() in ANSWERING:
        return True
    return bool(AWAY.search(field(message, "Subject")))


def is_by_list(message: Message) -> bool:
    """Return whether a mailing list wrote this, about its own matters or to all."""
    return bool(field(message, "X-List-Administrivia")) or field(message, "Precedence").lower() in BY_A_LIST


def is_challenge(message: Message, text: str) -> bool:
    """Return whether a filter asks us to prove that a person wrote to its owner."""
    if field(message, "X-Spamarrest-probe") or field(message, "X-Challenge"):
        return True
    return bool(CHALLENGE.search(field(message, "Subject")) or CHALLENGE.search(text[:3000]))


def is_for_known_senders(words: str) -> bool:
    """Return whether a mailbox is said to take mail only from known senders, or those that prove themselves."""
    return bool(FOR_KNOWN_SENDERS.search(words[:3000]) or CHALLENGE.search(words[:3000]))


def is_by_gatekeeper(text: str) -> bool:
    """Return whether a service for challenges wrote this: some write it as a report of a failure, with 4.7.0."""
    return bool(BY_GATEKEEPER.search(text[:3000]))
