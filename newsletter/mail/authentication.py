"""What the DNS says of who may send in a domain's name: SPF, DKIM and DMARC.

Each reader takes an `Ask` and returns facts; it judges nothing. A name server that does not answer raises `DnsAway`:
not known is another answer than "there is none".
"""

import base64
import binascii
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import dns.exception
import dns.name
import dns.resolver
import dns.reversename
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

SECONDS = 4.0  # for one question, all its tries together
SECONDS_IN_ALL = 12.0
PIECES = re.compile(r'"\s*"')
HOSTS = {"MX", "PTR", "CNAME"}  # kinds whose answers end with a name


class DnsAway(Exception):
    """No answer, which is not the same as the answer "nothing"."""


type Ask = Callable[[str, str], tuple[str, ...]]  # from a name and a kind to its records


class Resolver:
    """Asks the name server of this machine. Raises DnsAway where it gives no answer within the time that is left."""

    def __init__(self, seconds: float = SECONDS_IN_ALL) -> None:
        self.until = time.monotonic() + seconds
        self.known: dict[tuple[str, str], tuple[str, ...] | DnsAway] = {}

    def __call__(self, name: str, kind: str) -> tuple[str, ...]:
        question = (name.lower().rstrip("."), kind)
        if question not in self.known:
            self.known[question] = self._asked(*question)
        known = self.known[question]
        if isinstance(known, DnsAway):
            raise known
        return known

    def _asked(self, name: str, kind: str) -> tuple[str, ...] | DnsAway:
        left = min(SECONDS, self.until - time.monotonic())
        if left <= 0:
            return DnsAway(f"{kind} {name}: no time left")
        return _resolved(name, kind, left)


def _resolved(name: str, kind: str, seconds: float) -> tuple[str, ...] | DnsAway:
    try:
        answer = dns.resolver.resolve(name, kind, lifetime=seconds)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except (dns.exception.SyntaxError, dns.name.EmptyLabel, dns.name.LabelTooLong):
        return ()  # what is no name is the name of nothing
    except (dns.name.NameTooLong, dns.name.IDNAException):
        return ()
    except (dns.exception.DNSException, OSError) as error:
        return DnsAway(f"{kind} {name}: {type(error).__name__}")
    return tuple(_written(record.to_text(), kind) for record in answer)


def _written(record: str, kind: str) -> str:
    if kind == "TXT":
        return PIECES.sub("", record).strip('"')  # its pieces joined: RFC 7208 section 3.3
    return record.rstrip(".") if kind in HOSTS else record


def reverse_name(address: str) -> str:
    """Return the name under which the DNS keeps the PTR of an IP address."""
    return dns.reversename.from_address(address).to_text(omit_final_dot=True)


def addresses(ask: Ask, host: str) -> list[str]:
    return [*ask(host, "A"), *ask(host, "AAAA")]


def takes_mail(ask: Ask, name: str) -> bool:
    """Return whether mail to a domain has a place to go to: an MX, or an address without one (RFC 5321 section 5.1)."""
    hosts = ask(name, "MX")
    if hosts:
        return any(one.partition(" ")[2] not in {"", "."} for one in hosts)  # "0 ." takes none: RFC 7505
    return bool(addresses(ask, name))


# --- SPF: RFC 7208 ---

LOOKUPS_MAX = 10  # RFC 7208 section 4.6.4: a receiver that would need more gives up
SPF_VERSION = re.compile(r"v=spf1(?: |$)", re.IGNORECASE)
LOOKING = re.compile(r"[+?~-]?(?:include|exists|a|mx|ptr)(?:[:/].*)?|redirect=.*", re.IGNORECASE)
INCLUDED = re.compile(r"(?:[+?~-]?include:|redirect=)([^%]+)", re.IGNORECASE)


@dataclass
class Spf:
    """What receivers find when they look for a domain's SPF.

    records: more than one is an error. lookups: what a receiver would look up, counted until it gives up.
    broken: included domains without a record of their own.
    """

    records: list[str]
    lookups: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return any(term in {"+all", "all"} for record in self.records for term in record.lower().split())


def spf(ask: Ask, name: str) -> Spf:
    """Return the SPF of a domain. Raise DnsAway if it, or what it includes, cannot be read."""
    found = Spf(_spf_records(ask, name))
    if len(found.records) == 1:
        _count_lookups(ask, found.records[0], found)
    return found


def _spf_records(ask: Ask, name: str) -> list[str]:
    return [text for text in ask(name, "TXT") if SPF_VERSION.match(text)]


def _count_lookups(ask: Ask, record: str, found: Spf) -> None:
    for term in record.split()[1:]:
        found.lookups += LOOKING.fullmatch(term) is not None
        if found.lookups > LOOKUPS_MAX:
            return
        if included := INCLUDED.fullmatch(term):
            records = _spf_records(ask, included[1])
            if len(records) == 1:
                _count_lookups(ask, records[0], found)
            else:
                found.broken.append(included[1])


# --- DKIM: RFC 6376 section 3.6.1 ---

RSA_BITS_GOOD = 2048  # what Gmail advises; 1024 is the least that anybody takes: RFC 8301 section 3.2


@dataclass(frozen=True)
class PublicKey:
    """A key that the DNS has under a name; text is "" where there is none, bits 0 for a key that cannot be read."""

    name: str
    text: str = ""
    kind: str = ""
    bits: int = 0

    @property
    def material(self) -> str:
        """Return the key itself in base64, by which two records are compared."""
        return tags(self.text).get("p", "")


def tags(record: str) -> dict[str, str]:
    """Return the tags of a DKIM or DMARC record."""
    pairs = (tag.partition("=") for tag in record.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, _equals, value in pairs}


def dkim(ask: Ask, selector: str, domain: str) -> PublicKey:
    """Return the key of a selector. Raise DnsAway when nobody answers."""
    name = f"{selector}._domainkey.{domain}"
    text = next((one for one in ask(name, "TXT") if "p" in tags(one)), "")
    if not text:
        return PublicKey(name)
    kind = tags(text).get("k", "rsa").lower()
    return PublicKey(name, text, kind, _bits(kind, tags(text)["p"]))


def _bits(kind: str, material: str) -> int:
    try:
        octets = base64.b64decode(material, validate=True)
        if kind == "ed25519":
            return 256 if len(octets) == 32 else 0
        key = load_der_public_key(octets)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return 0
    return key.key_size if isinstance(key, RSAPublicKey) else 0


# --- DMARC: RFC 9989 ---

DMARC_VERSION = re.compile(r"v\s*=\s*DMARC1\s*(?:;|$)")
POLICIES = ("none", "quarantine", "reject")
LABELS_MAX = 7  # that are looked at above the domain itself: RFC 9989 section 4.10


@dataclass(frozen=True)
class Dmarc:
    """What receivers find for mails from a domain.

    own: all records of the domain itself; several are none. text: of the record that counts, place: its domain.
    organisation: the highest domain with a record, which all below it stand for.
    """

    domain: str
    organisation: str
    own: tuple[str, ...] = ()
    text: str = ""
    place: str = ""

    @property
    def policy(self) -> str:
        """Return "none", "quarantine" or "reject"; "" if the record asks for nothing that can be understood."""
        told = tags(self.text)
        policy = told.get("p", "").lower()
        if self.place != self.domain:
            policy = told.get("sp", policy).lower()
        return policy if policy in POLICIES else ""

    @property
    def is_strict(self) -> bool:
        """Return whether bounces must go to the very same domain."""
        return tags(self.text).get("aspf", "r").lower() == "s"


def dmarc(ask: Ask, domain: str) -> Dmarc:
    """Return the policy for mails from a domain. Raise DnsAway when a question on the way has no answer."""
    own = tuple(_dmarc_records(ask, domain))
    found = _found_upwards(ask, domain)
    if not found:
        return Dmarc(domain, domain, own)
    organisation = list(found)[-1]
    place = domain if domain in found else organisation
    return Dmarc(domain, organisation, own, found[place], place)


def is_aligned(ask: Ask, author: Dmarc, domain: str) -> bool:
    """Return whether a domain of bounces stands for the author's: RFC 9989 section 4.10.2."""
    if domain == author.domain:
        return True
    above = list(_found_upwards(ask, domain)) or [domain]
    return not author.is_strict and above[-1] == author.organisation


def _found_upwards(ask: Ask, domain: str) -> dict[str, str]:
    """Return the records from a domain up to its top level, the nearest first; where there are two is none."""
    labels = domain.split(".")
    above = (".".join(labels[-length:]) for length in range(min(len(labels) - 1, LABELS_MAX), 0, -1))
    found = {one: _dmarc_records(ask, one) for one in (domain, *above)}
    return {
        one: texts[0]
        for one, texts in found.items()
        if len(texts) == 1 and tags(texts[0]).get("psd", "").lower() != "y"
    }


def _dmarc_records(ask: Ask, domain: str) -> list[str]:
    return [text for text in ask(f"_dmarc.{domain}", "TXT") if DMARC_VERSION.match(text)]
