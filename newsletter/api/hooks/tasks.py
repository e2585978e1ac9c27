"""Celery tasks of webhooks. All state is in the database: a lost, doubled or late task does no harm."""

from celery import shared_task
from django.utils import timezone

from newsletter.api.hooks import worker
from newsletter.api.hooks.models import Hook
from newsletter.delivery.ledger import restore_detection
from newsletter.publication.task_queue import enqueue


@shared_task(ignore_result=True)
def call_hooks() -> None:
    """Make due calls; none until the author has decided what a restored database lacks."""
    if not Hook.objects.exists() or restore_detection.is_restore_undecided():
        return
    if worker.run_turn(timezone.now()):
        enqueue(call_hooks, expires=10)
