"""Whether receivers can believe our mails: what the settings and the DNS say of the sender.

`gather` asks once and within a bounded time; everything after it is pure: Facts in, findings out. What no name server
told is "not known", never wrong. What large receivers ask of senders is in receivers.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import translation
from django.utils.encoding import punycode
from django.utils.translation import gettext as _

from newsletter.mail import authentication, mailers, signatures
from newsletter.mail.authentication import (
    LOOKUPS_MAX,
    RSA_BITS_GOOD,
    Ask,
    Dmarc,
    DnsAway,
    PublicKey,
    Resolver,
    Spf,
    addresses,
    reverse_name,
    tags,
    takes_mail,
)
from newsletter.mail.message import shouted
from newsletter.operation.findings import ERROR, INFO, WARNING, Finding
from newsletter.publication.models import Publication

AWAY = "dns.away"
IN_HOUSE = ("localhost", "127.0.0.1", "::1")
MADE_UP_DOMAINS = ("example.com", "example.org", "example.net")  # RFC 2606 section 3
# Mailboxes for everybody: nobody but their provider can publish records there. Gmail sends mails that only look like
# its own to junk (https://support.google.com/a/answer/81126), Yahoo and AOL ask for "reject".
MAILBOXES = frozenset(
    (
        *("gmail.com", "googlemail.com", "yahoo.com", "yahoo.com.tw", "ymail.com", "aol.com"),
        *("outlook.com", "hotmail.com", "live.com", "msn.com", "icloud.com", "me.com", "mac.com"),
        *("hinet.net", "pchome.com.tw", "seed.net.tw", "proton.me", "protonmail.com", "gmx.com", "gmx.net"),
    )
)


# --- Mail services ---


@dataclass(frozen=True)
class Service:
    """A mail service. page: which records it asks for.

    selectors: of its DKIM keys, where they are the same for everybody. hosts: its SMTP servers. include: its term in
    the SPF of the sender's domain; "" if it needs none there, because it has bounces sent to a domain of its own.
    """

    name: str
    page: str
    selectors: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    include: str = ""


# By the scheme of the mail URL: newsletter/mail/mailers.py, PROVIDERS. Looked up on 2026-11-28.
SERVICES = {
    "brevo": Service(
        "Brevo",
        "https://help.brevo.com/hc/en-us/articles/17286219877778",
        ("brevo1", "brevo2", "mail"),
        ("smtp-relay.brevo.com",),
    ),
    "mailersend": Service(
        "MailerSend", "https://www.mailersend.com/blog/dns-records", ("mlsend2", "mlsend"), ("smtp.mailersend.net",)
    ),
    "mailgun": Service(
        "Mailgun",
        "https://documentation.mailgun.com/docs/mailgun/user-manual/domains/domains-verify",
        ("pdk1", "pdk2", "mx", "k1", "smtp", "pic", "mailo", "krs"),
        ("smtp.mailgun.org", "smtp.eu.mailgun.org"),
    ),
    "mailjet": Service(
        "Mailjet",
        "https://www.mailjet.com/blog/deliverability/mailjet-dmarcbis-is-dead-long-live-dmarc/",
        ("mailjet",),
        ("in-v3.mailjet.com",),
    ),
    "mailtrap": Service(
        "Mailtrap",
        "https://docs.mailtrap.io/email-api-smtp/setup/sending-domain",
        ("rwmt1", "rwmt2"),
        ("live.smtp.mailtrap.io", "bulk.smtp.mailtrap.io"),
    ),
    "mandrill": Service(
        "Mandrill",
        "https://mailchimp.com/developer/transactional/docs/authentication-delivery/",
        ("mte1", "mte2"),
        ("smtp.mandrillapp.com",),
    ),
    "postal": Service("Postal", "https://docs.postalserver.io/getting-started/dns-configuration"),
    "postmark": Service(
        "Postmark",
        "https://postmarkapp.com/blog/introducing-full-dmarc-support-with-custom",
        hosts=("smtp.postmarkapp.com", "smtp-broadcasts.postmarkapp.com"),
    ),
    "resend": Service(
        "Resend", "https://resend.com/docs/dashboard/domains/custom-return-path", ("resend",), ("smtp.resend.com",)
    ),
    "scaleway": Service(
        "Scaleway",
        "https://www.scaleway.com/en/docs/transactional-email/how-to/authenticate-domain",
        hosts=("smtp.tem.scaleway.com",),
        include="include:_spf.tem.scaleway.com",
    ),
    "sendgrid": Service(
        "SendGrid",
        "https://support.sendgrid.com/hc/en-us/articles/21415314709147",
        ("s1", "s2"),
        ("smtp.sendgrid.net",),
    ),
    "ses": Service("Amazon SES", "https://docs.aws.amazon.com/ses/latest/dg/mail-from.html", hosts=(".amazonaws.com",)),
    "sparkpost": Service(
        "SparkPost",
        "https://support.sparkpost.com/docs/tech-resources/custom-bounce-domain",
        hosts=("smtp.sparkpostmail.com", "smtp.eu.sparkpostmail.com"),
    ),
    "unisender-go": Service("Unisender Go", "https://docs.unione.io/en/", ("us",)),
}


def service_of(host: str) -> Service | None:
    """Return whose SMTP server a host is, None for one's own or one that is not known."""
    for service in SERVICES.values():
        if any(host == one or (one.startswith(".") and host.endswith(one)) for one in service.hosts):
            return service
    return None


# --- What is known ---


@dataclass(frozen=True)
class Way:
    """How issues leave. host: of the SMTP server, or what stands in the place of one in the URL of an API."""

    scheme: str
    host: str = ""
    is_encrypted: bool = True
    service: Service | None = None

    @property
    def is_smtp(self) -> bool:
        return self.scheme in mailers.SMTP_SCHEMES

    @property
    def is_own_server(self) -> bool:
        """Return whether a server that is not known to be a mail service's takes our mails by SMTP."""
        return self.is_smtp and self.service is None

    @property
    def takes_our_signatures(self) -> bool:
        """Return whether mails leave as we wrote and signed them; most APIs get fields, and write mails themselves."""
        return self.is_smtp or self.scheme in {"", "ses"}

    @property
    def is_in_house(self) -> bool:
        return self.host in IN_HOUSE


@dataclass(frozen=True)
class Bounces:
    """The domain of the envelope sender, whose SPF counts. is_aligned: None without a DMARC record."""

    domain: str
    spf: Spf | DnsAway
    takes_mail: bool | DnsAway
    is_aligned: bool | DnsAway | None


@dataclass(frozen=True)
class Facts:
    """Everything that is judged. What no name server told is the DnsAway that says so.

    bounces: None where a mail service has them sent to itself. reverse: of a server of the author's, by address, the
    names that it leads back to, and whether one of them leads forth again.
    """

    domain: str
    address: str
    way: Way
    site_is_https: bool
    keys: tuple[signatures.Key, ...]
    reads_returns: bool  # somebody reads what comes back by mail
    hears_provider: bool  # the service reports by webhooks
    spf: Spf | DnsAway
    dkim: tuple[PublicKey | DnsAway, ...]
    dmarc: Dmarc | DnsAway
    mx: tuple[str, ...] | DnsAway
    takes_mail: bool | DnsAway
    bounces: Bounces | None
    reverse: dict[str, tuple[list[str], bool]] | DnsAway | None


def gather(ask: Ask) -> Facts:
    """Ask for everything. Raises KeyUnusable of mail/signatures.py, and never DnsAway."""
    publication = Publication.objects.current()
    domain = domain_of(publication.sender_email)
    way = way_of_issues()
    keys = signatures.keys() if way.takes_our_signatures else ()
    policy = _known(partial(authentication.dmarc, ask, domain))
    return Facts(
        domain=domain,
        address=publication.sender_email,
        way=way,
        site_is_https=urlsplit(settings.SITE_URL).scheme == "https",
        keys=keys,
        reads_returns=bool(settings.MAILBOX_URL and publication.bounces_to),
        hears_provider=bool(settings.WEBHOOK_SECRET),
        spf=_known(partial(authentication.spf, ask, domain)),
        dkim=_keys(ask, domain, way, keys, policy),
        dmarc=policy,
        mx=_known(partial(ask, domain, "MX")),
        takes_mail=_known(partial(takes_mail, ask, domain)),
        bounces=None if way.service else _bounces(ask, policy, domain_of(publication.bounces_to) or domain),
        reverse=_known(partial(_reverse_names, ask, way, domain)),
    )


def domain_of(address: str) -> str:
    """Return the domain of an address as the DNS knows it."""
    return punycode(address.rpartition("@")[2]).lower()


def sender_domain() -> str:
    return domain_of(Publication.objects.current().sender_email)


def way_of_issues() -> Way:
    parts = urlsplit(settings.BULK_MAIL_URL)
    host = (parts.hostname or "").lower()
    if parts.scheme not in mailers.SMTP_SCHEMES:
        return Way(parts.scheme, host, service=SERVICES.get(parts.scheme))
    options = mailers.mailer_from_url(settings.BULK_MAIL_URL, outbox=Path())["OPTIONS"]
    return Way(parts.scheme, host, options["use_ssl"] or options["use_tls"], service_of(host))


def _known[Told](ask_for: Callable[[], Told]) -> Told | DnsAway:
    try:
        return ask_for()
    except DnsAway as away:
        return away


def _keys(
    ask: Ask, domain: str, way: Way, ours: tuple[signatures.Key, ...], policy: Dmarc | DnsAway
) -> tuple[PublicKey | DnsAway, ...]:
    """Look for our keys; without any, for those under the names that the mail service gives to everybody."""
    places, selectors = [domain], [key.selector for key in ours]
    if not ours and way.service:
        selectors = list(way.service.selectors)
        if isinstance(policy, Dmarc) and policy.organisation != domain:
            places.append(policy.organisation)
    names = [(selector, place) for place in places for selector in selectors]
    return tuple(_known(partial(authentication.dkim, ask, selector, place)) for selector, place in names)


def _bounces(ask: Ask, policy: Dmarc | DnsAway, domain: str) -> Bounces:
    def is_aligned() -> bool | DnsAway | None:
        if isinstance(policy, DnsAway):
            return policy
        return authentication.is_aligned(ask, policy, domain) if policy.text else None

    return Bounces(
        domain,
        _known(partial(authentication.spf, ask, domain)),
        _known(partial(takes_mail, ask, domain)),
        _known(is_aligned),
    )


def _reverse_names(ask: Ask, way: Way, domain: str) -> dict[str, tuple[list[str], bool]] | None:
    """Ask for the names of a server within the sender's domain; others look after their own."""
    if not way.is_own_server or way.is_in_house or not (way.host == domain or way.host.endswith(f".{domain}")):
        return None
    names = {one: list(ask(reverse_name(one), "PTR")) for one in addresses(ask, way.host)}
    return {one: (back, any(one in addresses(ask, name) for name in back)) for one, back in names.items()}


# --- The sender's address itself ---


def sender(now: datetime) -> Iterator[Finding]:
    address = Publication.objects.current().sender_email
    level = ERROR if settings.MAIL_URL else WARNING
    hint = _("Set the sender address under Publication; it needs a domain of your own.")
    if domain_of(address) in MADE_UP_DOMAINS:
        yield Finding(level, "sender.made_up", _("Mail would come from %s, which is nobody's.") % address, hint)
    elif domain_of(address) in MAILBOXES:
        message = _("Mail would come from %s, at whose domain only its owner can say who may send.") % address
        yield Finding(level, "sender.mailbox", message, hint)


def subjects(now: datetime) -> Iterator[Finding]:
    """Look at a subject that says the publication's name: that of the first mail that a reader gets."""
    publication = Publication.objects.current()
    with translation.override(publication.language):
        subject = _("Please confirm: %(name)s") % {"name": publication.name}
    if letters := shouted(subject):
        message = _(
            "Some spam filters take “%(subject)s” for shouting: all its Latin letters are capitals (%(letters)s)."
        )
        hint = _(
            "A name with a small letter or no space mends that. "
            "SpamAssassin adds 0.5 points to confirmations, welcomes and changes of address."
        )
        yield Finding(INFO, "sender.capitals", message % {"subject": subject, "letters": letters}, hint)


# --- A row for each kind of record ---


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
    found = [one for record in records(facts) for one in record.findings]
    yield from [one for one in found if one.id == AWAY][:1]
    yield from (one for one in found if one.id != AWAY)
    yield from of_encryption(facts)
    yield from _returns(facts)


def records(facts: Facts) -> Iterator[Record]:
    """Yield the rows of the desk's page."""
    yield Record("SPF", facts.domain, _texts(facts.spf), tuple(_spf_of_sender(facts)))
    yield from _dkim_rows(facts)
    text = (facts.dmarc.text,) if isinstance(facts.dmarc, Dmarc) and facts.dmarc.text else ()
    place = facts.dmarc.place if isinstance(facts.dmarc, Dmarc) and facts.dmarc.text else facts.domain
    yield Record("DMARC", f"_dmarc.{place}", text, tuple(_dmarc(facts)))
    yield Record("MX", facts.domain, facts.mx if isinstance(facts.mx, tuple) else (), tuple(_takes_mail(facts)))
    if facts.bounces and facts.bounces.domain != facts.domain:
        bounces = facts.bounces
        yield Record(_("Bounces"), bounces.domain, _texts(bounces.spf), tuple(_of_bounces(facts, bounces)))
    if facts.reverse is not None:
        names = facts.reverse if isinstance(facts.reverse, dict) else {}
        back = sorted({one for found, _leads_back in names.values() for one in found})
        yield Record("PTR", facts.way.host, tuple(back), tuple(_ptr(facts)))


def unusable(error: signatures.KeyUnusable) -> Finding:
    """Return what is to be said of a file that should be a key, and is none."""
    hint = _("Put a key there that openssl has made, or take the file away; until then no mail leaves.")
    return Finding(ERROR, "dkim.unusable", _("A file in DATA_DIR/dkim is no key: %s.") % error, hint)


def away(error: DnsAway) -> Finding:
    hint = _("So nothing is known of it now, and nothing need be wrong. Ask again later.")
    return Finding(INFO, AWAY, _("The DNS did not answer (%s).") % error, hint)


def _texts(found: Spf | DnsAway) -> tuple[str, ...]:
    return () if isinstance(found, DnsAway) else tuple(found.records)


# --- SPF ---


def _spf_of_sender(facts: Facts) -> Iterator[Finding]:
    service = facts.way.service
    if service and not service.include and isinstance(facts.spf, Spf) and not facts.spf.records:
        message = _(
            "%(domain)s has no SPF record. %(service)s needs none there: receivers look at the domain of bounces."
        )
        hint = _("Publish one as soon as anything else sends in the name of the domain.")
        told = {"domain": facts.domain, "service": service.name}
        yield Finding(INFO, "spf.not_needed", message % told, hint)
    else:
        yield from _spf(facts.domain, facts.spf, facts.way)


def _spf(name: str, found: Spf | DnsAway, way: Way) -> Iterator[Finding]:
    if isinstance(found, DnsAway):
        yield away(found)
    elif not found.records:
        message = _("%s has no SPF record: receivers cannot tell who may send in its name.") % name
        hint = _("Publish, as TXT of %(name)s: v=spf1 %(who)s ~all") % {"name": name, "who": _who(way)}
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
        hint = _("Mend the name, or take the include out.")
        yield Finding(ERROR, "spf.broken", message % {"name": name, "included": found.broken[0]}, hint)


def _who(way: Way) -> str:
    """Return the term of an SPF record for our server; a mail service names its own."""
    if way.service and way.service.include:
        return way.service.include
    is_server = way.is_own_server and not way.is_in_house
    return f"a:{way.host}" if is_server else _("include:(what your provider says)")


# --- DKIM ---


def _dkim_rows(facts: Facts) -> Iterator[Record]:
    """Yield a row for each of our keys; without any, one for what the mail service or the mail server does."""
    if facts.keys:
        for key, there in zip(facts.keys, facts.dkim, strict=True):
            text = (there.text,) if isinstance(there, PublicKey) and there.text else ()
            where = f"{key.selector}._domainkey.{facts.domain}"
            yield Record("DKIM", where, text, (*_dkim(key, there), *_kinds(facts)))
        return
    found = [one for one in facts.dkim if isinstance(one, PublicKey) and one.text]
    findings = [*_strengths(found)] if found else [*_unsigned(facts)]
    yield Record("DKIM", found[0].name if found else "", tuple(one.text for one in found), tuple(findings))


def _dkim(key: signatures.Key, there: PublicKey | DnsAway) -> Iterator[Finding]:
    """Judge one of our own keys by what the DNS has under its name."""
    if isinstance(there, DnsAway):
        yield away(there)
    elif there.material == tags(key.record)["p"]:
        yield from _strengths([there])
    else:
        message = (
            _("The DKIM key “%s” signs our mails, but the DNS has another one under its name.")
            if there.text
            else _("The DKIM key “%s” signs our mails, but the DNS has no record of it.")
        )
        hint = _("Publish, as TXT of %(where)s: %(record)s") % {"where": there.name, "record": key.record}
        yield Finding(ERROR, "dkim.differs" if there.text else "dkim.missing", message % key.selector, hint)


def _kinds(facts: Facts) -> Iterator[Finding]:
    if all(key.kind == "ed25519" for key in facts.keys):
        message = _("All DKIM keys are Ed25519, which not every receiver can check.")
        hint = _("Put an RSA key of 2048 bits beside them: docs/deploy.md.")
        yield Finding(WARNING, "dkim.ed25519_only", message, hint)


def _strengths(published: list[PublicKey]) -> Iterator[Finding]:
    """Judge the length of keys that are published."""
    for key in published:
        if key.bits == 0:
            message = _("The DKIM key of %s cannot be read.") % key.name
            hint = _("Copy the record anew, in one piece and without line breaks.")
            yield Finding(ERROR, "dkim.unreadable", message, hint)
        elif key.kind == "rsa" and key.bits < RSA_BITS_GOOD:
            message = _("The DKIM key of %(name)s has %(bits)d bits; %(good)d are advised.")
            told = {"name": key.name, "bits": key.bits, "good": RSA_BITS_GOOD}
            level = ERROR if key.bits < signatures.RSA_BITS_MIN else INFO
            hint = _("Have a longer key made, and publish it beside this one.")
            yield Finding(level, "dkim.short", message % told, hint)


def _unsigned(facts: Facts) -> Iterator[Finding]:
    """Say what is known of signatures where none of our keys signs, and none of a mail service was found."""
    unanswered = [one for one in facts.dkim if isinstance(one, DnsAway)]
    if unanswered:
        yield away(unanswered[0])
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
        told = {"service": service.name, "names": names, "page": service.page}
        yield Finding(WARNING, "dkim.service", message % told, hint % told)


# --- DMARC ---


def _dmarc(facts: Facts) -> Iterator[Finding]:
    found = facts.dmarc
    if isinstance(found, DnsAway):
        yield away(found)
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
        yield Finding(ERROR, "dmarc.broken", message % found.place, hint)
    elif found.policy == "none":
        message = _("DMARC only watches (p=none): a mail that somebody else sends in your name arrives as well.")
        hint = _("After some weeks of reports without surprises, change it to p=quarantine, later to p=reject.")
        yield Finding(INFO, "dmarc.none", message, hint)


# --- What comes back, and a mail server of one's own ---


def _takes_mail(facts: Facts) -> Iterator[Finding]:
    if isinstance(facts.takes_mail, DnsAway):
        yield away(facts.takes_mail)
    elif not facts.takes_mail:
        message = _("%s takes no mail: replies of readers and bounces are lost.") % facts.domain
        yield Finding(WARNING, "mx.missing", message, _("Publish an MX record that names a mail server."))


def _of_bounces(facts: Facts, bounces: Bounces) -> Iterator[Finding]:
    """Judge a domain of bounces that is not the sender's, by which receivers check SPF."""
    if isinstance(bounces.is_aligned, DnsAway):
        yield away(bounces.is_aligned)
    elif bounces.is_aligned is False and isinstance(facts.dmarc, Dmarc):
        message = _("Bounces go to %(bounces)s, which does not stand for %(domain)s: DMARC rests on DKIM alone.")
        hint = (
            _("The DMARC record asks for the very same domain (aspf=s); take that out, or use an address at %s.")
            if facts.dmarc.is_strict
            else _("Use an address for bounces at %s, or below it.")
        )
        place = facts.domain if facts.dmarc.is_strict else facts.dmarc.organisation
        told = {"bounces": bounces.domain, "domain": facts.domain}
        yield Finding(WARNING, "bounces.unaligned", message % told, hint % place)
    yield from _spf(bounces.domain, bounces.spf, facts.way)
    if bounces.takes_mail is False:
        message = _("%s takes no mail: bounces are lost.") % bounces.domain
        yield Finding(WARNING, "bounces.no_mx", message, _("Publish an MX record that names a mail server."))


def _returns(facts: Facts) -> Iterator[Finding]:
    """Say what is lost while nobody reads what comes back."""
    if not (facts.reads_returns or facts.hears_provider):
        message = _("Nobody reads what comes back: addresses that die later, and complaints, stay unknown.")
        hint = _(
            "Set MAILBOX_URL and an address for bounces: docs/deploy.md. Letters then have a second address to leave "
            "by, for which Apple Mail shows its button, and receivers can send complaints there."
        )
        yield Finding(INFO, "returns.unread", message, hint)


def _ptr(facts: Facts) -> Iterator[Finding]:
    """Look at the reverse names of a server that mails by itself: receivers refuse it without one that leads back."""
    if isinstance(facts.reverse, DnsAway):
        yield away(facts.reverse)
        return
    for address, (names, leads_back) in (facts.reverse or {}).items():
        if not leads_back:
            message = _("The address %(address)s of %(host)s leads back to %(names)s.")
            told = {"address": address, "host": facts.way.host, "names": ", ".join(names) or _("no name")}
            hint = _("Have whoever gave you the address set its reverse name (PTR) to %s.") % facts.way.host
            yield Finding(WARNING, "ptr.differs", message % told, hint)


def of_encryption(facts: Facts) -> Iterator[Finding]:
    way = facts.way
    if way.is_smtp and not way.is_encrypted and not way.is_in_house:
        message = _("Mails travel to %s in the open.") % way.host
        hint = _("Write smtp+tls:// or smtps:// in MAIL_URL, and see that the server sends on with TLS.")
        yield Finding(WARNING, "tls.off", message, hint)
