"""Sending the answers to sign-ups that are due; the rows are the queue."""

import logging
from datetime import datetime, timedelta
from smtplib import SMTPRecipientsRefused, SMTPResponseException

from django.core import mail

from newsletter.mail.mailers import mailer_errors
from subscribers.models import Subscriber
from subscribers.rendering import answer

LEASE = timedelta(minutes=10)  # a worker that has not sent a mail by then is dead, and another tries
BACK_OFF = timedelta(minutes=1)  # after the first failure; doubles with each
TRIES_MAX = 8  # the last about two hours after the first

logger = logging.getLogger(__name__)


def send_next(now: datetime) -> bool:
    """Send the answer that has waited longest; return whether any was waiting."""
    for subscriber in Subscriber.objects.due(now)[:10]:
        if _take(subscriber, now):
            _send(subscriber, now)
            return True
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


def _send(subscriber: Subscriber, now: datetime) -> None:
    try:
        message = answer(subscriber)
    except ValueError as error:  # no message can be written to such an address or name
        logger.warning("Sign-up %d cannot be answered: %s", subscriber.pk, reason(error))
        _settle(subscriber, confirmation_due_at=None)
        return
    try:
        mail.mailers["default"].send_messages([message])
    except mailer_errors() as error:
        _put_off(subscriber, error, now)
    else:
        _settle(subscriber, confirmation_due_at=None, confirmation_sent_at=now)


def _put_off(subscriber: Subscriber, error: Exception, now: datetime) -> None:
    tries = subscriber.confirmation_tries
    logger.warning("Try %d to answer sign-up %d failed: %s", tries, subscriber.pk, reason(error))
    if is_final(error) or tries >= TRIES_MAX:
        _settle(subscriber, confirmation_due_at=None)
    else:
        _settle(subscriber, confirmation_due_at=now + BACK_OFF * 2 ** (tries - 1))


def is_final(error: Exception) -> bool:
    """Return whether the server has said that this address will never do: RFC 5321 section 4.2.1, 5yz."""
    refused = error.recipients if isinstance(error, SMTPRecipientsRefused) else {}
    return bool(refused) and all(code >= 500 for code, _text in refused.values())


def reason(error: Exception) -> str:
    """Return what went wrong in a word and a code; servers quote addresses in their texts."""
    if isinstance(error, SMTPRecipientsRefused):
        codes = sorted({str(code) for code, _text in error.recipients.values()})
        return f"recipient refused with {', '.join(codes)}"
    if isinstance(error, SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    return type(error).__name__
