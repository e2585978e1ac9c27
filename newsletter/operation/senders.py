"""Email authentication of the sender: SPF, DKIM, DMARC, MX and PTR.

`gather_facts` queries once within a bounded time; the rest is pure: SenderFacts in, findings out. An unanswered query
is "not known", never an error.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.encoding import punycode
from django.utils.translation import gettext as _

from newsletter.mail import dkim_signing, email_authentication, mailers
from newsletter.mail.email_authentication import (
    LOOKUPS_MAX,
    RSA_BITS_GOOD,
    Dmarc,
    DnsUnavailable,
    Lookup,
    PublicKey,
    Resolver,
    Spf,
    host_addresses,
    parse_tags,
    reverse_name,
    takes_mail,
)
from newsletter.operation.findings import ERROR, INFO, WARNING, Finding
from newsletter.publication.mail_server import bulk_mail_url, mail_url
from newsletter.publication.models import Publication

DNS_AWAY = "dns.away"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
EXAMPLE_DOMAINS = ("example.com", "example.org", "example.net")  # RFC 2606 section 3
# Freemail domains: only their owner can publish DNS records. Gmail marks mails that claim to be from gmail.com
# as spam (https://support.google.com/a/answer/81126), Yahoo and AOL publish p=reject.
FREEMAIL = frozenset(
    (
        *("gmail.com", "googlemail.com", "yahoo.com", "yahoo.com.tw", "ymail.com", "aol.com"),
        *("outlook.com", "hotmail.com", "live.com", "msn.com", "icloud.com", "me.com", "mac.com"),
        *("hinet.net", "pchome.com.tw", "seed.net.tw", "proton.me", "protonmail.com", "gmx.com", "gmx.net"),
    )
)


@dataclass(frozen=True)
class MailService:
    """page: documents the records it needs.

    selectors: of its DKIM keys, if all customers share them. hosts: its SMTP servers. include: its term in the SPF of
    the sender's domain; "" if it needs none, because bounces go to its own domain.
    """

    name: str
    page: str
    selectors: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    include: str = ""


# By scheme of the mail URL: newsletter/mail/mailers.py, PROVIDERS. Looked up on 2026-11-28.
SERVICES = {
    "brevo": MailService("Brevo", "https://help.brevo.com/hc/en-us/articles/17286219877778",
        ("brevo1", "brevo2", "mail"), ("smtp-relay.brevo.com",)),
    "mailersend": MailService("MailerSend", "https://www.mailersend.com/blog/dns-records",
        ("mlsend2", "mlsend"), ("smtp.mailersend.net",)),
    "mailgun": MailService("Mailgun",
        "https://documentation.mailgun.com/docs/mailgun/user-manual/domains/domains-verify",
        ("pdk1", "pdk2", "mx", "k1", "smtp", "pic", "mailo", "krs"), ("smtp.mailgun.org", "smtp.eu.mailgun.org")),
    "mailjet": MailService("Mailjet",
        "https://www.mailjet.com/blog/deliverability/mailjet-dmarcbis-is-dead-long-live-dmarc/",
        ("mailjet",), ("in-v3.mailjet.com",)),
    "mailtrap": MailService("Mailtrap", "https://docs.mailtrap.io/email-api-smtp/setup/sending-domain",
        ("rwmt1", "rwmt2"), ("live.smtp.mailtrap.io", "bulk.smtp.mailtrap.io")),
    "mandrill": MailService("Mandrill", "https://mailchimp.com/developer/transactional/docs/authentication-delivery/",
        ("mte1", "mte2"), ("smtp.mandrillapp.com",)),
    "postal": MailService("Postal", "https://docs.postalserver.io/getting-started/dns-configuration"),
    "postmark": MailService("Postmark", "https://postmarkapp.com/blog/introducing-full-dmarc-support-with-custom",
        hosts=("smtp.postmarkapp.com", "smtp-broadcasts.postmarkapp.com")),
    "resend": MailService("Resend", "https://resend.com/docs/dashboard/domains/custom-return-path",
        ("resend",), ("smtp.resend.com",)),
    "scaleway": MailService("Scaleway",
        "https://www.scaleway.com/en/docs/transactional-email/how-to/authenticate-domain",
        hosts=("smtp.tem.scaleway.com",), include="include:_spf.tem.scaleway.com"),
    "sendgrid": MailService("SendGrid", "https://support.sendgrid.com/hc/en-us/articles/21415314709147",
        ("s1", "s2"), ("smtp.sendgrid.net",)),
    "ses": MailService("Amazon SES", "https://docs.aws.amazon.com/ses/latest/dg/mail-from.html",
        hosts=(".amazonaws.com",)),
    "sparkpost": MailService("SparkPost", "https://support.sparkpost.com/docs/tech-resources/custom-bounce-domain",
        hosts=("smtp.sparkpostmail.com", "smtp.eu.sparkpostmail.com")),
    "unisender-go": MailService("Unisender Go", "https://docs.unione.io/en/", ("us",)),
}  # fmt: skip


def mail_service_of(host: str) -> MailService | None:
    """The service of an SMTP host, None for an own or unknown server."""
    for service in SERVICES.values():
        if any(host == one or (one.startswith(".") and host.endswith(one)) for one in service.hosts):
            return service
    return None


@dataclass(frozen=True)
class MailRoute:
    """How issues are sent. host: of the mail URL."""

    scheme: str
    host: str = ""
    is_encrypted: bool = True
    service: MailService | None = None

    @property
    def is_smtp(self) -> bool:
        return self.scheme in mailers.SMTP_SCHEMES

    @property
    def is_own_server(self) -> bool:
        """An SMTP server of no known mail service."""
        return self.is_smtp and self.service is None

    @property
    def takes_our_signatures(self) -> bool:
        """Are mails sent with our DKIM signature? Most APIs take fields and build the mail themselves."""
        return self.is_smtp or self.scheme in {"", "ses"}

    @property
    def is_in_house(self) -> bool:
        return self.host in LOCAL_HOSTS


@dataclass(frozen=True)
class BounceDomain:
    """The envelope sender's domain, which SPF checks. is_aligned: None without a DMARC record."""

    domain: str
    spf: Spf | DnsUnavailable
    takes_mail: bool | DnsUnavailable
    is_aligned: bool | DnsUnavailable | None


@dataclass(frozen=True)
class SenderFacts:
    """Everything the checks need. An unanswered query is its DnsUnavailable.

    bounces: None if a mail service uses its own domain. reverse: of our own server, by address: its PTR names, and
    whether one of them resolves back.
    """

    domain: str
    address: str
    way: MailRoute
    keys: tuple[dkim_signing.DkimKey, ...]
    reads_returns: bool  # bounces by mail are processed
    has_provider_reports: bool  # webhooks of the service are processed
    spf: Spf | DnsUnavailable
    dkim: tuple[PublicKey | DnsUnavailable, ...]
    dmarc: Dmarc | DnsUnavailable
    mx: tuple[str, ...] | DnsUnavailable
    takes_mail: bool | DnsUnavailable
    bounces: BounceDomain | None
    reverse: dict[str, tuple[list[str], bool]] | DnsUnavailable | None


def gather_facts(ask: Lookup) -> SenderFacts:
    """Make all queries. Raises InvalidKey, never DnsUnavailable."""
    publication = Publication.objects.current()
    domain = dns_domain(publication.sender_email)
    way = bulk_route()
    keys = dkim_signing.load_keys() if way.takes_our_signatures else ()
    policy = _or_unavailable(partial(email_authentication.lookup_dmarc, ask, domain))
    return SenderFacts(
        domain=domain,
        address=publication.sender_email,
        way=way,
        keys=keys,
        reads_returns=bool(settings.MAILBOX_URL and publication.bounces_to),
        has_provider_reports=bool(settings.WEBHOOK_SECRET),
        spf=_or_unavailable(partial(email_authentication.lookup_spf, ask, domain)),
        dkim=_keys(ask, domain, way, keys, policy),
        dmarc=policy,
        mx=_or_unavailable(partial(ask, domain, "MX")),
        takes_mail=_or_unavailable(partial(takes_mail, ask, domain)),
        bounces=None if way.service else _bounces(ask, policy, dns_domain(publication.bounces_to) or domain),
        reverse=_or_unavailable(partial(_reverse_names, ask, way, domain)),
    )


def dns_domain(address: str) -> str:
    """The domain of an address, in punycode."""
    return punycode(address.rpartition("@")[2]).lower()


def sender_domain() -> str:
    return dns_domain(Publication.objects.current().sender_email)


def bulk_route() -> MailRoute:
    url = bulk_mail_url()
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if parts.scheme not in mailers.SMTP_SCHEMES:
        return MailRoute(parts.scheme, host, service=SERVICES.get(parts.scheme))
    options = mailers.mailer_from_url(url, outbox=Path())["OPTIONS"]
    return MailRoute(parts.scheme, host, options["use_ssl"] or options["use_tls"], mail_service_of(host))


def _or_unavailable[T](ask_for: Callable[[], T]) -> T | DnsUnavailable:
    try:
        return ask_for()
    except DnsUnavailable as error:
        return error


def _keys(
    ask: Lookup, domain: str, way: MailRoute, ours: tuple[dkim_signing.DkimKey, ...], policy: Dmarc | DnsUnavailable
) -> tuple[PublicKey | DnsUnavailable, ...]:
    """Look up our keys; without any, those under the service's fixed selectors."""
    places, selectors = [domain], [key.selector for key in ours]
    if not ours and way.service:
        selectors = list(way.service.selectors)
        if isinstance(policy, Dmarc) and policy.organisation != domain:
            places.append(policy.organisation)
    names = [(selector, place) for place in places for selector in selectors]
    return tuple(
        _or_unavailable(partial(email_authentication.lookup_dkim, ask, selector, place)) for selector, place in names
    )


def _bounces(ask: Lookup, policy: Dmarc | DnsUnavailable, domain: str) -> BounceDomain:
    def is_aligned() -> bool | DnsUnavailable | None:
        if isinstance(policy, DnsUnavailable):
            return policy
        return email_authentication.is_aligned(ask, policy, domain) if policy.text else None

    return BounceDomain(
        domain,
        _or_unavailable(partial(email_authentication.lookup_spf, ask, domain)),
        _or_unavailable(partial(takes_mail, ask, domain)),
        _or_unavailable(is_aligned),
    )


def _reverse_names(ask: Lookup, way: MailRoute, domain: str) -> dict[str, tuple[list[str], bool]] | None:
    """PTR names of a server within the sender's domain; None for other servers."""
    if not way.is_own_server or way.is_in_house or not (way.host == domain or way.host.endswith(f".{domain}")):
        return None
    names = {one: list(ask(reverse_name(one), "PTR")) for one in host_addresses(ask, way.host)}
    return {one: (back, any(one in host_addresses(ask, name) for name in back)) for one, back in names.items()}


def sender_findings(now: datetime) -> Iterator[Finding]:
    address = Publication.objects.current().sender_email
    level = ERROR if mail_url() else WARNING
    hint = _("Set the sender address in Settings, Sender; it needs a domain of your own.")
    if dns_domain(address) in EXAMPLE_DOMAINS:
        yield Finding(level, "sender.made_up", _("Mail would come from %s, an address nobody owns.") % address, hint)
    elif dns_domain(address) in FREEMAIL:
        message = _("Mail would come from %s, at whose domain only its owner can say who may send.") % address
        yield Finding(level, "sender.mailbox", message, hint)


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """A DNS record with its findings. where: the DNS name. found: its current values."""

    kind: str
    where: str
    found: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def is_unknown(self) -> bool:
        return any(one.id == DNS_AWAY for one in self.findings)


def dns_findings(now: datetime) -> Iterator[Finding]:
    """DNS findings, if mail is really sent. An unresponsive DNS is reported once."""
    if not mail_url() or sender_domain() in EXAMPLE_DOMAINS:
        return
    try:
        facts = gather_facts(Resolver())
    except dkim_signing.InvalidKey as error:
        yield bad_key_finding(error)
        return
    found = [one for record in dns_rows(facts) for one in record.findings]
    yield from [one for one in found if one.id == DNS_AWAY][:1]
    yield from (one for one in found if one.id != DNS_AWAY)
    yield from route_findings(facts)


def dns_rows(facts: SenderFacts) -> Iterator[DnsRecord]:
    yield DnsRecord("SPF", facts.domain, _texts(facts.spf), tuple(_spf_of_sender(facts)))
    yield from _dkim_rows(facts)
    text = (facts.dmarc.text,) if isinstance(facts.dmarc, Dmarc) and facts.dmarc.text else ()
    place = facts.dmarc.record_domain if isinstance(facts.dmarc, Dmarc) and facts.dmarc.text else facts.domain
    yield DnsRecord("DMARC", f"_dmarc.{place}", text, tuple(_dmarc(facts)))
    yield DnsRecord("MX", facts.domain, facts.mx if isinstance(facts.mx, tuple) else (), tuple(_takes_mail(facts)))
    if facts.bounces and facts.bounces.domain != facts.domain:
        bounces = facts.bounces
        yield DnsRecord(
            _("Bounces"), bounces.domain, _texts(bounces.spf), tuple(_bounce_domain_findings(facts, bounces))
        )
    if facts.reverse is not None:
        names = facts.reverse if isinstance(facts.reverse, dict) else {}
        back = sorted({one for found, _leads_back in names.values() for one in found})
        yield DnsRecord("PTR", facts.way.host, tuple(back), tuple(_ptr(facts)))


def bad_key_finding(error: dkim_signing.InvalidKey) -> Finding:
    hint = _("Put a key there that openssl has made, or take the file away; until then no mail leaves.")
    return Finding(ERROR, "dkim.unusable", _("A file in DATA_DIR/dkim is no key: %s.") % error, hint)


def dns_away_finding(error: DnsUnavailable) -> Finding:
    hint = _("So nothing is known of it now, and nothing need be wrong. Ask again later.")
    return Finding(INFO, DNS_AWAY, _("The DNS did not answer (%s).") % error, hint)


def _texts(found: Spf | DnsUnavailable) -> tuple[str, ...]:
    return () if isinstance(found, DnsUnavailable) else tuple(found.records)


def _spf_of_sender(facts: SenderFacts) -> Iterator[Finding]:
    service = facts.way.service
    if service and not service.include and isinstance(facts.spf, Spf) and not facts.spf.records:
        message = _(
            "%(domain)s has no SPF record. %(service)s needs none there: receivers look at the domain of bounces."
        )
        hint = _("Publish one as soon as anything else sends in the name of the domain.")
        values = {"domain": facts.domain, "service": service.name}
        yield Finding(INFO, "spf.not_needed", message % values, hint)
    else:
        yield from _spf(facts.domain, facts.spf, facts.way)


def _spf(name: str, found: Spf | DnsUnavailable, way: MailRoute) -> Iterator[Finding]:
    if isinstance(found, DnsUnavailable):
        yield dns_away_finding(found)
    elif not found.records:
        message = _("%s has no SPF record: receivers cannot tell who may send in its name.") % name
        hint = _("Publish, as TXT of %(name)s: v=spf1 %(who)s ~all") % {"name": name, "who": _spf_term(way)}
        yield Finding(WARNING, "spf.missing", message, hint)
    elif len(found.records) > 1:
        message = _("%(name)s has %(count)d SPF records; receivers take none of them.")
        hint = _("Put everything into one record that begins with v=spf1.")
        yield Finding(ERROR, "spf.several", message % {"name": name, "count": len(found.records)}, hint)
    elif found.is_open:
        hint = _("End the record with ~all or -all.")
        yield Finding(ERROR, "spf.open", _("The SPF record of %s lets everybody send.") % name, hint)
    elif found.lookups > LOOKUPS_MAX:
        message = _("The SPF record of %(name)s needs more than %(max)d lookups, after which receivers give up.")
        hint = _("Take out what you do not send with any more.")
        yield Finding(WARNING, "spf.long", message % {"name": name, "max": LOOKUPS_MAX}, hint)
    elif found.broken:
        message = _("The SPF record of %(name)s includes %(included)s, which has none: receivers take none of it.")
        hint = _("Correct the name, or remove the include.")
        yield Finding(ERROR, "spf.broken", message % {"name": name, "included": found.broken[0]}, hint)


def _spf_term(way: MailRoute) -> str:
    if way.service and way.service.include:
        return way.service.include
    is_server = way.is_own_server and not way.is_in_house
    return f"a:{way.host}" if is_server else _("include:(what your provider says)")


def _dkim_rows(facts: SenderFacts) -> Iterator[DnsRecord]:
    """One row per own key; without any, one for the service's or server's signature."""
    if facts.keys:
        for key, there in zip(facts.keys, facts.dkim, strict=True):
            text = (there.text,) if isinstance(there, PublicKey) and there.text else ()
            where = f"{key.selector}._domainkey.{facts.domain}"
            yield DnsRecord("DKIM", where, text, (*_dkim(key, there), *_key_kind_findings(facts)))
        return
    found = [one for one in facts.dkim if isinstance(one, PublicKey) and one.text]
    findings = [*_key_length_findings(found)] if found else [*_no_key_findings(facts)]
    yield DnsRecord("DKIM", found[0].name if found else "", tuple(one.text for one in found), tuple(findings))


def _dkim(key: dkim_signing.DkimKey, there: PublicKey | DnsUnavailable) -> Iterator[Finding]:
    """Compare an own key with its DNS record."""
    if isinstance(there, DnsUnavailable):
        yield dns_away_finding(there)
    elif there.base64_key == parse_tags(key.record)["p"]:
        yield from _key_length_findings([there])
    else:
        message = (
            _("The DKIM key “%s” signs our mails, but the DNS has another one under its name.")
            if there.text
            else _("The DKIM key “%s” signs our mails, but the DNS has no record of it.")
        )
        hint = _("Publish, as TXT of %(where)s: %(record)s") % {"where": there.name, "record": key.record}
        yield Finding(ERROR, "dkim.differs" if there.text else "dkim.missing", message % key.selector, hint)


def _key_kind_findings(facts: SenderFacts) -> Iterator[Finding]:
    if all(key.kind == "ed25519" for key in facts.keys):
        message = _("All DKIM keys are Ed25519, which not every receiver can check.")
        hint = _("Put an RSA key of 2048 bits beside them: docs/deploy.md.")
        yield Finding(WARNING, "dkim.ed25519_only", message, hint)


def _key_length_findings(published: list[PublicKey]) -> Iterator[Finding]:
    for key in published:
        if key.bits == 0:
            message = _("The DKIM key of %s cannot be read.") % key.name
            hint = _("Copy the record again, in one piece and without line breaks.")
            yield Finding(ERROR, "dkim.unreadable", message, hint)
        elif key.kind == "rsa" and key.bits < RSA_BITS_GOOD:
            message = _("The DKIM key of %(name)s has %(bits)d bits; %(good)d are advised.")
            values = {"name": key.name, "bits": key.bits, "good": RSA_BITS_GOOD}
            level = ERROR if key.bits < dkim_signing.RSA_BITS_MIN else INFO
            hint = _("Have a longer key made, and publish it beside this one.")
            yield Finding(level, "dkim.short", message % values, hint)


def _no_key_findings(facts: SenderFacts) -> Iterator[Finding]:
    """When we do not sign and no key of a service was found."""
    unanswered = [one for one in facts.dkim if isinstance(one, DnsUnavailable)]
    if unanswered:
        yield dns_away_finding(unanswered[0])
    elif facts.way.is_own_server:
        message = _("This program does not sign mails; whether your mail server does, it cannot know.")
        hint = _(
            "If it is OpenDKIM, add List-Unsubscribe-Post and Feedback-ID to SignHeaders (RFC 8058 section 4). "
            "If nobody signs, put a key into DATA_DIR/dkim: docs/deploy.md."
        )
        yield Finding(INFO, "mail.dkim", message, hint)
    elif facts.way.service and facts.way.service.selectors:
        service = facts.way.service
        names = ", ".join(f"{one}._domainkey.{facts.domain}" for one in service.selectors[:2])
        message = _("No DKIM key of %(service)s was found under %(names)s.")
        hint = _(
            "Publish the records that it asks for (%(page)s). "
            "If it shows other names, and calls the domain verified, all is well."
        )
        values = {"service": service.name, "names": names, "page": service.page}
        yield Finding(WARNING, "dkim.service", message % values, hint % values)


def _dmarc(facts: SenderFacts) -> Iterator[Finding]:
    found = facts.dmarc
    if isinstance(found, DnsUnavailable):
        yield dns_away_finding(found)
    elif len(found.own) > 1:
        message = _("%(name)s has %(count)d DMARC records; receivers take none of them.")
        hint = _("Leave one of them.")
        yield Finding(ERROR, "dmarc.several", message % {"name": found.domain, "count": len(found.own)}, hint)
    elif not found.text:
        message = _("%s has no DMARC record; Gmail and Yahoo ask for one of everybody who sends much.") % found.domain
        hint = _("Publish, as TXT of _dmarc.%(name)s: v=DMARC1; p=none; rua=mailto:%(address)s")
        yield Finding(WARNING, "dmarc.missing", message, hint % {"name": found.domain, "address": facts.address})
    elif not found.policy:
        message = _("The DMARC record of %s asks for nothing that receivers understand, so it counts as none.")
        hint = _("It needs p=none, p=quarantine or p=reject; sp and np take the same words.")
        yield Finding(ERROR, "dmarc.broken", message % found.record_domain, hint)
    elif found.policy == "none":
        message = _("DMARC only watches (p=none): a mail that somebody else sends in your name arrives as well.")
        hint = _("After some weeks of reports without surprises, change it to p=quarantine, later to p=reject.")
        yield Finding(INFO, "dmarc.none", message, hint)


def _takes_mail(facts: SenderFacts) -> Iterator[Finding]:
    if isinstance(facts.takes_mail, DnsUnavailable):
        yield dns_away_finding(facts.takes_mail)
    elif not facts.takes_mail:
        message = _("%s takes no mail: replies of readers and bounces are lost.") % facts.domain
        yield Finding(WARNING, "mx.missing", message, _("Publish an MX record that names a mail server."))


def _bounce_domain_findings(facts: SenderFacts, bounces: BounceDomain) -> Iterator[Finding]:
    """Check a bounce domain other than the sender's."""
    if isinstance(bounces.is_aligned, DnsUnavailable):
        yield dns_away_finding(bounces.is_aligned)
    elif bounces.is_aligned is False and isinstance(facts.dmarc, Dmarc):
        message = _("Bounces go to %(bounces)s, which does not stand for %(domain)s: DMARC rests on DKIM alone.")
        hint = (
            _("The DMARC record asks for the very same domain (aspf=s); take that out, or use an address at %s.")
            if facts.dmarc.is_strict
            else _("Use an address for bounces at %s, or below it.")
        )
        place = facts.domain if facts.dmarc.is_strict else facts.dmarc.organisation
        values = {"bounces": bounces.domain, "domain": facts.domain}
        yield Finding(WARNING, "bounces.unaligned", message % values, hint % place)
    yield from _spf(bounces.domain, bounces.spf, facts.way)
    if bounces.takes_mail is False:
        message = _("%s takes no mail: bounces are lost.") % bounces.domain
        yield Finding(WARNING, "bounces.no_mx", message, _("Publish an MX record that names a mail server."))


def _ptr(facts: SenderFacts) -> Iterator[Finding]:
    """PTR of our own mail server: receivers reject one without forward-confirmed reverse DNS."""
    if isinstance(facts.reverse, DnsUnavailable):
        yield dns_away_finding(facts.reverse)
        return
    for address, (names, leads_back) in (facts.reverse or {}).items():
        if not leads_back:
            message = _("The address %(address)s of %(host)s leads back to %(names)s.")
            values = {"address": address, "host": facts.way.host, "names": ", ".join(names) or _("no name")}
            hint = _("Have whoever gave you the address set its reverse name (PTR) to %s.") % facts.way.host
            yield Finding(WARNING, "ptr.differs", message % values, hint)


def route_findings(facts: SenderFacts) -> Iterator[Finding]:
    """Whether mails leave encrypted, and whether bounces and complaints are processed."""
    way = facts.way
    if way.is_smtp and not way.is_encrypted and not way.is_in_house:
        message = _("Mails travel to %s in the open.") % way.host
        hint = _("Write smtp+tls:// or smtps:// in MAIL_URL, and see that the server sends on with TLS.")
        yield Finding(WARNING, "tls.off", message, hint)
    if not (facts.reads_returns or facts.has_provider_reports):
        message = _("Nobody reads what comes back: addresses that die later, and complaints, stay unknown.")
        hint = _(
            "Set MAILBOX_URL and an address for bounces: docs/deploy.md. Letters then have a second address to leave "
            "by, for which Apple Mail shows its button, and receivers can send complaints there."
        )
        yield Finding(INFO, "returns.unread", message, hint)
