"""What a report says of an address: the server's words first, its codes second.

The tables beside those by which replies during the sending are judged (newsletter/mail/replies.py): a report says what
no reply does, that a server gave up, found no way, or has no such host, and servers say it in their own language.
"""

import re
from collections.abc import Iterable

from newsletter.delivery.events.facts import Verdict
from newsletter.delivery.models.events import Event
from newsletter.mail import replies

ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
# What is quoted from us says nothing. Chinese stands beside an address without a space.
QUOTED = re.compile(r"<[^<>]{0,320}>|[A-Za-z0-9._%+=/-]{1,64}@[A-Za-z0-9_.-]{1,255}|https?://\S+")
# Postfix says at which command it was; "returned to sender" is what bounces are called.
NEEDLESS = re.compile(r"\(in reply to [^()]{1,60}\)|return(?:ed|ing)? (?:mail )?to (?:the )?sender", re.IGNORECASE)
BY_STATUS = {
    replies.Verdict.DEAD: Verdict.HARD,
    replies.Verdict.MAILBOX: Verdict.SOFT,
    replies.Verdict.POLICY: Verdict.POLICY,
    replies.Verdict.OURS: Verdict.POLICY,
    replies.Verdict.UNKNOWN: None,
}


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


FULL = _any(
    replies.FULL.pattern,
    r"mail ?box.{0,20}\b(?:exceed|over|full)|(?:exceed|over).{0,30}(?:quota|allowed size|storage|mail ?box)",
    r"一杯|容量(?:を超|オーバー)|(?:邮箱|郵箱|信箱|空間).{0,6}[满滿]|boîte .{0,20}pleine|casilla .{0,20}llena",
)
OUR_LIMIT = _any(r"(?:relay|sending|daily|hourly) (?:relay |sending )?(?:quota|limit)")
NOT_NOW = _any(
    r"temporar(?:y|ily) (?:locked|suspended|disabled|unavailable|inactive|deferred by user)|currently suspended",
    r"(?:account|mail ?box|user|recipient|compte).{0,30}\b(?:blocked|bloque|locked|suspended)|mailer error"
    r"|internal (?:system |server )?error|local configuration error|mail system error",
)
# It is about us: where we come from, or what we are called.
OF_THE_SENDER = _any(
    r"\bsender|from address|mail from\b|reverse|\brdns\b|\bptr\b|\bhelo\b|\behlo\b|client host"
    r"|your (?:host|ip|server)",
    r"(?:unverifiable|unresolvable|cannot (?:find|resolve)|not resolve).{0,30}(?:host ?name|ip|domain)"
    r"|sending ips?\b",
)
NO_SUCH_HOST = _any(
    r"host(?: or domain)?(?: name)? (?:unknown|not found|does not exist)|unknown host|no such (?:host|domain)",
    r"(?:couldn't|could not|cannot|can't|unable to) (?:find|locate) (?:any |a |your )?(?:host|mail exchanger"
    r"|domain|mx)",
    r"name service error .{0,80}not found|domain (?:name )?(?:not found|does not exist|unknown|is not valid|invalid)",
    r"nullmx|null mx|does(?:n't| not) (?:accept|receive) (?:any )?(?:e-?mail|messages|mail)|nxdomain",
    r"unroute?able (?:mail )?domain|illegal host/domain name|bad destination (?:host|system)|no mx record",
)
NO_SUCH_ADDRESS = _any(
    replies.NO_SUCH_ADDRESS.pattern,
    r"(?:user|recipient|account|mail ?box|address|id)s?\b.{0,40}\b(?:not found|not listed|does ?n[o']t exist"
    r"|unknown)",
    r"(?:could not|couldn't|cannot|unable to) (?:find|locate|identify).{0,40}(?:user|recipient|account"
    r"|mail ?box|address)",
    r"(?:invalid|bad|illegal|unknown) (?:user|address|e-?mail|alias|account|destination)|not a (?:known|local) user",
    r"no (?:one|body|account|mail ?box|user|recipient)s? (?:with|by|of|for|at|here) |delivery error: dd",
    r"not recogni[sz]ed|(?:address|recipient).{0,30}\b(?:incorrect|misspelled|mistyped)\b|recipnotfound"
    r"|no valid recipients",
    r"(?:user|account|address|recipient|mail ?box).{0,20}\b(?:has|was|is) (?:been )?(?:moved|relocated|changed to)",
    r"no longer (?:in use|works?|working|employed|with|exists?)|no such (?:mail ?drop|alias|addressee)"
    r"|addressee unknown",
    r"(?:user|mail ?box) (?:is )?(?:no longer|not) (?:valid|available|active|here|on)",
    r"(?:見つかり|見当たり|存在し|リストにあり|ござい)ません|宛先(?:不明|が見つ)|(?:用[户戶]|收件人|[邮郵]箱|地址).{0,6}不存在",
    r"destinatari[oa] (?:sconosciut|desconocid)|utilisateur inconnu|adressat unbekannt"
    r"|unbekannte?r? (?:empfänger|adresse|benutzer)|(?:empfänger|adresse).{0,20}unbekannt|inconnu|n'existe pas"
    r"|no existe",
)
POLICY = _any(
    replies.POLICY.pattern,
    replies.OURS.pattern,
    r"(?:mail|message|content|letter)s? (?:was |were |is |has been )?(?:rejected|refused|rejete|denied|discarded)",
    r"service refus|suspected|not rfc|rfc ?\d{3,4}|\bauth\b|verification|not accept(?:ed|ing)? from"
    r"|refused to talk to",
    r"malformed address|syntactically|quarantin|infected|malicious|dangerous|listed (?:in|at|on|by)"
    r"|unauthenticated|not welcome|undesired",
    r"(?:connections?|mails?|messages) from .{0,40}(?:refused|rejected|deferred|limited)|\brate\b|volume",
)
# Where a text is not one reply, "content" and "limit" are words of its form.
POLICY_IN_PROSE = _any(
    r"spam|\bube\b|unsolicited|unwanted|\babuse|block(?:ed|ing| ?list)|black ?list|deny ?list|\bbanned\b|dnsbl"
    r"|\brbl\b",
    r"reputation|\bpolic(?:y|ies)\b|dmarc|\bspf\b|dkim|authenticat|virus|malware|phish|relay|access denied"
    r"|to talk to me",
    r"not (?:allowed|permitted|authori[sz]ed)|unauthori[sz]ed|prohibit|forbidden|too (?:large|big)|size limit",
    r"(?:mail|message|content)s? (?:was |were |is |has been )?(?:rejected|refused|denied|discarded)|service refus",
)
GAVE_UP = _any(
    r"timed? ?out|time ?out|retry time|(?:for|queue) too long|giv(?:en|ing) up|expired|unreachable|not reachable",
    r"still undelivered",
    r"connection (?:refused|reset|lost|died|dropped|failed)|no route|network (?:error|is unreachable)"
    r"|lost connection",
    r"establish an smtp connection|mx records point|mail loop|loops? back|looping|too many hops|hop count",
)

IN_THIS_ORDER = (
    (OUR_LIMIT, Verdict.POLICY),
    (FULL, Verdict.SOFT),
    (NOT_NOW, Verdict.SOFT),
    (OF_THE_SENDER, Verdict.POLICY),
    (NO_SUCH_ADDRESS, Verdict.HARD),
    (NO_SUCH_HOST, Verdict.HARD),
    (replies.DISABLED, Verdict.HARD),
    (GAVE_UP, Verdict.SOFT),
)


def of(said: Iterable[str], status: str = "") -> Event.Verdict:
    """Return what a report says of an address by the first of its texts that says something.

    said: the server's words, the most exact first. status: an enhanced code that stands apart, "5.1.1".
    """
    texts = [" ".join(one.split())[: replies.WORDS_MAX] for one in said if one.strip()]
    codes = [status, *(match[1] for one in texts if (match := ENHANCED.search(one)))]
    exact, others = texts[:1], texts[1:]
    by_code = next((found for code in codes if (found := _by_code(code))), None)
    return _first(exact, codes, POLICY) or by_code or _first(others, codes, POLICY_IN_PROSE) or Verdict.SOFT


def _first(texts: list[str], codes: list[str], policy: re.Pattern[str]) -> Event.Verdict | None:
    return next((found for one in texts if (found := _by_words(one, codes, policy))), None)


def _by_words(words: str, codes: list[str], policy: re.Pattern[str]) -> Event.Verdict | None:
    """Return what words say, without the addresses and links in them; None if they say nothing that is known."""
    words = NEEDLESS.sub("", QUOTED.sub(" ", words))
    if {"5.1.7", "5.1.8"} & set(codes):  # the sender's address
        return Verdict.POLICY
    if found := next((verdict for pattern, verdict in IN_THIS_ORDER if pattern.search(words)), None):
        # A server that says 4.x.x of a host may have asked a name server that was out of order.
        is_host_missing_now = codes[0].startswith("4") and not NO_SUCH_ADDRESS.search(words)
        return Verdict.SOFT if found == Verdict.HARD and is_host_missing_now else found
    if "5.4.1" in codes and "access denied" in words.lower():  # Microsoft's, for much
        return Verdict.SOFT
    return Verdict.POLICY if policy.search(words) else None


def _by_code(status: str) -> Event.Verdict | None:
    if status == "5.7.13":  # RFC 5248: the account is disabled
        return Verdict.HARD
    if status.startswith("4"):
        return Verdict.POLICY if status.startswith("4.7.") else Verdict.SOFT
    found = replies.BY_CODE.get(status) or replies.BY_SUBJECT.get(status[:3])
    return BY_STATUS[found] if found else None
