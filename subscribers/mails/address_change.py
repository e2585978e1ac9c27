"""Changing an address: the new one confirms, the former one is notified and can undo it."""

from datetime import datetime

from django.db import transaction

from newsletter.mail.message import Mail
from subscribers import departures
from subscribers.departures import DepartureKind
from subscribers.mails.sending import ReaderMailQueue, build_change_mail
from subscribers.models import NO_DETAILS, Subscriber, Suppression, address_hash, consents, mail_queue
from subscribers.models.address_changes import AddressChange
from subscribers.models.consents import Consent, ConsentDetails
from subscribers.models.mail_queue import Unsent
from subscribers.models.suppressions import make_departure


def request_change(subscriber: Subscriber, email: str, now: datetime) -> bool:
    """Request a change, replacing an open one; return whether a mail is due now.

    Suppressed addresses, except erased ones, and mailboxes over their daily limit get no mail. The request is stored
    all the same, so that the page reveals nothing about the address.
    """
    barred = Suppression.objects.filter(address_hash=address_hash(email)).exclude(reason=Suppression.Reason.ERASED)
    with transaction.atomic():
        is_due = not barred.exists() and mail_queue.consume_mail_quota(email, now)
        subscriber.address_changes.filter(confirmed_at=None).delete()
        subscriber.address_changes.create(email=email, asked_at=now, due_at=now if is_due else None)
    return is_due


def confirm_change(change: AddressChange, now: datetime, how: ConsentDetails = NO_DETAILS) -> bool:
    """Move the subscription to the new address; return False if already done or expired.

    The row stays, with record, tags and history; links in mails to the former address become invalid. If the new
    address is already a reader's, that subscription goes on and the other ends, so that nobody gets two copies.
    """
    if not change.can_confirm(now):
        return False
    with transaction.atomic():
        mine = AddressChange.objects.filter(pk=change.pk, confirmed_at=None)
        if not mine.update(confirmed_at=now, former=change.subscriber.email, due_at=now, tries=0):
            return False
        # Counted, but sent in any case: a thief could exhaust the limit first to suppress the notification.
        mail_queue.consume_mail_quota(change.subscriber.email, now)
        erased = Suppression.objects.filter(reason=Suppression.Reason.ERASED)
        erased.filter(address_hash=address_hash(change.email)).delete()
        _set_email(_lock_subscriber(change), change.email, now, how)
    change.refresh_from_db()
    return True


def undo_change(change: AddressChange, now: datetime, how: ConsentDetails = NO_DETAILS) -> bool:
    """Restore the former address, also after later changes; return False if expired.

    Its links are valid again. Links, changes and unsubscribes of the new address are undone.
    """
    if not change.can_undo(now):
        return False
    with transaction.atomic():
        subscriber = _lock_subscriber(change)
        since = subscriber.address_changes.filter(pk__gte=change.pk, confirmed_at__isnull=False, undone_at=None)
        if not since.update(undone_at=now, due_at=None):
            return False
        subscriber.address_changes.filter(confirmed_at=None).delete()
        _undo_unsubscribe(subscriber, change, now, how)
        _set_email(subscriber, change.former, now, how)
    change.refresh_from_db()
    return True


def _lock_subscriber(change: AddressChange) -> Subscriber:
    return Subscriber.objects.select_for_update().get(pk=change.subscriber_id)


def _undo_unsubscribe(subscriber: Subscriber, change: AddressChange, now: datetime, how: ConsentDetails) -> None:
    left_at, moved_at = subscriber.unsubscribed_at, change.confirmed_at
    if left_at and moved_at and left_at >= moved_at:
        subscriber.undo(now, how)


def _set_email(subscriber: Subscriber, email: str, now: datetime, how: ConsentDetails) -> None:
    known_as = address_hash(email)
    other = Subscriber.objects.filter(address_hash=known_as).exclude(pk=subscriber.pk).first()
    if other and other.is_reader:
        subscriber.unsubscribe(now, how)
        return
    if known_as != subscriber.address_hash:
        Consent.objects.add(subscriber, Consent.Kind.MOVED, how, now)
        moved = make_departure(DepartureKind.MOVED, subscriber.address_hash, at=now, heir=known_as)
        departures.append_to_file([moved, make_departure(DepartureKind.RETURNED, known_as, at=now)])
    if other:  # pending or unsubscribed: this confirmation is newer
        Consent.objects.take_over(subscriber, other)
        other.notes.update(subscriber=subscriber)
        for act in consents.MERGING_CALLBACKS:
            act(subscriber, other)
        other.forget()
    Subscriber.objects.filter(pk=subscriber.pk).update(email=email, address_hash=known_as)
    subscriber.refresh_from_db()


class AddressChangeMailQueue(ReaderMailQueue[AddressChange]):
    """To the new address to confirm it, then to the former one."""

    model, mail_kind = AddressChange, Unsent.MailKind.CHANGE

    def build(self, row: AddressChange, now: datetime) -> tuple[Mail, dict[str, object]]:
        return build_change_mail(row), {}

    def requested_at(self, row: AddressChange, now: datetime) -> datetime:
        return row.confirmed_at or row.asked_at
