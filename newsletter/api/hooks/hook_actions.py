"""Actions of authors on hooks and calls. Each is logged as a Change."""

from datetime import datetime

from django.db import transaction

from newsletter.api.hooks.models import Call, Hook, HookEventType
from newsletter.publication.changes import Change

PENDING_AGAIN_VALUES = {"state": Call.State.WAITING, "settled_at": None}


def send_test(hook: Hook, now: datetime) -> Call:
    """Send a test before all pending calls. It is not retried; success ends the hook's backoff."""
    with transaction.atomic():
        call = Call.objects.create(hook=hook, event=HookEventType.TEST, at=now)
        Hook.objects.filter(pk=hook.pk).update(retry_at=None, test=call.pk)
    return call


def rotate_secret(hook: Hook, now: datetime) -> None:
    hook.rotate(now)
    Change.objects.log(Change.Action.CHANGED, [hook], {"fields": ["secret"]})


def switch_off(hook: Hook) -> None:
    """Stop calls. Pending ones stay; events meanwhile are not recorded."""
    if Hook.objects.filter(pk=hook.pk, off="").update(off=Hook.Off.AUTHOR):
        Change.objects.log(Change.Action.CHANGED, [hook], {"fields": ["off"]})


def switch_on(hook: Hook, now: datetime) -> None:
    """Resume pending calls at once. Events while it was off stay unrecorded."""
    values = {"off": "", "failures": 0, "failing_since": None, "retry_at": None}
    if Hook.objects.filter(pk=hook.pk).exclude(off="").update(**values):
        hook.events.update(since=now)
        Change.objects.log(Change.Action.CHANGED, [hook], {"fields": ["off"]})


def replay_call(call: Call) -> bool:
    """Repeat a call with the same id; return whether that is possible."""
    replayable = Call.objects.filter(pk=call.pk, state__in=Call.REPLAYABLE_STATES)
    return bool(replayable.exclude(about=None, event__startswith="reader.").update(**PENDING_AGAIN_VALUES))


def replay_since(hook: Hook, since: datetime) -> int:
    """Repeat all calls since then, in order; return how many."""
    replayable = Call.objects.filter(hook=hook, at__gte=since, state__in=Call.REPLAYABLE_STATES)
    return replayable.exclude(event=HookEventType.TEST).exclude(about=None).update(**PENDING_AGAIN_VALUES)
