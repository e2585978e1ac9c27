"""What readers wait for in the background."""

from celery import shared_task
from django.utils import timezone

from subscribers import sending
from subscribers.models import Subscriber

TURN = 200  # mails in one run; beat starts the next within ten seconds


@shared_task(ignore_result=True)
def send_confirmations() -> None:
    """Answer the sign-ups that are due."""
    for _mail in range(TURN):
        if not sending.send_next(timezone.now()):
            return


@shared_task(ignore_result=True)
def forget_unconfirmed() -> None:
    """Delete sign-ups that nobody confirmed within 30 days."""
    Subscriber.objects.forgettable(timezone.now()).delete()
