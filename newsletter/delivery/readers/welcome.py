"""The mail that greets a new reader and brings the latest issue along.

It lives here because it quotes an issue; `subscribers` only records that somebody confirmed.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import caches
from django.utils import translation

from newsletter.delivery.letter.rendering import issue_context, reader_values
from newsletter.delivery.provider.single import Answer, ProviderAway, ProviderRefuses, Transport, transport_for
from newsletter.issues.models import Issue
from newsletter.mail import headers, letters
from newsletter.mail.message import Mail, build
from newsletter.publication.models import Publication
from subscribers.models import Subscriber

log = logging.getLogger(__name__)

AT_ONCE = 200  # readers greeted by one call; the next call greets the rest
MAILER = "default"
REST = timedelta(minutes=10)  # after a "not now": greylisting servers want about five
GIVE_UP_AFTER = timedelta(days=3)  # from the confirmation
RESTING = "welcomes-that-rest"  # in the process, from reader to time: forgetting it costs one try more


def send_due(now: datetime) -> int:
    """Greet the readers who confirmed and were not greeted yet; return how many were."""
    waiting = Subscriber.objects.mailable(now).filter(confirmed_at__isnull=False, welcomed_at__isnull=True)
    waiting = waiting.exclude(pk__in=_resting(now))
    transport = transport_for(MAILER)
    greeted = 0
    try:
        for subscriber in waiting.order_by("pk")[:AT_ONCE]:
            greeted += _greet(subscriber, transport, now)
    except (ProviderAway, ProviderRefuses) as problem:
        log.warning("welcome mails wait: %s", problem)
    finally:
        transport.close()
    return greeted


def _resting(now: datetime) -> dict[int, datetime]:
    """Return the readers whose servers said "not now", and until when they are left alone."""
    return {pk: until for pk, until in caches["pages"].get(RESTING, {}).items() if until > now}


def _greet(subscriber: Subscriber, transport: Transport, now: datetime) -> bool:
    """Send one welcome; the row is marked first, so that two workers cannot greet twice.

    A definite "not now" takes the mark back for some days; a silence after the final dot does not.
    """
    row = Subscriber.objects.filter(pk=subscriber.pk)
    if not row.filter(welcomed_at__isnull=True).update(welcomed_at=now):
        return False
    try:
        outcome = transport.send(message(subscriber))
    except (ProviderAway, ProviderRefuses):
        row.update(welcomed_at=None)
        raise
    except ValueError:  # no message can be written to such an address or name
        log.warning("reader %s cannot be welcomed", subscriber.pk)
        return False
    is_new = subscriber.confirmed_at is not None and subscriber.confirmed_at > now - GIVE_UP_AFTER
    if outcome.answer is Answer.DEFERRED and is_new:
        row.update(welcomed_at=None)
        caches["pages"].set(RESTING, _resting(now) | {subscriber.pk: now + REST})
    elif outcome.answer is not Answer.SENT:
        log.warning("welcome of reader %s: %s %s", subscriber.pk, outcome.answer.value, outcome.reply)
    return outcome.answer is Answer.SENT


def message(subscriber: Subscriber) -> Mail:
    """Build the welcome mail of one reader, with the latest issue if there is one."""
    publication = Publication.objects.current()
    issue = Issue.objects.archived().first()
    context: dict[str, object] = {"publication": publication, "site_url": settings.SITE_URL}
    context |= issue_context(issue, publication) if issue else {"issue": None}
    context |= reader_values(subscriber) | {"name": subscriber.name}
    with translation.override(publication.language):
        subject = translation.gettext("Welcome to %(name)s") % {"name": publication.name}
        letter = letters.render("welcome", subject, context, base_url=settings.SITE_URL)
    name, address = publication.sender
    domain = address.rpartition("@")[2]
    return build(
        letter,
        sender=(name, address),
        to=(subscriber.name, subscriber.email),
        reply_to=publication.reply_to,
        headers=headers.automatic_headers()
        | {
            "Message-ID": headers.message_id("welcome", subscriber.pk, subscriber.signup_round, domain=domain),
            "List-Unsubscribe": f"<{subscriber.unsubscribe_url}>",
        },
    )
