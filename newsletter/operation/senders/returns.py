"""What comes back: whether the domain of bounces stands for the sender, takes mail, and is read by anybody. Pure."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from newsletter.mail.authentication import Dmarc, DnsAway
from newsletter.operation.findings import INFO, WARNING, Finding
from newsletter.operation.senders import listed
from newsletter.operation.senders.facts import Facts, away


def of_domain(facts: Facts) -> Iterator[Finding]:
    """Judge the domain that bounces go to, by which receivers check SPF."""
    bounces = facts.bounces
    if not bounces.domain:
        yield from _of_service(facts)
        return
    yield from _alignment(facts)
    if bounces.domain == facts.domain:
        return  # SPF and MX have rows of their own
    if bounces.spf is not None:
        yield from listed.of_domain(bounces.domain, bounces.spf, facts.way)
    if bounces.takes_mail is False:
        message = _("%s takes no mail: bounces are lost.") % bounces.domain
        yield Finding(WARNING, "bounces.no_mx", message, _("Publish an MX record that names a mail server."))


def _alignment(facts: Facts) -> Iterator[Finding]:
    bounces = facts.bounces
    if isinstance(bounces.is_aligned, DnsAway):
        yield away(bounces.is_aligned)
    elif bounces.is_aligned is False and isinstance(facts.dmarc, Dmarc):
        message = _("Bounces go to %(bounces)s, which does not stand for %(domain)s: DMARC rests on DKIM alone.")
        hint = (
            _("The DMARC record asks for the very same domain (aspf=s); take that out, or use an address at %s.")
            if facts.dmarc.is_strict("aspf")
            else _("Use an address for bounces at %s, or below it.")
        )
        place = facts.domain if facts.dmarc.is_strict("aspf") else facts.dmarc.organisation
        told = {"bounces": bounces.domain, "domain": facts.domain}
        yield Finding(WARNING, "bounces.unaligned", message % told, hint % place)


def _of_service(facts: Facts) -> Iterator[Finding]:
    """Say what a mail service does with bounces as it comes; which domain it uses now, only its page shows."""
    service = facts.way.provider
    if service is None:
        return
    message = (
        _("%(service)s has bounces sent to %(bounces)s, as it comes: SPF says nothing for your domain then, only DKIM.")
        if service.bounces
        else _("Where %(service)s has bounces sent cannot be seen from here.")
    )
    hint = (
        _("Set up a domain of your own for bounces there: %(menu)s.")
        if service.can_align_bounces
        else _("It offers no domain of one's own for that on shared servers; DKIM is enough for DMARC.")
    )
    told = {"service": service.name, "bounces": service.bounces, "menu": service.menu}
    yield Finding(INFO, "bounces.service", message % told, hint % told)


def of_reading(facts: Facts) -> Iterator[Finding]:
    """Say what is lost while no mailbox is read."""
    if facts.reads_returns:
        return
    hint = _(
        "Set MAILBOX_URL and an address for bounces: docs/deploy.md. Letters then have a second address to leave by, "
        "for which Apple Mail shows its button, and receivers can send complaints there."
    )
    if not facts.hears_provider:
        message = _("Nobody reads what comes back: addresses that die later, and complaints, stay unknown.")
        yield Finding(INFO, "returns.unread", message, hint)
    else:
        message = _("Letters have one address to leave by, on the web; none by mail.")
        yield Finding(INFO, "unsubscribe.one_way", message, hint)
