"""What the DNS says of who may send in a domain's name, read as receivers read it: SPF, DKIM and DMARC.

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


type Ask = Callable[[str, str], tuple[str, ...]]  # a name and a kind in, the records out


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
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.exception.SyntaxError, dns.name.EmptyLabel):
        return ()  # what is no name is the name of nothing
    except (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.IDNAException):
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

LOOKUPS_MAX = 10  # section 4.6.4: a receiver that would need more gives up
WALK_MAX = 40  # lookups that are followed here: enough to say how far too many there are
LOOKING = re.compile(r"[+?~-]?(?:(?:exists|a|mx|ptr)(?:[:/]\S+)?|include:(\S+))|redirect=(\S+)", re.IGNORECASE)
TERM = re.compile(
    r"[+?~-]?(?:all|(?:include|exists):\S+|(?:a|mx|ptr)(?::[^/\s]+)?(?:/[\d/]+)?|ip4:[\d./]+|ip6:[\da-f:./]+)"
    r"|[a-z][\w.-]*=\S*",
    re.IGNORECASE,
)
SPF_VERSION = re.compile(r"v=spf1(?: |$)", re.IGNORECASE)  # section 4.5


@dataclass
class Spf:
    """What receivers find when they look for a domain's SPF, with all that it includes."""

    records: list[str] = field(default_factory=list)  # more than one is an error: section 4.5
    lookups: int = 0
    wrong: list[str] = field(default_factory=list)  # terms that SPF does not know
    broken: list[str] = field(default_factory=list)  # included domains without a record of their own
    unknown: list[str] = field(default_factory=list)  # names of which no name server told anything

    @property
    def is_open(self) -> bool:
        terms = self.records[0].lower().split() if len(self.records) == 1 else []
        return "+all" in terms or "all" in terms


def read_spf(ask: Ask, name: str) -> Spf:
    """Return the SPF of a domain. Raise DnsAway if its own record cannot be read."""
    found = Spf(records=_spf_records(ask, name))
    for record in found.records:
        _count_lookups(ask, record, {name}, found)
    return found


def _spf_records(ask: Ask, name: str) -> list[str]:
    return [text for text in ask(name, "TXT") if SPF_VERSION.match(text)]


def _count_lookups(ask: Ask, record: str, seen: set[str], found: Spf) -> None:
    """Count what a record has a receiver look up, and go on with the records that it includes."""
    terms = record.split()[1:]
    found.wrong += [term for term in terms if not TERM.fullmatch(term)]
    for match in filter(None, map(LOOKING.fullmatch, terms)):
        if found.lookups >= WALK_MAX:
            return
        found.lookups += 1
        target = match[1] or match[2]
        if target and "%" not in target and target not in seen:  # a macro stands for something of each mail: section 7
            _include(ask, target, seen, found)


def _include(ask: Ask, target: str, seen: set[str], found: Spf) -> None:
    try:
        records = _spf_records(ask, target)
    except DnsAway:
        found.unknown.append(target)
        return
    if len(records) == 1:
        _count_lookups(ask, records[0], seen | {target}, found)
    else:
        found.broken.append(target)


# --- DKIM: RFC 6376 ---

RSA_BITS_GOOD = 2048  # what Gmail advises; 1024 is the least that anybody takes: RFC 8301 section 3.2


@dataclass(frozen=True)
class PublicKey:
    """A key that the DNS has under a selector; text is "" where there is none.

    kind: "rsa", "ed25519" or what else the record says. bits: 0 if the key cannot be read.
    """

    selector: str
    domain: str
    text: str = ""
    kind: str = ""
    bits: int = 0
    is_revoked: bool = False

    @property
    def name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def material(self) -> str:
        """Return the key itself in base64, by which two records are compared."""
        return tags(self.text).get("p", "")


def tags(record: str) -> dict[str, str]:
    pairs = (tag.partition("=") for tag in record.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, _equals, value in pairs}


def read_dkim(ask: Ask, selector: str, domain: str) -> PublicKey:
    """Return the key of a selector. Raise DnsAway when nobody answers."""
    records = ask(f"{selector}._domainkey.{domain}", "TXT")
    keys = [one for one in records if "p" in tags(one)]
    if not keys:
        return PublicKey(selector, domain)
    text = keys[0]
    kind = tags(text).get("k", "rsa").lower()
    material = tags(text)["p"]
    return PublicKey(selector, domain, text, kind, _bits(kind, material), is_revoked=not material)


def _bits(kind: str, material: str) -> int:
    try:
        octets = base64.b64decode(material, validate=True)
        if kind == "ed25519":
            return 256 if len(octets) == 32 else 0
        key = load_der_public_key(octets)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return 0
    return key.key_size if isinstance(key, RSAPublicKey) else 0


# --- DMARC: the walk of RFC 9989, which has replaced the list of public suffixes ---

LABELS_MAX = 7  # that are looked at above the domain itself: section 4.10
DMARC_VERSION = re.compile(r"v\s*=\s*DMARC1\s*(?:;|$)")
POLICIES = ("none", "quarantine", "reject")


@dataclass(frozen=True)
class Dmarc:
    """What receivers find for mails from a domain.

    organisation: the highest domain with a record, the domain itself without any. record: the one that counts, "", and
    where it stands. policy: "none", "quarantine" or "reject"; "" if the record asks for nothing that can be understood.
    own: all records of the domain itself; several are none.
    """

    domain: str
    organisation: str
    record: str = ""
    at: str = ""
    policy: str = ""
    own: tuple[str, ...] = ()

    @property
    def has_reports(self) -> bool:
        return "mailto:" in tags(self.record).get("rua", "")

    def is_strict(self, tag: str) -> bool:
        """Return whether the very same domain is asked for. tag: "aspf" or "adkim"."""
        return tags(self.record).get(tag, "r").lower() == "s"


def read_dmarc(ask: Ask, domain: str) -> Dmarc:
    """Return the policy for mails from a domain. Raise DnsAway when a question on the way has no answer."""
    records, own = _upwards(ask, domain), tuple(_dmarc_records(ask, domain))
    if not records:
        return Dmarc(domain, domain, own=own)
    organisation = list(records)[-1]
    at = domain if domain in records else organisation
    return Dmarc(domain, organisation, records[at], at, _policy(tags(records[at]), is_own=at == domain), own)


def is_aligned(ask: Ask, author: Dmarc, domain: str, *, tag: str) -> bool:
    """Return whether a domain that SPF or DKIM has proved stands for the author's: section 4.10.2.

    tag: "aspf" or "adkim", by which the author's record may ask for the very same domain.
    """
    if domain == author.domain:
        return True
    above = list(_upwards(ask, domain)) or [domain]
    return not author.is_strict(tag) and above[-1] == author.organisation


def _upwards(ask: Ask, start: str) -> dict[str, str]:
    """Return the records from a domain up to its top level, by where they stand; with eight questions at the most."""
    labels = start.split(".")
    above = [".".join(labels[-length:]) for length in range(min(len(labels) - 1, LABELS_MAX), 0, -1)]
    found = {domain: _dmarc_records(ask, domain) for domain in [start, *above]}
    return {domain: texts[0] for domain, texts in found.items() if len(texts) == 1}


def _dmarc_records(ask: Ask, domain: str) -> list[str]:
    return [text for text in ask(f"_dmarc.{domain}", "TXT") if DMARC_VERSION.match(text)]


def _policy(asked: dict[str, str], *, is_own: bool) -> str:
    wrong = [tag for tag in ("p", "sp") if tag in asked and asked[tag].lower() not in POLICIES]
    if wrong or "p" not in asked:
        return "none" if "mailto:" in asked.get("rua", "") else ""  # section 4.10.1
    return asked["p"].lower() if is_own else asked.get("sp", asked["p"]).lower()
