"""What readers wait for in the background."""

from celery import shared_task
from django.utils import timezone

from newsletter.mail.due import send_first
from newsletter.publication.heartbeats import Part, beat
from newsletter.publication.models import Publication
from subscribers.mails import changing, sending
from subscribers.models import FORGET_AFTER, Consent, DayCount, OriginCount, Subscriber, Unsent, mails
from subscribers.models.address_changes import AddressChange

KINDS = (sending.SIGN_UP_MAIL, changing.MAIL, sending.LINK_MAIL, sending.REMINDER_MAIL)
TURN = 200  # mails in one run; beat starts the next within ten seconds


@shared_task(ignore_result=True)
def send_confirmations() -> None:
    """Answer the sign-ups, changes of address and wishes for a link that are due; remind who has not confirmed."""
    sending.grant_links(timezone.now())
    sending.grant_reminders(timezone.now())
    for _mail in range(TURN):
        goes_on = send_first(KINDS, timezone.now())
        beat(Part.CONFIRMATIONS)
        if not goes_on:
            return


@shared_task(ignore_result=True)
def forget_unconfirmed() -> None:
    """Delete sign-ups that nobody confirmed in time, what else has had its time, and old IP addresses."""
    now = timezone.now()
    Subscriber.objects.forgettable(now).delete()
    AddressChange.objects.filter(asked_at__lte=now - FORGET_AFTER).delete()
    Unsent.objects.filter(at__lte=now - FORGET_AFTER).delete()
    mails.forget(now)
    Consent.objects.forget_networks(now)


@shared_task(ignore_result=True)
def count_readers() -> None:
    DayCount.objects.keep(timezone.now(), Publication.objects.current().zone)


@shared_task(ignore_result=True)
def count_origins() -> None:
    """Keep from where readers have come, and how many of each source still read a quarter later."""
    OriginCount.objects.keep(timezone.now(), Publication.objects.current().zone)
