"""Background tasks of readers."""

from celery import shared_task
from django.utils import timezone

from newsletter.mail.mail_queue import send_next_of
from newsletter.publication.heartbeats import Component, beat
from newsletter.publication.models import Publication
from subscribers.mails import address_change, sending
from subscribers.models import FORGET_AFTER, Consent, DayCount, MailBudget, OriginCount, Subscriber, Unsent
from subscribers.models.address_changes import AddressChange
from subscribers.models.mail_queue import BUDGET_WINDOW

MAIL_QUEUES = (sending.SIGN_UP_QUEUE, address_change.QUEUE, sending.LINK_QUEUE, sending.REMINDER_QUEUE)
MAILS_PER_RUN = 200  # beat starts the next run within ten seconds


@shared_task(ignore_result=True)
def send_confirmations() -> None:
    """Send due confirmations, address changes, links and reminders."""
    sending.queue_requested_links(timezone.now())
    sending.queue_due_reminders(timezone.now())
    for _mail in range(MAILS_PER_RUN):
        goes_on = send_next_of(MAIL_QUEUES, timezone.now())
        beat(Component.CONFIRMATIONS)
        if not goes_on:
            return


@shared_task(ignore_result=True)
def forget_unconfirmed() -> None:
    now = timezone.now()
    Subscriber.objects.forgettable(now).delete()
    AddressChange.objects.filter(asked_at__lte=now - FORGET_AFTER).delete()
    Unsent.objects.filter(at__lte=now - FORGET_AFTER).delete()
    MailBudget.objects.filter(latest__lte=now - BUDGET_WINDOW).delete()
    Consent.objects.delete_old_ips(now)


@shared_task(ignore_result=True)
def count_readers() -> None:
    DayCount.objects.keep(timezone.now(), Publication.objects.current().zone)


@shared_task(ignore_result=True)
def count_origins() -> None:
    OriginCount.objects.keep(timezone.now(), Publication.objects.current().zone)
