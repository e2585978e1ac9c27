"""Mailing links to readers' own data: asked for by whoever has a letter, sent to the reader's mailbox alone."""

import logging
from datetime import datetime

from django.core import mail
from django.db import transaction

from newsletter.mail.mailers import mailer_errors
from subscribers import mail_budget
from subscribers.fresh import FreshLink
from subscribers.models import Subscriber, Suppression
from subscribers.rendering import fresh_link
from subscribers.sending import BACK_OFF, LEASE, TRIES_MAX, is_final, reason

logger = logging.getLogger(__name__)


def ask(subscriber: Subscriber, now: datetime) -> bool:
    """Let one mail be sent to a reader; return whether one is due now.

    None is if one waits already, if the address must not be mailed, or has had its mails of today.
    """
    barred = Suppression.objects.filter(address_hash=subscriber.address_hash).exists()
    if barred or not subscriber.is_reader or FreshLink.objects.filter(subscriber=subscriber).exists():
        return False
    with transaction.atomic():
        if is_free := mail_budget.take(subscriber.email, now):
            FreshLink.objects.get_or_create(subscriber=subscriber, defaults={"asked_at": now, "due_at": now})
    return is_free


def send_next(now: datetime) -> bool:
    """Send the mail that has waited longest; return whether any was waiting."""
    for link in FreshLink.objects.due(now)[:10]:
        if _take(link, now):
            _send(link, now)
            return True
    return False


def _take(link: FreshLink, now: datetime) -> bool:
    """Take what is due before another worker does; it is due again should this one die."""
    unchanged = FreshLink.objects.filter(pk=link.pk, due_at=link.due_at)
    link.due_at, link.tries = now + LEASE, link.tries + 1
    return bool(unchanged.update(due_at=link.due_at, tries=link.tries))


def _send(link: FreshLink, now: datetime) -> None:
    """Send the mail, or put it off; each try makes the link anew, because it opens for so short a time."""
    try:
        mail.mailers["default"].send_messages([fresh_link(link, now)])
    except ValueError as error:  # no message can be written to such an address or name
        logger.warning("The link of wish %d cannot be sent: %s", link.pk, reason(error))
        link.delete()
    except mailer_errors() as error:
        logger.warning("Try %d to send the link of wish %d failed: %s", link.tries, link.pk, reason(error))
        _put_off(link, error, now)
    else:
        link.delete()


def _put_off(link: FreshLink, error: Exception, now: datetime) -> None:
    if is_final(error) or link.tries >= TRIES_MAX:
        link.delete()
    else:
        FreshLink.objects.filter(pk=link.pk).update(due_at=now + BACK_OFF * 2 ** (link.tries - 1))
