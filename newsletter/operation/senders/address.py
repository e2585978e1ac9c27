"""The sender's address itself: of a domain of one's own, and with a name that is not shouted."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from newsletter.mail.message import shouted
from newsletter.operation.findings import ERROR, INFO, WARNING, Finding
from newsletter.operation.senders.facts import domain_of
from newsletter.publication.models import Publication

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


def sender_domain() -> str:
    return domain_of(Publication.objects.current().sender_email)


def sender(now: datetime) -> Iterator[Finding]:
    address = Publication.objects.current().sender_email
    level = ERROR if settings.MAIL_URL else WARNING
    hint = _("Set the sender address under Publication; it needs a domain of your own.")
    if address.rpartition("@")[2].casefold() in MADE_UP_DOMAINS:
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
