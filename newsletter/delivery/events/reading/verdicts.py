"""What a report of a bounce says of its address: the server's words first, its codes second.

The tables are those by which replies during the sending are judged (newsletter/mail/replies.py). A report adds what no
reply has: that a server gave up, found no way, or has no such host.
"""

import re

from newsletter.delivery.events.facts import Verdict
from newsletter.delivery.models.events import Event
from newsletter.mail import replies

ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
REPLY = re.compile(r"(?<![\d.])([45]\d\d)[ -](?=\S)")
BY_REPLY = {
    replies.Verdict.DEAD: Verdict.HARD,
    replies.Verdict.MAILBOX: Verdict.SOFT,
    replies.Verdict.POLICY: Verdict.POLICY,
    replies.Verdict.OURS: Verdict.POLICY,
    replies.Verdict.UNKNOWN: Verdict.SOFT,
}


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


NO_SUCH_HOST = _any(
    r"host(?: or domain)?(?: name)? (?:unknown|not found|does not exist)|unknown host|no such (?:host|domain)",
    r"(?:couldn't find any host|cannot find (?:a|your) (?:mail exchanger|host|domain)|can't find any host)",
    r"name service error .{0,80}not found|domain (?:name )?(?:not found|does not exist|unknown|is not valid)",
    r"nullmx|null mx|does not accept (?:e?mail|messages)|unrouteable (?:mail )?domain|illegal host/domain name",
    r"retry time(?:out)? exceeded.{0,20}unrouteable|nxdomain",
)
GAVE_UP = _any(
    r"timed? ?out|time ?out|retry time|too long|given up|could not be delivered (?:for|within)|expired|unreachable",
    r"connection (?:refused|reset|lost|died|dropped)|no route to host|network (?:error|unreachable)|lost connection",
    r"wasn't able to establish an smtp connection|all relevant mx records point|loop(?:s back|ing)?\b|too many hops",
)


def of(code: str, status: str, words: str) -> Event.Verdict:
    """Return what a final "never" says of its address.

    code: of SMTP, "550"; status: enhanced, "5.1.1"; words: the server's. Each may be "".
    """
    words = " ".join(words.split())[: replies.WORDS_MAX]
    own = ENHANCED.search(words)
    status = own[1] if own and (not status or status.endswith(".0.0")) else status
    found = REPLY.search(words)
    code = code or (found[1] if found else "") or ("450" if status.startswith("4") else "550")
    if not found or found.start() > 0:
        words = f"{code} {status} {words}" if status else f"{code} {words}"
    if NO_SUCH_HOST.search(words) and not replies.POLICY.search(words):
        return Verdict.HARD
    by_words = replies.verdict(words)
    if by_words is replies.Verdict.UNKNOWN and not GAVE_UP.search(words):
        return BY_REPLY[replies.BY_CODE.get(status, by_words)]
    return BY_REPLY[by_words]
