"""Changing an address: the new one confirms, the former one gets a mail and can take it back.

The rows are the queue of both mails.
"""

from datetime import datetime

from django.db import transaction

from newsletter.mail.message import Mail
from subscribers import departures
from subscribers.departures import Why
from subscribers.mails.sending import ReaderMail, about_change
from subscribers.models import NOT_SAID, Subscriber, Suppression, address_hash, consents, mails
from subscribers.models.address_changes import AddressChange
from subscribers.models.consents import Circumstances, Consent
from subscribers.models.mails import Unsent
from subscribers.models.suppressions import departure


def ask(subscriber: Subscriber, email: str, now: datetime) -> bool:
    """Let the new address be asked; an earlier wish that is open is forgotten. Return whether a mail is due now.

    Nobody is asked at an address that must not be mailed, or that has had its three mails of the day; an erased one
    may come back by its owner's consent. The wish is kept all the same: the reader's page shows it, and must not tell.
    """
    barred = Suppression.objects.filter(address_hash=address_hash(email)).exclude(reason=Suppression.Reason.ERASED)
    with transaction.atomic():
        is_due = not barred.exists() and mails.take_from_budget(email, now)
        subscriber.address_changes.filter(confirmed_at=None).delete()
        subscriber.address_changes.create(email=email, asked_at=now, due_at=now if is_due else None)
    return is_due


def confirm(change: AddressChange, now: datetime, how: Circumstances = NOT_SAID) -> bool:
    """Move the subscription to its new address; return False if that was done before, or is too late.

    Its row stays, and with it its record, tags and history; the links in letters to the former address end. If
    the new address is a reader's already, that subscription goes on and the former one ends: nobody gets two copies.
    """
    if not change.can_confirm(now):
        return False
    with transaction.atomic():
        mine = AddressChange.objects.filter(pk=change.pk, confirmed_at=None)
        if not mine.update(confirmed_at=now, former=change.subscriber.email, due_at=now, tries=0):
            return False
        # Counted, never withheld: else a thief would first spend the budget of the mailbox that they take away.
        mails.take_from_budget(change.subscriber.email, now)
        erased = Suppression.objects.filter(reason=Suppression.Reason.ERASED)
        erased.filter(address_hash=address_hash(change.email)).delete()
        _move(_locked(change), change.email, now, how)
    change.refresh_from_db()
    return True


def undo(change: AddressChange, now: datetime, how: Circumstances = NOT_SAID) -> bool:
    """Bring the letters back to the former address, wherever they went since; return False if it is too late.

    Its own links open again. What was asked or done at the new address ends with it: its links, its changes, its
    leaving.
    """
    if not change.can_undo(now):
        return False
    with transaction.atomic():
        subscriber = _locked(change)
        since = subscriber.address_changes.filter(pk__gte=change.pk, confirmed_at__isnull=False, undone_at=None)
        if not since.update(undone_at=now, due_at=None):
            return False
        subscriber.address_changes.filter(confirmed_at=None).delete()
        _return(subscriber, change, now, how)
        _move(subscriber, change.former, now, how)
    change.refresh_from_db()
    return True


def _locked(change: AddressChange) -> Subscriber:
    """Return the reader's row as it is now, and keep it so until the transaction ends."""
    return Subscriber.objects.select_for_update().get(pk=change.subscriber_id)


def _return(subscriber: Subscriber, change: AddressChange, now: datetime, how: Circumstances) -> None:
    """Take back a leaving that came with the move or after it."""
    left_at, moved_at = subscriber.unsubscribed_at, change.confirmed_at
    if left_at and moved_at and left_at >= moved_at:
        subscriber.undo(now, how)


def _move(subscriber: Subscriber, email: str, now: datetime, how: Circumstances) -> None:
    known_as = address_hash(email)
    other = Subscriber.objects.filter(address_hash=known_as).exclude(pk=subscriber.pk).first()
    if other and other.is_reader:
        subscriber.unsubscribe(now, how)
        return
    if known_as != subscriber.address_hash:
        Consent.objects.add(subscriber, Consent.Kind.MOVED, how, now)
        moved = departure(Why.MOVED, subscriber.address_hash, at=now, heir=known_as)
        departures.write([moved, departure(Why.RETURNED, known_as, at=now)])
    if other:  # never confirmed, or has left: the click is the owner's newer word
        Consent.objects.take_over(subscriber, other)
        other.notes.update(subscriber=subscriber)
        for act in consents.TAKEN_OVER:
            act(subscriber, other)
        other.forget()
    Subscriber.objects.filter(pk=subscriber.pk).update(email=email, address_hash=known_as)
    subscriber.refresh_from_db()


class ChangeMail(ReaderMail[AddressChange]):
    """The mail of a change of address: to the new one to confirm it, then to the former one."""

    model, what = AddressChange, Unsent.What.CHANGE
    unwritable = "Change of address %d cannot be told: %s"
    failed = "Try %d to tell of change of address %d failed: %s"

    def write(self, row: AddressChange, now: datetime) -> tuple[Mail, dict[str, object]]:
        return about_change(row), {}

    def since(self, row: AddressChange, now: datetime) -> datetime:
        return row.confirmed_at or row.asked_at


MAIL = ChangeMail()
send_next = MAIL.send_next
