"""Mailing links to readers' own data: asked for by whoever has a letter, sent to the reader's mailbox alone."""

from datetime import datetime

from django.db import transaction

from newsletter.mail.message import Mail
from subscribers.mails.sending import ReaderMail, fresh_link
from subscribers.models import LinkWish, Subscriber, Suppression, mails
from subscribers.models.mails import FreshLink, Unsent

AT_ONCE = 500  # wishes of one run


def grant(now: datetime) -> None:
    """Look whose the addresses are that somebody typed on the site; a reader's gets a mail, any other one nothing."""
    for wish in LinkWish.objects.order_by("pk")[:AT_ONCE]:
        with transaction.atomic():
            if not LinkWish.objects.filter(pk=wish.pk).delete()[0]:
                continue  # another worker has it
            if reader := Subscriber.objects.filter(address_hash=wish.address_hash).first():
                ask(reader, now)


def ask(subscriber: Subscriber, now: datetime) -> bool:
    """Let one mail be sent to a reader; return whether one is due now.

    None is for who never confirmed, if one waits already, if the address must not be mailed, or has had its mails
    of today.
    """
    barred = Suppression.objects.filter(address_hash=subscriber.address_hash).exists()
    if barred or not subscriber.has_data or FreshLink.objects.filter(subscriber=subscriber).exists():
        return False
    with transaction.atomic():
        if is_free := mails.take_from_budget(subscriber.email, now):
            FreshLink.objects.get_or_create(subscriber=subscriber, defaults={"asked_at": now, "due_at": now})
    return is_free


class LinkMail(ReaderMail[FreshLink]):
    """The mail with the link. Each try makes the link anew, because it opens for so short a time."""

    model, what = FreshLink, Unsent.What.LINK
    unwritable = "The link of wish %d cannot be sent: %s"
    failed = "Try %d to send the link of wish %d failed: %s"

    def write(self, row: FreshLink, now: datetime) -> tuple[Mail, dict[str, object]]:
        return fresh_link(row, now), {}

    def since(self, row: FreshLink, now: datetime) -> datetime:
        return row.asked_at

    def end(self, row: FreshLink, values: dict[str, object]) -> bool:
        """Delete the row: as long as there is one, no other link can be asked for."""
        return bool(self.as_read(row).delete()[0])


MAIL = LinkMail()
send_next = MAIL.send_next
