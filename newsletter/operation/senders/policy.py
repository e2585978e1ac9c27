"""DMARC: whether a policy is found, what it asks for, and whether its reports arrive. Pure."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from newsletter.mail.authentication import Dmarc, DnsAway
from newsletter.operation.findings import ERROR, INFO, WARNING, Finding
from newsletter.operation.senders.facts import Facts, away


def of_sender(facts: Facts) -> Iterator[Finding]:
    found = facts.dmarc
    if isinstance(found, DnsAway):
        yield away(found)
    elif len(found.own) > 1:
        message = _("%(name)s has %(count)d DMARC records; receivers take none of them.")
        hint = _("Leave one of them.")
        yield Finding(ERROR, "dmarc.several", message % {"name": found.domain, "count": len(found.own)}, hint)
    elif not found.record:
        message = _("%s has no DMARC record; Gmail and Yahoo ask for one of everybody who sends much.") % found.domain
        hint = _("Publish, as TXT of _dmarc.%(name)s: v=DMARC1; p=none; rua=mailto:%(address)s")
        yield Finding(WARNING, "dmarc.missing", message, hint % {"name": found.domain, "address": facts.address})
    elif not found.policy:
        message = _("The DMARC record of %s asks for nothing that receivers understand, so it counts as none.")
        hint = _("It needs p=none, p=quarantine or p=reject; sp and np take the same words.")
        yield Finding(ERROR, "dmarc.broken", message % found.at, hint)
    else:
        yield from _asked_for(found, facts.address)


def _asked_for(found: Dmarc, address: str) -> Iterator[Finding]:
    if found.at != found.domain:
        message = _("%(name)s has no DMARC record of its own: that of %(above)s counts, and asks for %(policy)s.")
        told = {"name": found.domain, "above": found.at, "policy": found.policy}
        hint = _("Nothing to do. A record of its own would count instead.")
        yield Finding(INFO, "dmarc.inherited", message % told, hint)
    if found.policy == "none":
        message = _("DMARC only watches (p=none): a mail that somebody else sends in your name arrives as well.")
        hint = _("After some weeks of reports without surprises, change it to p=quarantine, later to p=reject.")
        yield Finding(INFO, "dmarc.none", message, hint)
    if not found.has_reports:
        message = _("The DMARC record asks for no reports, so nobody tells you which mails fail.")
        hint = _("Add rua=mailto:%s, or the address of a service that reads them.") % address
        yield Finding(INFO, "dmarc.no_reports", message, hint)
