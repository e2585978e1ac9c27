"""SPF records, counted as a receiver counts: RFC 7208."""

import ipaddress
import re
from dataclasses import dataclass, field

from newsletter.mail.authentication import Ask, DnsAway, addresses

LOOKUPS_MAX = 10  # RFC 7208 section 4.6.4: a receiver that would need more gives up
VOID_MAX = 2  # of these, that find nothing: the same section
WALK_MAX = 40  # lookups that are followed here: enough to say how far too many there are
ALL = re.compile(r"[+?~-]?all", re.IGNORECASE)
LOOKING = re.compile(r"[+?~-]?(?:(include|exists|a|mx|ptr)(?::([^/\s]+))?(?:/[\d/]+)?|(redirect)=(\S+))", re.IGNORECASE)
ADDRESS = re.compile(r"[+?~-]?ip[46]:(\S+)", re.IGNORECASE)
MODIFIER = re.compile(r"[a-z][\w.-]*=\S*", re.IGNORECASE)
VERSION = re.compile(r"v=spf1(?: |$)", re.IGNORECASE)  # RFC 7208 section 4.5


@dataclass
class Spf:
    """What receivers find when they look for a domain's SPF, with all that it includes."""

    records: list[str] = field(default_factory=list)  # more than one is an error: RFC 7208 section 4.5
    lookups: int = 0
    void: list[str] = field(default_factory=list)  # names that were looked for, and there is nothing
    broken: list[str] = field(default_factory=list)  # included domains without a record of their own
    wrong: list[str] = field(default_factory=list)  # terms that SPF does not know
    unknown: list[str] = field(default_factory=list)  # names of which no name server told anything

    @property
    def is_open(self) -> bool:
        terms = self.records[0].lower().split() if len(self.records) == 1 else []
        return "+all" in terms or "all" in terms


def read(ask: Ask, name: str) -> Spf:
    """Return the SPF of a domain. Raise DnsAway if its own record cannot be read."""
    found = Spf(records=_records(ask, name))
    for record in found.records:
        _walk(ask, record, name, {name}, found)
    return found


def _records(ask: Ask, name: str) -> list[str]:
    return [text for text in ask(name, "TXT").records if VERSION.match(text)]


def _walk(ask: Ask, record: str, name: str, seen: set[str], found: Spf) -> None:
    """Count what a record has a receiver look up, and go on with the records that it includes."""
    terms = record.split()[1:]
    has_all = any(map(ALL.fullmatch, terms))
    for term in terms:
        match = LOOKING.fullmatch(term)
        if match is None:
            if not _is_known(term):
                found.wrong.append(term)
        elif found.lookups < WALK_MAX and not (match[3] and has_all):  # redirect counts only without `all`: 6.1
            found.lookups += 1
            _follow(ask, (match[1] or match[3]).lower(), match[2] or match[4] or "", name, seen, found)


def _is_known(term: str) -> bool:
    if ALL.fullmatch(term):
        return True
    if match := ADDRESS.fullmatch(term):
        return _is_network(match[1])
    return MODIFIER.fullmatch(term) is not None


def _is_network(written: str) -> bool:
    try:
        ipaddress.ip_network(written, strict=False)
    except ValueError:
        return False
    return True


def _follow(ask: Ask, what: str, target: str, name: str, seen: set[str], found: Spf) -> None:
    target = target or name
    if "%" in target or what == "ptr":  # a macro stands for something of each mail: RFC 7208 section 7
        return
    try:
        if what in {"include", "redirect"}:
            _include(ask, target, seen, found)
        elif not (ask(target, "MX").records if what == "mx" else addresses(ask, target)):
            found.void.append(target)
    except DnsAway:
        found.unknown.append(target)


def _include(ask: Ask, target: str, seen: set[str], found: Spf) -> None:
    records = _records(ask, target)
    if not ask(target, "TXT").records:
        found.void.append(target)
    if len(records) != 1:
        found.broken.append(target)
    elif target not in seen:
        _walk(ask, records[0], target, seen | {target}, found)
