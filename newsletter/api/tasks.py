"""Celery tasks of the API."""

from celery import shared_task
from django.utils import timezone

from newsletter.api import idempotency


@shared_task(ignore_result=True)
def forget_answers() -> None:
    idempotency.delete_expired_responses(timezone.now())
