"""Wake-ups of the API."""

from celery import shared_task
from django.utils import timezone

from newsletter.api import repeats


@shared_task(ignore_result=True)
def forget_answers() -> None:
    repeats.forget(timezone.now())
