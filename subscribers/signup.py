"""Signing up: what happens when somebody, or something, leaves an address."""

from datetime import datetime

from django.db import transaction

from subscribers import mail_budget
from subscribers.models import Consent, Subscriber, Suppression, address_hash


def sign_up(email: str, consent: Consent, now: datetime) -> bool:
    """Let one mail answer the owner of an address; return whether one is due now.

    A stranger and a reader who left get the link that confirms, a reader is told that he is
    one. Nobody is mailed who bounced, complained or was suppressed by hand; an erased reader may
    ask again himself, and his confirmation is a new consent.
    However often this is called, the row allows one mail, one more after ten minutes, then one a day; and the mailbox
    allows three within a day, however its address is spelled. What it refuses leaves no trace.
    """
    known_as = address_hash(email)
    if Suppression.objects.filter(address_hash=known_as).exclude(reason=Suppression.Reason.ERASED).exists():
        return False
    with transaction.atomic():
        subscriber, _made = Subscriber.objects.get_or_create(address_hash=known_as, defaults={"email": email})
        is_asked = subscriber.ask(consent, now)
        is_due = is_asked and mail_budget.take(email, now)
        transaction.set_rollback(is_asked and not is_due)
    return is_due


def enrol(subscriber: Subscriber, consent: Consent, now: datetime) -> None:
    """Make a new row a reader on somebody's word, and save it."""
    subscriber.address_hash = address_hash(subscriber.email)
    subscriber.state, subscriber.confirmed_at = Subscriber.State.ACTIVE, now
    for name, value in consent.fields(now).items():
        setattr(subscriber, name, value)
    subscriber.save()
