"""A row for each kind of record: where it stands, what stands there, and what is to be said of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _

from newsletter.mail import signatures
from newsletter.mail.authentication import Dmarc, DnsAway, PublicKey, Resolver, Spf
from newsletter.operation.findings import ERROR, WARNING, Finding
from newsletter.operation.senders import listed, policy, returns, server, signed
from newsletter.operation.senders.address import MADE_UP_DOMAINS, sender_domain
from newsletter.operation.senders.facts import AWAY, Facts, Server, away, gather


@dataclass(frozen=True, slots=True)
class Record:
    """A kind of DNS record that receivers look for: where, what stands there now, and what is to be said of it."""

    kind: str
    where: str  # a DNS name
    found: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def is_unknown(self) -> bool:
        return any(one.id == AWAY for one in self.findings)


def dns_records(now: datetime) -> Iterator[Finding]:
    """Ask the DNS about the sender, when mail really leaves. A silent name server is told once."""
    if not settings.MAIL_URL or sender_domain() in MADE_UP_DOMAINS:
        return
    try:
        facts = gather(Resolver())
    except signatures.KeyUnusable as error:
        yield unusable(error)
        return
    told_away = False
    for finding in [one for record in records(facts) for one in record.findings]:
        if finding.id != AWAY or not told_away:
            yield finding
        told_away = told_away or finding.id == AWAY
    yield from server.of_encryption(facts)
    yield from returns.of_reading(facts)


def records(facts: Facts) -> Iterator[Record]:
    """Yield the rows of the desk's page."""
    yield Record("SPF", facts.domain, _spf(facts.spf), tuple(listed.of_sender(facts)))
    yield from _dkim(facts)
    yield _dmarc(facts)
    yield Record("MX", facts.domain, _mx(facts), tuple(_takes_mail(facts)))
    if facts.bounces.domain != facts.domain:
        found = () if facts.bounces.spf is None else _spf(facts.bounces.spf)
        yield Record(_("Bounces"), facts.bounces.domain, found, tuple(returns.of_domain(facts)))
    if facts.server is not None:
        yield _ptr(facts)


def unusable(error: signatures.KeyUnusable) -> Finding:
    """Return what is to be said of a file that should be a key, and is none."""
    hint = _("Put a key there that openssl has made, or take the file away; until then no mail leaves.")
    return Finding(ERROR, "dkim.unusable", _("A file in DATA_DIR/dkim is no key: %s.") % error, hint)


def _spf(found: Spf | DnsAway) -> tuple[str, ...]:
    return () if isinstance(found, DnsAway) else tuple(found.records)


def _dkim(facts: Facts) -> Iterator[Record]:
    """Yield a row for each of our keys; without any, one for what the mail service or the mail server does."""
    for key, there in zip(facts.keys, facts.dkim, strict=False):
        where = f"{key.selector}._domainkey.{facts.domain}"
        found = (there.text,) if isinstance(there, PublicKey) and there.text else ()
        yield Record("DKIM", where, found, tuple(signed.of_key(key, there)))
    in_all = tuple(signed.in_all(facts))
    if not facts.keys or in_all:
        found_keys = [] if facts.keys else signed.found_keys(facts)
        where = found_keys[0].name if found_keys else ""
        yield Record("DKIM", where, tuple(one.text for one in found_keys), in_all)


def _dmarc(facts: Facts) -> Record:
    found, findings = facts.dmarc, tuple(policy.of_sender(facts))
    if not isinstance(found, Dmarc) or not found.record:
        own = found.own if isinstance(found, Dmarc) else ()
        return Record("DMARC", f"_dmarc.{facts.domain}", own, findings)
    return Record("DMARC", f"_dmarc.{found.at}", (found.record,), findings)


def _mx(facts: Facts) -> tuple[str, ...]:
    return () if isinstance(facts.mx, DnsAway) else facts.mx


def _takes_mail(facts: Facts) -> Iterator[Finding]:
    if isinstance(facts.takes_mail, DnsAway):
        yield away(facts.takes_mail)
    elif not facts.takes_mail:
        message = _("%s takes no mail: replies of readers and bounces are lost.") % facts.domain
        yield Finding(WARNING, "mx.missing", message, _("Publish an MX record that names a mail server."))


def _ptr(facts: Facts) -> Record:
    names = (
        sorted({one for back in facts.server.names.values() for one in back})
        if isinstance(facts.server, Server)
        else []
    )
    return Record("PTR", facts.way.host, tuple(names), tuple(server.of_reverse_names(facts)))
