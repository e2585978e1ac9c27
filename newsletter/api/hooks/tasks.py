"""Wake-ups. The database is the truth: a task that is lost, doubled or late changes nothing."""

from celery import shared_task
from django.utils import timezone

from newsletter.api.hooks import turns
from newsletter.api.hooks.models import Hook
from newsletter.delivery.ledger import restored
from newsletter.publication.wakeups import put


@shared_task(ignore_result=True)
def call_hooks() -> None:
    """Tell programs of others what happened; nothing while it is not decided what a restored database has forgotten."""
    if not Hook.objects.exists() or restored.is_undecided():
        return
    if turns.work(timezone.now()):
        put(call_hooks, expires=10)
