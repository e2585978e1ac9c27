"""Background tasks of readers."""

from contextlib import closing

from celery import shared_task
from django.utils import timezone

from newsletter.mail.mail_queue import MailerConnection, send_next_of
from newsletter.publication.heartbeats import Component, beat
from newsletter.publication.models import Publication
from newsletter.publication.task_queue import enqueue
from subscribers.mails import sending
from subscribers.mails.address_change import AddressChangeMailQueue
from subscribers.models import FORGET_AFTER, Consent, DayCount, MailBudget, OriginCount, Subscriber, Unsent
from subscribers.models.address_changes import AddressChange
from subscribers.models.mail_queue import BUDGET_WINDOW

MAIL_KINDS = (
    sending.SignUpMailQueue,
    AddressChangeMailQueue,
    sending.LinkMailQueue,
    sending.ConfirmationReminderMailQueue,
)
MAILS_PER_RUN = 50  # then links that were requested meanwhile are queued


@shared_task(ignore_result=True)
def send_confirmations() -> None:
    """Send due confirmations, address changes, links and reminders over one connection."""
    sending.queue_requested_links(timezone.now())
    sending.queue_due_reminders(timezone.now())
    with closing(MailerConnection()) as connection:
        queues = [kind(connection) for kind in MAIL_KINDS]
        for _mail in range(MAILS_PER_RUN):
            goes_on = send_next_of(queues, timezone.now())
            beat(Component.CONFIRMATIONS)
            if not goes_on:
                return
    enqueue(send_confirmations)


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
