"""A mail server of one's own: its reverse names, and whether the way to it is encrypted. Pure."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from newsletter.mail.authentication import DnsAway
from newsletter.operation.findings import WARNING, Finding
from newsletter.operation.senders.facts import Facts, away


def of_reverse_names(facts: Facts) -> Iterator[Finding]:
    """Look at the reverse names of a server that mails by itself: receivers refuse it without one that leads back."""
    if isinstance(facts.server, DnsAway):
        yield away(facts.server)
    elif facts.server is not None:
        for address, names in facts.server.names.items():
            if not facts.server.confirmed[address]:
                message = _("The address %(address)s of %(host)s leads back to %(names)s.")
                told = {"address": address, "host": facts.server.host, "names": ", ".join(names) or _("no name")}
                hint = _("Have whoever gave you the address set its reverse name (PTR) to %s.") % facts.server.host
                yield Finding(WARNING, "ptr.differs", message % told, hint)


def of_encryption(facts: Facts) -> Iterator[Finding]:
    way = facts.way
    if way.is_smtp and not way.is_encrypted and not way.is_in_house:
        message = _("Mails travel to %s in the open.") % way.host
        hint = _("Write smtp+tls:// or smtps:// in MAIL_URL, and see that the server sends on with TLS.")
        yield Finding(WARNING, "tls.off", message, hint)
