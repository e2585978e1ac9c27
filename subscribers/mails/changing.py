"""Changing an address: the new one confirms, the former one is told and can take it back.

The rows are the queue of both mails.
"""

import logging
from datetime import datetime

from django.core import mail
from django.db import transaction

from newsletter.mail.mailers import mailer_errors
from subscribers import departures
from subscribers.departures import Why
from subscribers.mails.rendering import about_change
from subscribers.mails.retrying import is_unreachable, reason, retry
from subscribers.mails.sending import LEASE
from subscribers.models import NOT_SAID, Subscriber, Suppression, address_hash, mail_budget
from subscribers.models.address_changes import AddressChange
from subscribers.models.consents import Circumstances, Consent
from subscribers.models.suppressions import departure
from subscribers.models.unsent import Unsent

logger = logging.getLogger(__name__)


def ask(subscriber: Subscriber, email: str, now: datetime) -> bool:
    """Let the new address be asked; an earlier wish that is open is forgotten. Return whether a mail is due now.

    Nobody is asked at an address that must not be mailed, or that has had its three mails of the day; an erased one
    may come back by its owner's consent. The wish is kept all the same: the reader's page shows it, and must not tell.
    """
    barred = Suppression.objects.filter(address_hash=address_hash(email)).exclude(reason=Suppression.Reason.ERASED)
    with transaction.atomic():
        is_due = not barred.exists() and mail_budget.take(email, now)
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
        mail_budget.take(change.subscriber.email, now)
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
        departures.write([moved, departure(Why.BACK, known_as, at=now)])
    if other:  # never confirmed, or has left: the click is the owner's newer word
        Consent.objects.take_over(subscriber, other)
        other.forget()
    Subscriber.objects.filter(pk=subscriber.pk).update(email=email, address_hash=known_as)
    subscriber.refresh_from_db()


def send_next(now: datetime) -> bool:
    """Send the mail that has waited longest; return whether to go on: not if none was waiting, or no server there."""
    for change in AddressChange.objects.due(now).select_related("subscriber")[:10]:
        if _settle(change, due_at=now + LEASE, tries=change.tries + 1):
            return _send(change, now)
    return False


def _settle(change: AddressChange, **values: object) -> bool:
    """Write what became of a mail, unless the row has moved on or was taken since it was read."""
    unchanged = AddressChange.objects.filter(pk=change.pk, due_at=change.due_at)
    moved = bool(unchanged.update(**values))
    if moved:
        change.refresh_from_db()
    return moved


def _send(change: AddressChange, now: datetime) -> bool:
    try:
        mail.mailers["default"].send_messages([about_change(change)])
    except ValueError as error:  # no message can be written to such an address
        logger.warning("Change of address %d cannot be told: %s", change.pk, reason(error))
        _settle(change, due_at=None)
    except mailer_errors() as error:
        _put_off(change, error, now)
        return not is_unreachable(error)
    else:
        _settle(change, due_at=None)
    return True


def _put_off(change: AddressChange, error: Exception, now: datetime) -> None:
    logger.warning("Try %d to tell of change of address %d failed: %s", change.tries, change.pk, reason(error))
    since = change.confirmed_at or change.asked_at
    due_at, tries = retry(error, Unsent.What.CHANGE, tries=change.tries, since=since, now=now)
    _settle(change, due_at=due_at, tries=tries)
