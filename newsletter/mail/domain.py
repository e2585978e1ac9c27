"""What the DNS says of a sender's domain, which is what receivers go by. Asks, and judges nothing.

dnspython is imported where it is asked: every process that sends would carry its 3 MB, and only the doctor needs it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

SECONDS = 4.0  # for one question, all its tries together
LOOKUPS_MAX = 10  # RFC 7208 section 4.6.4: a receiver that would need more gives up
LOOKING = re.compile(r"[+?~-]?(?:(include|exists|a|mx|ptr)(?:[:/](\S+))?|(redirect)=(\S+))", re.IGNORECASE)


class DnsAway(Exception):
    """No answer, which is not the same as the answer "nothing"."""


@dataclass(frozen=True)
class Domain:
    """The records of a domain, as receivers of its mail find them."""

    name: str
    spf: list[str] = field(default_factory=list)  # more than one is an error: RFC 7208 section 4.5
    spf_lookups: int = 0
    dmarc: str = ""  # its own, or that of the domain it belongs to
    takes_mail: bool = False
    mx: list[str] = field(default_factory=list)  # preference and host
    dkim: dict[str, str] = field(default_factory=dict)  # by selector; "" where there is none


def ask(name: str, selectors: list[str]) -> Domain:
    """Return what is known of the domain `name`. Raise DnsAway when nobody answers."""
    spf = [text for text in _texts(name) if _is_version(text, "v=spf1")]
    mx = _answers(name, "MX")
    return Domain(
        name=name,
        spf=spf,
        spf_lookups=sum(_lookups(record, name, {name}) for record in spf),
        dmarc=_dmarc(name),
        takes_mail=bool(mx or _answers(name, "A") or _answers(name, "AAAA")),
        mx=mx,
        dkim={selector: "".join(_texts(f"{selector}._domainkey.{name}")[:1]) for selector in selectors},
    )


def names_back(host: str) -> dict[str, list[str]]:
    """Return the PTR names of each address of `host`. A server that mails by itself needs one that leads back to it."""
    import dns.reversename  # noqa: PLC0415

    addresses = [*_answers(host, "A"), *_answers(host, "AAAA")]
    return {one: _answers(dns.reversename.from_address(one).to_text(), "PTR") for one in addresses}


def _dmarc(name: str) -> str:
    """Return the policy for a domain: its own, else the nearest one above it (RFC 7489 section 6.6.3)."""
    labels = name.split(".")
    for above in (".".join(labels[number:]) for number in range(len(labels) - 1)):
        if found := [text for text in _texts(f"_dmarc.{above}") if _is_version(text, "v=DMARC1")]:
            return found[0]
    return ""


def _is_version(text: str, version: str) -> bool:
    return text.replace(";", " ").split(" ")[0] == version


def _lookups(record: str, name: str, seen: set[str]) -> int:
    """Return how many questions to the DNS a receiver needs for an SPF record."""
    number = 0
    for term in record.split()[1:]:
        if match := LOOKING.fullmatch(term):
            number += 1
            follows = match[2] if (match[1] or "").lower() == "include" else match[4]
            if follows and follows not in seen and number <= LOOKUPS_MAX:
                number += sum(_lookups(one, follows, seen | {follows}) for one in _spf_of(follows))
    return number


def _spf_of(name: str) -> Iterator[str]:
    if "%" not in name:  # a macro: RFC 7208 section 7
        yield from (text for text in _texts(name) if _is_version(text, "v=spf1"))


def _texts(name: str) -> list[str]:
    """Return TXT records, their pieces joined (RFC 7208 section 3.3)."""
    return [re.sub(r'"\s*"', "", text).strip('"') for text in _answers(name, "TXT")]


def _answers(name: str, kind: str) -> list[str]:
    import dns.exception  # noqa: PLC0415
    import dns.resolver  # noqa: PLC0415

    try:
        answer = dns.resolver.resolve(name, kind, lifetime=SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise DnsAway(f"{kind} {name}: {type(error).__name__}") from error
    return [record.to_text().rstrip(".") if kind in {"MX", "PTR"} else record.to_text() for record in answer]
