"""DMARC: whether a policy is found, what it asks for, and whether its reports arrive. Pure."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from newsletter.mail.authentication import DnsAway
from newsletter.mail.authentication.dmarc import REMOVED, Dmarc, Record
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
    elif found.record is None:
        message = _("%s has no DMARC record; Gmail and Yahoo ask for one of everybody who sends much.") % found.domain
        hint = _("Publish, as TXT of _dmarc.%(name)s: v=DMARC1; p=none; rua=mailto:%(address)s")
        yield Finding(WARNING, "dmarc.missing", message, hint % {"name": found.domain, "address": facts.address})
    elif not found.policy:
        message = _("The DMARC record of %s asks for nothing that receivers understand, so it counts as none.")
        hint = _("It needs p=none, p=quarantine or p=reject; sp and np take the same words.")
        yield Finding(ERROR, "dmarc.broken", message % found.record.domain, hint)
    else:
        yield from _asked_for(found, found.record)
        yield from _reports(found, found.record, facts.address)


def _asked_for(found: Dmarc, record: Record) -> Iterator[Finding]:
    if found.is_inherited:
        message = _("%(name)s has no DMARC record of its own: that of %(above)s counts, by %(tag)s=%(policy)s.")
        told = {"name": found.domain, "above": record.domain, "tag": found.by, "policy": found.policy}
        hint = _("Nothing to do. A record of its own would count instead.")
        yield Finding(INFO, "dmarc.inherited", message % told, hint)
    if found.policy == "none":
        message = _("DMARC only watches (p=none): a mail that somebody else sends in your name arrives as well.")
        hint = _("After some weeks of reports without surprises, change it to p=quarantine, later to p=reject.")
        yield Finding(INFO, "dmarc.none", message, hint)
    if record.tags.get("t", "").lower() == "y":
        message = _("The DMARC record says that it is a test (t=y): receivers apply a milder policy than it names.")
        yield Finding(INFO, "dmarc.test", message, _("Take t=y out when the reports show no surprises."))
    if old := [tag for tag in REMOVED if tag in record.tags]:
        message = _("The DMARC record has tags that receivers no longer read since RFC 9989: %s.") % ", ".join(old)
        hint = _("Take them out. Instead of pct, t=y says that a policy is tried.")
        yield Finding(INFO, "dmarc.old_tags", message, hint)


def _reports(found: Dmarc, record: Record, address: str) -> Iterator[Finding]:
    if not record.reports_to:
        message = _("The DMARC record asks for no reports, so nobody tells you which mails fail.")
        hint = _("Add rua=mailto:%s, or the address of a service that reads them.") % address
        yield Finding(INFO, "dmarc.no_reports", message, hint)
    for domain in found.refuses_reports:
        message = _("DMARC reports to %(other)s are not sent: it has not said that it takes those of %(domain)s.")
        hint = _("%(other)s must publish v=DMARC1 as TXT of %(name)s, or choose an address of your own domain.")
        told = {"other": domain, "domain": record.domain, "name": f"{record.domain}._report._dmarc.{domain}"}
        yield Finding(WARNING, "dmarc.reports_refused", message % told, hint % told)
