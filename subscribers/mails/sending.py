"""Sending the answers to sign-ups that are due; the rows are the queue."""

import logging
from datetime import datetime, timedelta

from django.core import mail

from newsletter.mail.mailers import mailer_errors
from subscribers.mails.rendering import answer
from subscribers.mails.retrying import is_unreachable, reason, retry
from subscribers.models import Subscriber
from subscribers.models.unsent import Unsent

LEASE = timedelta(minutes=10)  # a worker that has not sent a mail by then is dead, and another tries

logger = logging.getLogger(__name__)


def send_next(now: datetime) -> bool:
    """Send the answer that has waited longest; return whether to go on: not if none was waiting, or no server there."""
    for subscriber in Subscriber.objects.due(now)[:10]:
        if _take(subscriber, now):
            return _send(subscriber, now)
    return False


def _take(subscriber: Subscriber, now: datetime) -> bool:
    """Take what is due before another worker does; it is due again should this one die."""
    tries = subscriber.confirmation_tries + 1
    return _settle(subscriber, confirmation_due_at=now + LEASE, confirmation_tries=tries)


def _settle(subscriber: Subscriber, **values: object) -> bool:
    """Write what became of a mail, unless the row has been asked for again, left or taken since it was read."""
    unchanged = Subscriber.objects.filter(pk=subscriber.pk, confirmation_due_at=subscriber.confirmation_due_at)
    moved = bool(unchanged.update(**values))
    if moved:
        subscriber.refresh_from_db()
    return moved


def _send(subscriber: Subscriber, now: datetime) -> bool:
    try:
        message = answer(subscriber)
    except ValueError as error:  # no message can be written to such an address or name
        logger.warning("Sign-up %d cannot be answered: %s", subscriber.pk, reason(error))
        _settle(subscriber, confirmation_due_at=None)
        return True
    try:
        mail.mailers["default"].send_messages([message])
    except mailer_errors() as error:
        _put_off(subscriber, error, now)
        return not is_unreachable(error)
    _settle(subscriber, confirmation_due_at=None, confirmation_sent_at=now)
    return True


def _put_off(subscriber: Subscriber, error: Exception, now: datetime) -> None:
    tries, since = subscriber.confirmation_tries, subscriber.asked_at or now
    logger.warning("Try %d to answer sign-up %d failed: %s", tries, subscriber.pk, reason(error))
    due_at, tries = retry(error, Unsent.What.SIGN_UP, tries=tries, since=since, now=now)
    _settle(subscriber, confirmation_due_at=due_at, confirmation_tries=tries)
