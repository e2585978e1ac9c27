"""Mailing links to readers' own data: asked for by whoever has a letter, sent to the reader's mailbox alone."""

import logging
from datetime import datetime

from django.core import mail
from django.db import transaction

from newsletter.mail.mailers import mailer_errors
from subscribers.mails.rendering import fresh_link
from subscribers.mails.retrying import is_unreachable, reason, retry
from subscribers.mails.sending import LEASE
from subscribers.models import Subscriber, Suppression, mail_budget
from subscribers.models.fresh_links import FreshLink
from subscribers.models.unsent import Unsent

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
    """Send the mail that has waited longest; return whether to go on: not if none was waiting, or no server there."""
    for link in FreshLink.objects.due(now)[:10]:
        if _take(link, now):
            return _send(link, now)
    return False


def _take(link: FreshLink, now: datetime) -> bool:
    """Take what is due before another worker does; it is due again should this one die."""
    unchanged = FreshLink.objects.filter(pk=link.pk, due_at=link.due_at)
    link.due_at, link.tries = now + LEASE, link.tries + 1
    return bool(unchanged.update(due_at=link.due_at, tries=link.tries))


def _send(link: FreshLink, now: datetime) -> bool:
    """Send the mail, or put it off; each try makes the link anew, because it opens for so short a time."""
    try:
        mail.mailers["default"].send_messages([fresh_link(link, now)])
    except ValueError as error:  # no message can be written to such an address or name
        logger.warning("The link of wish %d cannot be sent: %s", link.pk, reason(error))
        link.delete()
    except mailer_errors() as error:
        logger.warning("Try %d to send the link of wish %d failed: %s", link.tries, link.pk, reason(error))
        _put_off(link, error, now)
        return not is_unreachable(error)
    else:
        link.delete()
    return True


def _put_off(link: FreshLink, error: Exception, now: datetime) -> None:
    due_at, tries = retry(error, Unsent.What.LINK, tries=link.tries, since=link.asked_at, now=now)
    if due_at is None:
        link.delete()
    else:
        FreshLink.objects.filter(pk=link.pk).update(due_at=due_at, tries=tries)
