"""Whether receivers can believe our mails: keys, and the DNS records of the sender's domain, in plain words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import translation
from django.utils.encoding import punycode
from django.utils.translation import gettext as _

from newsletter.mail import domain as dns
from newsletter.mail import signatures
from newsletter.mail.message import shouted
from newsletter.operation.findings import ERROR, INFO, WARNING, Finding
from newsletter.publication.models import Publication

MADE_UP_DOMAINS = ("example.com", "example.org", "example.net")  # RFC 2606 section 3
IN_HOUSE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Record:
    """A kind of DNS record that receivers look for: where, what stands there now, and what is to be said of it."""

    kind: str
    where: str  # a DNS name
    found: tuple[str, ...]
    findings: tuple[Finding, ...]


def sender_domain() -> str:
    return punycode(Publication.objects.current().sender_email.rpartition("@")[2]).lower()


def sender(now: datetime) -> Iterator[Finding]:
    address = Publication.objects.current().sender_email
    if address.rpartition("@")[2].casefold() in MADE_UP_DOMAINS:
        level = ERROR if settings.MAIL_URL else WARNING
        hint = _("Set the sender address under Publication; it needs a domain of your own.")
        yield Finding(level, "sender.made_up", _("Mail would come from %s, which is nobody's.") % address, hint)


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


def dns_records(now: datetime) -> Iterator[Finding]:
    """Ask the DNS about the sender's domain, when mail really leaves."""
    name = sender_domain()
    if not settings.MAIL_URL or name in MADE_UP_DOMAINS:
        return
    try:
        for record in records(name):
            yield from record.findings
    except signatures.KeyUnusable as error:
        yield unusable(error)
    except dns.DnsAway as error:
        yield away(error)


def records(name: str) -> Iterator[Record]:
    """Ask the DNS about a domain. Raises KeyUnusable of mail/signatures.py and DnsAway of mail/domain.py."""
    keys = signatures.keys()
    found = dns.ask(name, [key.selector for key in keys])
    yield Record("SPF", name, tuple(found.spf), tuple(_spf(found)))
    for key in keys:
        there = found.dkim[key.selector]
        yield Record("DKIM", _where(key, name), (there,) if there else (), tuple(_dkim(found, key)))
    if not keys:
        yield Record("DKIM", "", (), tuple(_unsigned()))
    yield Record("DMARC", f"_dmarc.{name}", (found.dmarc,) if found.dmarc else (), tuple(_dmarc(found)))
    yield Record("MX", name, tuple(found.mx), tuple(_mx(found)))
    if host := _own_server(name):
        names = dns.names_back(host)
        yield Record(
            "PTR", host, tuple(sorted({one for back in names.values() for one in back})), tuple(_ptr(host, names))
        )


def unusable(error: signatures.KeyUnusable) -> Finding:
    """Return what is to be said of a file that should be a key, and is none."""
    hint = _("Put a key there that openssl has made, or take the file away; until then no mail leaves.")
    return Finding(ERROR, "dkim.unusable", _("A file in DATA_DIR/dkim is no key: %s.") % error, hint)


def away(error: dns.DnsAway) -> Finding:
    """Return what is to be said when no name server answers."""
    hint = _("Nothing is known of SPF, DKIM and DMARC now. Ask again when this machine has a name server.")
    return Finding(INFO, "dns.away", _("The DNS did not answer (%s).") % error, hint)


def _spf(found: dns.Domain) -> Iterator[Finding]:
    if not found.spf:
        message = _("%s has no SPF record: receivers cannot tell who may send in its name.") % found.name
        hint = _("Publish, as TXT of %(name)s: v=spf1 %(who)s ~all") % {"name": found.name, "who": _spf_sender()}
        yield Finding(WARNING, "spf.missing", message, hint)
    elif len(found.spf) > 1:
        message = _("%(name)s has %(count)d SPF records; receivers take none of them.")
        hint = _("Put everything into one record that begins with v=spf1.")
        yield Finding(ERROR, "spf.several", message % {"name": found.name, "count": len(found.spf)}, hint)
    elif found.spf[0].split()[-1] in {"+all", "all"}:
        hint = _("End the record with ~all or -all.")
        yield Finding(ERROR, "spf.open", _("The SPF record of %s lets everybody send.") % found.name, hint)
    elif found.spf_lookups > dns.LOOKUPS_MAX:
        message = _("The SPF record of %(name)s needs %(count)d lookups; after %(max)d receivers give up.")
        counts = {"name": found.name, "count": found.spf_lookups, "max": dns.LOOKUPS_MAX}
        yield Finding(WARNING, "spf.long", message % counts, _("Take out what you do not send with any more."))


def _spf_sender() -> str:
    """Return the term of an SPF record for our server; a provider names its own."""
    host = urlsplit(settings.BULK_MAIL_URL).hostname or ""
    is_server = settings.BULK_MAIL_URL.startswith("smtp") and host not in IN_HOUSE
    return f"a:{host}" if is_server else _("include:(what your provider says)")


def _dmarc(found: dns.Domain) -> Iterator[Finding]:
    if not found.dmarc:
        message = _("%s has no DMARC record; Gmail and Yahoo ask for one of everybody who sends much.") % found.name
        address = Publication.objects.current().sender_email
        hint = _("Publish, as TXT of _dmarc.%(name)s: v=DMARC1; p=none; rua=mailto:%(address)s")
        yield Finding(WARNING, "dmarc.missing", message, hint % {"name": found.name, "address": address})


def _mx(found: dns.Domain) -> Iterator[Finding]:
    if not found.takes_mail:
        message = _("%s takes no mail: replies of readers and bounces are lost.") % found.name
        yield Finding(WARNING, "mx.missing", message, _("Publish an MX record that names a mail server."))


def _where(key: signatures.Key, name: str) -> str:
    return f"{key.selector}._domainkey.{name}"


def _dkim(found: dns.Domain, key: signatures.Key) -> Iterator[Finding]:
    there = found.dkim[key.selector]
    if _tags(there).get("p") == _tags(key.record)["p"]:
        return
    message = (
        _("The DKIM key “%s” signs our mails, but the DNS has another one under its name.")
        if there
        else _("The DKIM key “%s” signs our mails, but the DNS has no record of it.")
    )
    hint = _("Publish, as TXT of %(where)s: %(record)s") % {"where": _where(key, found.name), "record": key.record}
    yield Finding(ERROR, "dkim.differs" if there else "dkim.missing", message % key.selector, hint)


def _unsigned() -> Iterator[Finding]:
    """Say what this program cannot know, when it has no key and a mail server of the author's takes its mails."""
    if settings.BULK_MAIL_URL.startswith("smtp"):
        message = _("This program does not sign mails; whether your mail server does, it cannot know.")
        hint = _(
            "If it is OpenDKIM, add List-Unsubscribe-Post and Feedback-ID to SignHeaders (RFC 8058 section 4). "
            "If nobody signs, put a key into DATA_DIR/dkim: docs/deploy.md."
        )
        yield Finding(INFO, "mail.dkim", message, hint)


def _tags(record: str) -> dict[str, str]:
    pairs = (tag.partition("=") for tag in record.split(";"))
    return {name.strip(): "".join(value.split()) for name, _equals, value in pairs}


def _own_server(name: str) -> str:
    """Return the host of a mail server within the sender's domain; "" if it is another's."""
    host = (urlsplit(settings.BULK_MAIL_URL).hostname or "").lower()
    return host if settings.BULK_MAIL_URL.startswith("smtp") and host.endswith(f".{name}") else ""


def _ptr(host: str, back: dict[str, list[str]]) -> Iterator[Finding]:
    """Look at the reverse names of a server that mails by itself: receivers refuse it without the right one."""
    for address, names in back.items():
        if host not in names:
            message = _("The address %(address)s of %(host)s leads back to %(names)s.")
            facts = {"address": address, "host": host, "names": ", ".join(names) or _("no name")}
            hint = _("Have whoever gave you the address set its reverse name (PTR) to %s.") % host
            yield Finding(WARNING, "ptr.differs", message % facts, hint)
