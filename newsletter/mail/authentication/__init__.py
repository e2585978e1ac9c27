"""What the DNS says of who may send in a domain's name, read as receivers read it: SPF, DKIM and DMARC.

Each reader takes an `Ask` and returns facts; it judges nothing. A name server that does not answer raises `DnsAway`:
not known is another answer than "there is none".
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import dns.exception
import dns.name
import dns.resolver
import dns.reversename

SECONDS = 4.0  # for one question, all its tries together
SECONDS_IN_ALL = 12.0
PIECES = re.compile(r'"\s*"')
HOSTS = {"MX", "PTR", "CNAME"}  # kinds whose answers end with a name


class DnsAway(Exception):
    """No answer, which is not the same as the answer "nothing"."""


@dataclass(frozen=True)
class Answer:
    """The records of a name and a kind. exists: False if the DNS knows no such name at all (NXDOMAIN)."""

    records: tuple[str, ...] = ()
    exists: bool = True


type Ask = Callable[[str, str], Answer]


class Resolver:
    """Asks the name server of this machine. Raises DnsAway where it gives no answer within the time that is left."""

    def __init__(self, seconds: float = SECONDS_IN_ALL) -> None:
        self.until = time.monotonic() + seconds
        self.known: dict[tuple[str, str], Answer | DnsAway] = {}

    def __call__(self, name: str, kind: str) -> Answer:
        question = (name.lower().rstrip("."), kind)
        if question not in self.known:
            self.known[question] = self._asked(*question)
        known = self.known[question]
        if isinstance(known, DnsAway):
            raise known
        return known

    def _asked(self, name: str, kind: str) -> Answer | DnsAway:
        left = min(SECONDS, self.until - time.monotonic())
        if left <= 0:
            return DnsAway(f"{kind} {name}: no time left")
        return _resolved(name, kind, left)


def _resolved(name: str, kind: str, seconds: float) -> Answer | DnsAway:
    try:
        answer = dns.resolver.resolve(name, kind, lifetime=seconds)
    except (dns.resolver.NXDOMAIN, dns.exception.SyntaxError, dns.name.EmptyLabel, dns.name.LabelTooLong):
        return Answer(exists=False)  # what is no name is the name of nothing
    except (dns.name.NameTooLong, dns.name.IDNAException):
        return Answer(exists=False)
    except dns.resolver.NoAnswer:
        return Answer()
    except (dns.exception.DNSException, OSError) as error:
        return DnsAway(f"{kind} {name}: {type(error).__name__}")
    return Answer(tuple(_written(record.to_text(), kind) for record in answer))


def _written(record: str, kind: str) -> str:
    if kind == "TXT":
        return PIECES.sub("", record).strip('"')  # its pieces joined: RFC 7208 section 3.3
    return record.rstrip(".") if kind in HOSTS else record


def reverse_name(address: str) -> str:
    """Return the name under which the DNS keeps the PTR of an IP address."""
    return dns.reversename.from_address(address).to_text(omit_final_dot=True)


def addresses(ask: Ask, host: str) -> list[str]:
    return [*ask(host, "A").records, *ask(host, "AAAA").records]


def takes_mail(ask: Ask, name: str) -> bool:
    """Return whether mail to a domain has a place to go to: an MX, or an address without one (RFC 5321 section 5.1)."""
    hosts = ask(name, "MX").records
    if hosts:
        return any(one.partition(" ")[2] not in {"", "."} for one in hosts)  # "0 ." takes none: RFC 7505
    return bool(addresses(ask, name))
