"""What a report says of an address: the server's words first, its codes second.

The tables are words.py's. Whatever says too little is soft: a copy too many costs less than a reader.
"""

import re
from collections.abc import Iterable, Sequence

from newsletter.delivery.events.facts import Verdict
from newsletter.delivery.events.reading import words
from newsletter.delivery.models.events import Event
from newsletter.mail import replies

ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
# What is quoted from us says nothing, nor a link unless it is to a block list. Chinese stands beside an address
# without a space.
QUOTED = re.compile(
    r"<[^<>]{0,320}>|[A-Za-z0-9._%+=/-]{1,64}@[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){0,9}"
    r"|https?://(?!\S{0,60}(?:spamhaus|spamcop|sorbs|barracuda|[bk]list|\.rbl))\S+"
)
# "UserUnknown" and "BAD_RECIPIENT" are words, too.
TOGETHER = re.compile(r"(?<=[a-z])(?=[A-Z])|_")
# Postfix says at which command it was, gateways of mobile phones repeat the envelope, qmail ends with the host, Google
# says in which state; "returned to sender" is what bounces are called; whatever a receiver says of a recipient, Cisco's
# reports begin with the first.
NEEDLESS = re.compile(
    r"unknown address error|mail from: {1,9}(?=rcpt to:)|giving up on [\d.:a-f]{3,45}"
    r"|\((?:in reply to [^()]{1,60}|sent \w{1,10})\)"
    r"|return(?:ed|ing) (?:(?:the |your )?(?:mail|message) )?to (?:the )?sender",
    re.IGNORECASE,
)
REASON = re.compile(r"\breject(?:ion|ed)? reason ?: ?(.{3,200})", re.IGNORECASE)
# A server that refuses so early knows of no recipient: Postfix and Exim say at which command it was.
BEFORE_RECIPIENT = re.compile(
    r"in reply to (?:MAIL FROM|[EHL]{2}LO) command|after (?:pipelined )?(?:MAIL FROM|[EHL]{2}LO\b|initial connection)",
    re.IGNORECASE,
)
# With 5.4.1, Microsoft's for what is not in a customer's directory; it says so in
# https://learn.microsoft.com/exchange/mail-flow-best-practices/use-directory-based-edge-blocking
NOT_IN_DIRECTORY = re.compile(r"recipient address(?:es)? rejected ?: ?access denied", re.IGNORECASE)
BY_STATUS = {
    replies.Verdict.DEAD: Verdict.HARD,
    replies.Verdict.MAILBOX: Verdict.SOFT,
    replies.Verdict.POLICY: Verdict.POLICY,
    replies.Verdict.OURS: Verdict.POLICY,
    replies.Verdict.UNKNOWN: None,
}
# What only reports say, beside replies.BY_CODE. RFC 3463 section 3, RFC 5248, RFC 7293 section 14.
BY_CODE = {
    "5.7.13": Verdict.HARD,  # the account is disabled
    "5.7.17": Verdict.HARD,  # the mailbox has a new owner
    "5.7.18": Verdict.HARD,  # the domain has a new owner
    "5.3.3": Verdict.POLICY,  # the system cannot do what the message asks for
    "5.5.2": Verdict.POLICY, "5.5.3": Verdict.POLICY, "5.5.4": Verdict.POLICY,  # syntax, too many recipients, arguments
}  # fmt: skip

IN_THIS_ORDER = (
    (words.OUR_LIMIT, Verdict.POLICY),
    (words.ABANDONED, Verdict.HARD),
    (words.FULL, Verdict.SOFT),
    (words.NOT_NOW, Verdict.SOFT),
    (words.OF_THE_SENDER, Verdict.POLICY),
    (words.NO_SUCH_ADDRESS, Verdict.HARD),
    (words.NO_SUCH_HOST, Verdict.HARD),
    (replies.DISABLED, Verdict.HARD),
    (words.GAVE_UP, Verdict.SOFT),
)


def of(said: Sequence[str], status: str = "", around: Iterable[str] = ()) -> Event.Verdict:
    """Return what a report says of an address by the first of its texts that says something.

    said: the server's words, the most exact first: its own reply, "" if the report has none; then what stands beside.
    status: an enhanced code that stands apart, "5.1.1". A final one counts more than what is only beside.
    around: what else the report says, much of which is its form.
    """
    found = _of(said, status, around)
    if any(BEFORE_RECIPIENT.search(one) for one in said) and found != Verdict.POLICY:
        is_final = any(re.match(r"\W{0,3}5\d\d\b", one) for one in said) or status.startswith("5")
        return Verdict.POLICY if found == Verdict.HARD or is_final else found
    return found


def _of(said: Sequence[str], status: str, around: Iterable[str]) -> Event.Verdict:
    own, *beside = [" ".join(one.split())[: replies.WORDS_MAX] for one in said] or [""]
    around = [*beside, *(" ".join(one.split())[: replies.WORDS_MAX] for one in around)]
    codes = [status, *(match[1] for one in [own, *around] if (match := ENHANCED.search(one)))]
    if not own and status.startswith("5") and (by_status := _by_code(status)):
        return by_status
    exact = _reason_in([own, *around]) or own or next(filter(None, beside), "")
    refusal = ENHANCED.search(exact)  # of its own words: the status beside it may be the reporting server's
    if refusal and refusal[1].startswith("5.7."):
        codes = [refusal[1], *codes]
    by_code = next((found for code in codes if (found := _by_code(code))), None)
    by_form = (_by_words(one, codes, words.POLICY_IN_PROSE) for one in around if one != exact)
    return _by_words(exact, codes, words.POLICY) or by_code or next(filter(None, by_form), None) or Verdict.SOFT


def _reason_in(texts: Iterable[str]) -> str:
    """Return what is called the reason of a refusal, which counts more than that it is one."""
    return next((found[1] for one in texts if (found := REASON.search(one))), "")


def _by_words(text: str, codes: list[str], policy: re.Pattern[str]) -> Event.Verdict | None:
    """Return what words say, without the addresses and links in them; None if they say nothing that is known."""
    text = " ".join(NEEDLESS.sub("", TOGETHER.sub(" ", QUOTED.sub(" ", text))).replace("’", "'").split())
    if {"5.1.7", "5.1.8"} & set(codes):  # the sender's address
        return Verdict.POLICY
    if found := next((verdict for pattern, verdict in IN_THIS_ORDER if pattern.search(text)), None):
        # A server that says 4.x.x of a host may have asked a name server that was out of order.
        may_come_back = codes[0].startswith("4") or "try again" in text.lower()
        is_host_missing_now = may_come_back and not words.NO_SUCH_ADDRESS.search(text)
        return Verdict.SOFT if found == Verdict.HARD and is_host_missing_now else found
    if "5.4.1" in codes and NOT_IN_DIRECTORY.search(text):
        return Verdict.HARD
    if words.NO_SUCH_MAILBOX.search(text) and not policy.search(text):
        return Verdict.HARD if "550" in text or "5.1.1" in codes else Verdict.SOFT
    if policy.search(text):
        return Verdict.POLICY
    return Verdict.SOFT if words.LATER.search(text) else None


def _by_code(status: str) -> Event.Verdict | None:
    if status in BY_CODE:
        return BY_CODE[status]
    if status.startswith("4"):
        return Verdict.POLICY if status.startswith("4.7.") else Verdict.SOFT
    found = replies.BY_CODE.get(status) or replies.BY_SUBJECT.get(status[:3])
    return BY_STATUS[found] if found else None
