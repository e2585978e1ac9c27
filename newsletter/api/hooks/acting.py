"""What an author does to hooks and their calls. Each act writes itself into the record of the desk."""

from datetime import datetime

from django.db import transaction

from newsletter.api.hooks.models import Call, Event, Hook
from newsletter.publication.changes import Change

WAITS_AGAIN = {"state": Call.State.WAITING, "settled_at": None}


def test(hook: Hook, now: datetime) -> Call:
    """Have a test sent at once, before everything that waits; it is tried once, and tells whether the hook is back."""
    with transaction.atomic():
        call = Call.objects.create(hook=hook, event=Event.TEST, at=now)
        Hook.objects.filter(pk=hook.pk).update(retry_at=None, test=call.pk)
    return call


def rotate(hook: Hook, now: datetime) -> None:
    hook.rotate(now)
    Change.objects.log(Change.What.CHANGED, [hook], {"fields": ["secret"]})


def switch_off(hook: Hook) -> None:
    """Tell it nothing any more. What waits stays; what happens meanwhile is not kept for it."""
    if Hook.objects.filter(pk=hook.pk, off="").update(off=Hook.Off.AUTHOR):
        Change.objects.log(Change.What.CHANGED, [hook], {"fields": ["off"]})


def switch_on(hook: Hook, now: datetime) -> None:
    """Go on with what waits, at once; what happened while it was off is not told."""
    anew = {"off": "", "failures": 0, "failing_since": None, "retry_at": None}
    if Hook.objects.filter(pk=hook.pk).exclude(off="").update(**anew):
        hook.events.update(since=now)
        Change.objects.log(Change.What.CHANGED, [hook], {"fields": ["off"]})


def replay(call: Call) -> bool:
    """Have a call made once more, with the id that it had; return whether that can be done."""
    again = Call.objects.filter(pk=call.pk, state__in=Call.AGAIN).exclude(about=None, event__startswith="reader.")
    return bool(again.update(**WAITS_AGAIN))


def replay_since(hook: Hook, since: datetime) -> int:
    """Have everything made once more that happened since then, in its order; return how much that is."""
    again = Call.objects.filter(hook=hook, at__gte=since, state__in=Call.AGAIN).exclude(event=Event.TEST)
    return again.exclude(about=None).update(**WAITS_AGAIN)


def delete(hook: Hook) -> None:
    Change.objects.log(Change.What.DELETED, [hook])
    hook.delete()
