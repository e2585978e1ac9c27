"""DNS lookups of SPF (RFC 7208), DKIM (RFC 6376 section 3.6.1) and DMARC (RFC 9989).

The functions return facts and judge nothing. A resolver that does not answer raises `DnsUnavailable`, which is not the
same as "no record".
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

QUERY_SECONDS = 4.0  # for one query with its retries
TOTAL_SECONDS = 12.0
STRING_BOUNDARY = re.compile(r'"\s*"')
# An invalid name has no records.
INVALID_NAME = (dns.exception.SyntaxError, dns.name.EmptyLabel, dns.name.LabelTooLong, dns.name.NameTooLong)
NO_RECORDS_ERRORS = (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.name.IDNAException, *INVALID_NAME)
HOST_TYPES = {"MX", "PTR", "CNAME"}  # record types that end with a host name


class DnsUnavailable(Exception):
    """No answer, which is not the same as no record."""


type Lookup = Callable[[str, str], tuple[str, ...]]  # from a name and a record type to its records


class Resolver:
    """Queries this machine's resolver, with a cache and a total time limit. Raises DnsUnavailable without an answer."""

    def __init__(self, seconds: float = TOTAL_SECONDS) -> None:
        self.until = time.monotonic() + seconds
        self.answers: dict[tuple[str, str], tuple[str, ...] | DnsUnavailable] = {}

    def __call__(self, name: str, kind: str) -> tuple[str, ...]:
        question = (name.lower().rstrip("."), kind)
        if question not in self.answers:
            self.answers[question] = self._query(*question)
        answer = self.answers[question]
        if isinstance(answer, DnsUnavailable):
            raise answer
        return answer

    def _query(self, name: str, kind: str) -> tuple[str, ...] | DnsUnavailable:
        left = min(QUERY_SECONDS, self.until - time.monotonic())
        if left <= 0:
            return DnsUnavailable(f"{kind} {name}: no time left")
        try:
            answer = dns.resolver.resolve(name, kind, lifetime=left)
        except NO_RECORDS_ERRORS:
            return ()
        except (dns.exception.DNSException, OSError) as error:
            return DnsUnavailable(f"{kind} {name}: {type(error).__name__}")
        texts = [record.to_text() for record in answer]
        if kind == "TXT":  # strings are joined: RFC 7208 section 3.3
            texts = [STRING_BOUNDARY.sub("", text).strip('"') for text in texts]
        return tuple(text.rstrip(".") if kind in HOST_TYPES else text for text in texts)


def reverse_name(address: str) -> str:
    return dns.reversename.from_address(address).to_text(omit_final_dot=True)


def host_addresses(ask: Lookup, host: str) -> list[str]:
    return [*ask(host, "A"), *ask(host, "AAAA")]


def takes_mail(ask: Lookup, name: str) -> bool:
    """Whether a domain has an MX, or an address instead (RFC 5321 section 5.1)."""
    hosts = ask(name, "MX")
    if hosts:
        return any(one.partition(" ")[2] not in {"", "."} for one in hosts)  # "0 ." is a null MX: RFC 7505
    return bool(host_addresses(ask, name))


LOOKUPS_MAX = 10  # RFC 7208 section 4.6.4: receivers give up beyond it
SPF_VERSION = re.compile(r"v=spf1(?: |$)", re.IGNORECASE)
LOOKUP_TERM = re.compile(r"[+?~-]?(?:include|exists|a|mx|ptr)(?:[:/].*)?|redirect=.*", re.IGNORECASE)
INCLUDED_DOMAIN = re.compile(r"(?:[+?~-]?include:|redirect=)([^%]+)", re.IGNORECASE)


@dataclass
class Spf:
    """A domain's SPF as receivers see it.

    records: more than one is an error. lookups: counted up to LOOKUPS_MAX + 1. broken: included domains without a
    record.
    """

    records: list[str]
    lookups: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return any(term in {"+all", "all"} for record in self.records for term in record.lower().split())


def lookup_spf(ask: Lookup, name: str) -> Spf:
    """Raise DnsUnavailable if the record, or one that it includes, cannot be read."""
    found = Spf(_spf_records(ask, name))
    if len(found.records) == 1:
        _count_lookups(ask, found.records[0], found)
    return found


def _spf_records(ask: Lookup, name: str) -> list[str]:
    return [text for text in ask(name, "TXT") if SPF_VERSION.match(text)]


def _count_lookups(ask: Lookup, record: str, found: Spf) -> None:
    for term in record.split()[1:]:
        found.lookups += LOOKUP_TERM.fullmatch(term) is not None
        if found.lookups > LOOKUPS_MAX:
            return
        if included := INCLUDED_DOMAIN.fullmatch(term):
            records = _spf_records(ask, included[1])
            if len(records) == 1:
                _count_lookups(ask, records[0], found)
            else:
                found.broken.append(included[1])


RSA_BITS_GOOD = 2048  # Gmail's advice; receivers require 1024: RFC 8301 section 3.2


@dataclass(frozen=True)
class PublicKey:
    """A DKIM key record. text: "" without a record. bits: 0 for a key that cannot be parsed."""

    name: str
    text: str = ""
    kind: str = ""
    bits: int = 0

    @property
    def base64_key(self) -> str:
        return parse_tags(self.text).get("p", "")


def parse_tags(record: str) -> dict[str, str]:
    pairs = (tag.partition("=") for tag in record.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, _equals, value in pairs}


def lookup_dkim(ask: Lookup, selector: str, domain: str) -> PublicKey:
    """Raise DnsUnavailable without an answer."""
    name = f"{selector}._domainkey.{domain}"
    text = next((one for one in ask(name, "TXT") if "p" in parse_tags(one)), "")
    if not text:
        return PublicKey(name)
    kind = parse_tags(text).get("k", "rsa").lower()
    return PublicKey(name, text, kind, _key_bits(kind, parse_tags(text)["p"]))


def _key_bits(kind: str, base64_key: str) -> int:
    try:
        octets = base64.b64decode(base64_key, validate=True)
        if kind == "ed25519":
            return 256 if len(octets) == 32 else 0
        key = load_der_public_key(octets)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return 0
    return key.key_size if isinstance(key, RSAPublicKey) else 0


DMARC_VERSION = re.compile(r"v\s*=\s*DMARC1\s*(?:;|$)")
POLICIES = ("none", "quarantine", "reject")
LABELS_MAX = 7  # of the tree walk above the domain: RFC 9989 section 4.10


@dataclass(frozen=True)
class Dmarc:
    """The DMARC policy that receivers apply to a domain.

    own: the domain's own records; several count as none. text, record_domain: the record that applies, and its domain.
    organisation: the organisational domain.
    """

    domain: str
    organisation: str
    own: tuple[str, ...] = ()
    text: str = ""
    record_domain: str = ""

    @property
    def policy(self) -> str:
        """One of POLICIES; "" if the record has no valid policy."""
        record = parse_tags(self.text)
        policy = record.get("p", "").lower()
        if self.record_domain != self.domain:
            policy = record.get("sp", policy).lower()
        return policy if policy in POLICIES else ""

    @property
    def is_strict(self) -> bool:
        """Strict SPF alignment: the return path must be at the very same domain."""
        return parse_tags(self.text).get("aspf", "r").lower() == "s"


def lookup_dmarc(ask: Lookup, domain: str) -> Dmarc:
    """Raise DnsUnavailable if a query of the tree walk has no answer."""
    own = tuple(_dmarc_records(ask, domain))
    found = _tree_walk(ask, domain)
    if not found:
        return Dmarc(domain, domain, own)
    organisation = list(found)[-1]
    record_domain = domain if domain in found else organisation
    return Dmarc(domain, organisation, own, found[record_domain], record_domain)


def is_aligned(ask: Lookup, author: Dmarc, domain: str) -> bool:
    """Whether a return path's domain is aligned with the author's: RFC 9989 section 4.10.2."""
    if domain == author.domain:
        return True
    above = list(_tree_walk(ask, domain)) or [domain]
    return not author.is_strict and above[-1] == author.organisation


def _tree_walk(ask: Lookup, domain: str) -> dict[str, str]:
    """Records from the domain up to its top level, nearest first; a domain with two records has none."""
    labels = domain.split(".")
    above = (".".join(labels[-length:]) for length in range(min(len(labels) - 1, LABELS_MAX), 0, -1))
    found = {one: _dmarc_records(ask, one) for one in (domain, *above)}
    return {
        one: texts[0]
        for one, texts in found.items()
        if len(texts) == 1 and parse_tags(texts[0]).get("psd", "").lower() != "y"
    }


def _dmarc_records(ask: Lookup, domain: str) -> list[str]:
    return [text for text in ask(f"_dmarc.{domain}", "TXT") if DMARC_VERSION.match(text)]
