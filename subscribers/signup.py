"""Signing up: what happens when somebody, or something, leaves an address."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from subscribers.models import Invitation, Subscriber, Suppression, address_hash, mail_budget
from subscribers.models.consents import Circumstances, Consent


@dataclass(frozen=True)
class Newcomer:
    """What somebody new said besides the address, and by whose link they came."""

    name: str = ""
    by: Subscriber | None = None


def sign_up(
    email: str, how: Circumstances, now: datetime, *, send_at: datetime | None = None, who: Newcomer | None = None
) -> bool:
    """Let one mail answer the owner of an address, now or at `send_at`; return whether one is due by this call.

    A stranger and a reader who left get the link that confirms; a reader gets a mail that they are one already. Nobody
    is mailed who bounced, complained or was suppressed by hand, until the author lets them ask again; an erased reader
    may. Their confirmation is a new consent.
    However often this is called, the row allows one mail, one more after ten minutes, then one a day; and the mailbox
    allows three within a day, however its address is spelled. What it refuses leaves no trace.
    who: what is known of somebody new; nothing of it reaches who has confirmed before.
    A mail that waits for its time is sent at once when it is asked for again without one.
    """
    known_as = address_hash(email)
    if Suppression.objects.standing().filter(address_hash=known_as).exists():
        return False
    with transaction.atomic():
        subscriber, _made = Subscriber.objects.get_or_create(address_hash=known_as, defaults={"email": email})
        if not subscriber.ask(how, now):
            return send_at is None and _send_sooner(subscriber, now)
        if not mail_budget.take(email, now):
            transaction.set_rollback(True)
            return False
        if who and subscriber.confirmed_at is None:
            _know(subscriber, who)
        if send_at:
            _of(subscriber).filter(confirmation_due_at=now).update(confirmation_due_at=send_at)
    return True


def _know(subscriber: Subscriber, who: Newcomer) -> None:
    """Keep the name that was typed last, and the first link."""
    if who.name and subscriber.name != who.name:
        _of(subscriber).update(name=who.name)
    if who.by and who.by.is_reader:
        Invitation.objects.note(subscriber.pk, who.by.pk)


def _send_sooner(subscriber: Subscriber, now: datetime) -> bool:
    """Let a mail that waits for its time wait no longer. One that was tried waits for the provider: leave it."""
    waiting = _of(subscriber).filter(confirmation_due_at__gt=now, confirmation_tries=0)
    return bool(waiting.update(confirmation_due_at=now))


def _of(subscriber: Subscriber) -> QuerySet[Subscriber]:
    return Subscriber.objects.filter(pk=subscriber.pk)


def enrol(subscriber: Subscriber, how: Circumstances, now: datetime) -> None:
    """Make a new row a reader on the author's word, and save it."""
    subscriber.address_hash = address_hash(subscriber.email)
    subscriber.state, subscriber.confirmed_at = Subscriber.State.ACTIVE, now
    with transaction.atomic():
        subscriber.save()
        Consent.objects.add(subscriber, Consent.Kind.IMPORTED, how, now)
