"""DMARC policies and alignment, by the tree walk of RFC 9989, which has replaced the list of public suffixes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from newsletter.mail.authentication import Ask

LABELS_MAX = 7  # that are looked at above the domain itself: RFC 9989 section 4.10
VERSION = re.compile(r"v\s*=\s*DMARC1\s*(?:;|$)")
POLICIES = ("none", "quarantine", "reject")
REMOVED = ("pct", "rf", "ri")  # tags of RFC 7489 that RFC 9989 knows no more
REPORT_TO = re.compile(r"mailto:[^@\s,!]+@([^@\s,!]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Record:
    domain: str
    text: str

    @property
    def tags(self) -> dict[str, str]:
        pairs = (tag.partition("=") for tag in self.text.split(";"))
        return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}

    @property
    def reports_to(self) -> list[str]:
        """Return the domains of the addresses that get the daily reports (rua)."""
        return [one.lower() for one in REPORT_TO.findall(self.tags.get("rua", ""))]


@dataclass(frozen=True)
class Walk:
    """The records found from a domain up to its top level, the nearest first."""

    start: str
    records: tuple[Record, ...] = ()

    @property
    def organisation(self) -> str:
        """Return the organizational domain: RFC 9989 section 4.10.2."""
        for record in self.records:
            psd = record.tags.get("psd", "u").lower()
            if psd == "n":
                return record.domain
            if psd == "y" and record.domain != self.start:
                return _one_below(record.domain, self.start)
        return self.records[-1].domain if self.records else self.start


@dataclass(frozen=True)
class Dmarc:
    """What receivers find for mails from a domain.

    record: the one that counts, None without any. policy: "none", "quarantine" or "reject"; "" if the record asks for
    nothing that can be understood. by: the tag that says so. own: all records of the domain itself; several are none.
    """

    domain: str
    organisation: str
    record: Record | None = None
    policy: str = ""
    by: str = ""
    own: tuple[str, ...] = ()
    refuses_reports: tuple[str, ...] = field(default=())  # domains that would have to agree to the reports

    @property
    def is_inherited(self) -> bool:
        return self.record is not None and self.record.domain != self.domain

    def is_strict(self, tag: str) -> bool:
        """Return whether the very same domain is asked for. tag: "aspf" or "adkim"."""
        return self.record is not None and self.record.tags.get(tag, "r").lower() == "s"


def read(ask: Ask, domain: str) -> Dmarc:
    """Return the policy for mails from a domain. Raise DnsAway when a question on the way has no answer."""
    own = tuple(_texts(ask, domain))
    found = walk(ask, domain)
    record = _that_counts(found)
    if record is None:
        return Dmarc(domain, found.organisation, own=own)
    policy, by = _policy(record, is_own=record.domain == domain, exists=ask(domain, "A").exists)
    silent = tuple(_silent(ask, record)) if policy else ()
    return Dmarc(domain, found.organisation, record, policy, by, own, silent)


def walk(ask: Ask, start: str) -> Walk:
    """Look for records from a domain upwards, with eight questions at the most: RFC 9989 section 4.10."""
    records: list[Record] = []
    for domain in _upwards(start):
        texts = _texts(ask, domain)
        if len(texts) == 1:
            records.append(Record(domain, texts[0]))
            if records[-1].tags.get("psd", "").lower() in {"y", "n"}:
                break
    return Walk(start, tuple(records))


def is_aligned(ask: Ask, author: Dmarc, domain: str, *, tag: str) -> bool:
    """Return whether a domain that SPF or DKIM has proved stands for the author's: RFC 9989 section 4.10.2.

    tag: "aspf" or "adkim", by which the author's record may ask for the very same domain.
    """
    if domain == author.domain:
        return True
    return not author.is_strict(tag) and walk(ask, domain).organisation == author.organisation


def _upwards(start: str) -> Iterator[str]:
    labels = start.split(".")
    yield start
    for length in range(min(len(labels) - 1, LABELS_MAX), 0, -1):
        yield ".".join(labels[-length:])


def _texts(ask: Ask, domain: str) -> list[str]:
    return [text for text in ask(f"_dmarc.{domain}", "TXT").records if VERSION.match(text)]


def _one_below(above: str, start: str) -> str:
    labels = start.split(".")
    return ".".join(labels[-(len(above.split(".")) + 1) :])


def _that_counts(found: Walk) -> Record | None:
    """Return the record of the domain itself, else that of its organisation, else that of its public suffix."""
    by_domain = {record.domain: record for record in found.records}
    public = next((one for one in found.records if one.tags.get("psd", "").lower() == "y"), None)
    return by_domain.get(found.start) or by_domain.get(found.organisation) or public


def _policy(record: Record, *, is_own: bool, exists: bool) -> tuple[str, str]:
    """Return what is asked for, and by which tag: sp is for what lies below, np for names that do not exist."""
    tags = record.tags
    wrong = [tag for tag in ("p", "sp", "np") if tag in tags and tags[tag].lower() not in POLICIES]
    if wrong or "p" not in tags:
        return ("none", "rua") if record.reports_to else ("", "")  # RFC 9989 section 4.10.1
    for tag in () if is_own else ("sp",) if exists else ("np", "sp"):
        if tag in tags:
            return tags[tag].lower(), tag
    return tags["p"].lower(), "p"


def _silent(ask: Ask, record: Record) -> Iterator[str]:
    """Yield domains that get no reports because they have not said that they want them: RFC 9990 section 4."""
    ours = walk(ask, record.domain).organisation
    for domain in record.reports_to:
        if walk(ask, domain).organisation == ours:
            continue
        texts = ask(f"{record.domain}._report._dmarc.{domain}", "TXT").records
        if not any(map(VERSION.match, texts)):
            yield domain
