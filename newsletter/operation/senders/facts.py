"""What is known of the sender: settings, through whom mails leave, and what the DNS says. Asks, and judges nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.encoding import punycode
from django.utils.translation import gettext as _

from newsletter.mail import mailers, signatures
from newsletter.mail.authentication import (
    Ask,
    Dmarc,
    DnsAway,
    PublicKey,
    Spf,
    addresses,
    is_aligned,
    read_dkim,
    read_dmarc,
    read_spf,
    reverse_name,
    takes_mail,
)
from newsletter.operation.findings import INFO, Finding
from newsletter.operation.senders.providers import PROVIDERS, Provider, of_host
from newsletter.publication.models import Publication

AWAY = "dns.away"
IN_HOUSE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Way:
    """How issues leave. host: of the SMTP server, or what stands in the place of one in the URL of an API."""

    scheme: str
    host: str = ""
    is_encrypted: bool = True
    provider: Provider | None = None

    @property
    def is_smtp(self) -> bool:
        return self.scheme in mailers.SMTP_SCHEMES

    @property
    def is_own_server(self) -> bool:
        """Return whether a server that is not known to be a mail service's takes our mails by SMTP."""
        return self.is_smtp and self.provider is None

    @property
    def takes_our_signatures(self) -> bool:
        """Return whether mails leave as we wrote and signed them; most APIs get fields, and write mails themselves."""
        return self.is_smtp or self.scheme in {"", "ses"}

    @property
    def is_in_house(self) -> bool:
        return self.host in IN_HOUSE


@dataclass(frozen=True)
class Bounces:
    """The domain of the envelope sender: where bounces go, and whose SPF counts. domain: "" if only a service knows.

    is_aligned: None without a DMARC record.
    """

    domain: str = ""
    spf: Spf | DnsAway | None = None
    takes_mail: bool | DnsAway = True
    is_aligned: bool | DnsAway | None = None


@dataclass(frozen=True)
class Server:
    """A mail server of the author's. back: by address, the names it leads back to that lead forth to it again."""

    host: str
    names: dict[str, list[str]]
    confirmed: dict[str, list[str]]


@dataclass(frozen=True)
class Facts:
    """Everything that is judged. What no name server told is the DnsAway that says so."""

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
    bounces: Bounces
    server: Server | DnsAway | None


def gather(ask: Ask) -> Facts:
    """Ask for everything. Raises KeyUnusable of mail/signatures.py, and never DnsAway."""
    publication = Publication.objects.current()
    domain = domain_of(publication.sender_email)
    way, keys = way_of_issues(), signatures.keys()
    keys = keys if way.takes_our_signatures else ()
    policy = _known(partial(read_dmarc, ask, domain))
    return Facts(
        domain=domain,
        address=publication.sender_email,
        way=way,
        site_is_https=urlsplit(settings.SITE_URL).scheme == "https",
        keys=keys,
        reads_returns=bool(settings.MAILBOX_URL and publication.bounces_to),
        hears_provider=bool(settings.WEBHOOK_SECRET),
        spf=_known(partial(read_spf, ask, domain)),
        dkim=_keys(ask, domain, way, keys, policy),
        dmarc=policy,
        mx=_known(lambda: ask(domain, "MX")),
        takes_mail=_known(partial(takes_mail, ask, domain)),
        bounces=_bounces(ask, policy, _return_domain(ask, domain, way, publication.bounces_to)),
        server=_known(partial(_server, ask, way, domain)),
    )


def domain_of(address: str) -> str:
    """Return the domain of an address as the DNS knows it."""
    return punycode(address.rpartition("@")[2]).lower()


def way_of_issues() -> Way:
    parts = urlsplit(settings.BULK_MAIL_URL)
    host = (parts.hostname or "").lower()
    if parts.scheme not in mailers.SMTP_SCHEMES:
        return Way(parts.scheme, host, provider=PROVIDERS.get(parts.scheme))
    options = mailers.mailer_from_url(settings.BULK_MAIL_URL, outbox=Path())["OPTIONS"]
    return Way(parts.scheme, host, options["use_ssl"] or options["use_tls"], of_host(host))


def _known[Told](ask_for: Callable[[], Told]) -> Told | DnsAway:
    try:
        return ask_for()
    except DnsAway as away:
        return away


def _keys(
    ask: Ask, domain: str, way: Way, ours: tuple[signatures.Key, ...], policy: Dmarc | DnsAway
) -> tuple[PublicKey | DnsAway, ...]:
    """Look for our keys; without any, for those under the names that the mail service gives to everybody."""
    if ours or way.provider is None:
        return tuple(_known(partial(read_dkim, ask, key.selector, domain)) for key in ours)
    places = [domain]
    if not isinstance(policy, DnsAway) and not policy.is_strict("adkim") and policy.organisation != domain:
        places.append(policy.organisation)
    names = [(selector, place) for place in places for selector in way.provider.selectors]
    return tuple(_known(partial(read_dkim, ask, selector, place)) for selector, place in names)


def _return_domain(ask: Ask, domain: str, way: Way, bounces_to: str) -> str:
    """Return the domain of the envelope sender, "" where only the mail service knows it."""
    if way.provider is None:
        return domain_of(bounces_to) if bounces_to else domain
    if way.scheme == "mailgun":
        return way.host  # it sends by the domain that the URL names
    name = way.provider.return_path.format(domain=domain)
    records: tuple[str, ...] | DnsAway = ()
    if name:
        records = _known(lambda: ask(name, "MX") or ask(name, "TXT"))
    return name if records else ""  # where nobody answers, too: it is asked again, and not known


def _bounces(ask: Ask, policy: Dmarc | DnsAway, domain: str) -> Bounces:
    if not domain:
        return Bounces()
    return Bounces(
        domain,
        _known(partial(read_spf, ask, domain)),
        _known(partial(takes_mail, ask, domain)),
        _known(partial(_is_aligned, ask, policy, domain)),
    )


def _is_aligned(ask: Ask, policy: Dmarc | DnsAway, domain: str) -> bool | DnsAway | None:
    if isinstance(policy, DnsAway):
        return policy
    return is_aligned(ask, policy, domain, tag="aspf") if policy.record else None


def _server(ask: Ask, way: Way, domain: str) -> Server | None:
    """Ask for the names of a server within the sender's domain; others look after their own."""
    if not way.is_own_server or way.is_in_house or not (way.host == domain or way.host.endswith(f".{domain}")):
        return None
    names = {one: list(ask(reverse_name(one), "PTR")) for one in addresses(ask, way.host)}
    confirmed = {one: [name for name in back if one in addresses(ask, name)] for one, back in names.items()}
    return Server(way.host, names, confirmed)


def away(error: DnsAway) -> Finding:
    hint = _("So nothing is known of it now, and nothing need be wrong. Ask again later.")
    return Finding(INFO, AWAY, _("The DNS did not answer (%s).") % error, hint)
