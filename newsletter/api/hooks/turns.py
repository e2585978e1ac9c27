"""A worker's turn at the calls: those of one hook one after the other, those of several side by side.

A hook is held by a lease with a token, so that one call of it is under way at a time. A worker that is killed leaves
a call that waits, and it is made again with the same `webhook-id`. A call that was not taken holds those behind it.
"""

import logging
import random
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, Max, OuterRef
from django.utils import timezone

from newsletter.api.hooks import calling, of_reader, signing
from newsletter.api.hooks.calling import Answer
from newsletter.api.hooks.models import HOOKS_MAX, KEPT_FOR, OF_READERS, Call, Event, Hook, HookEvent
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.deliveries import Restoration
from newsletter.posts.models import Post
from subscribers.models import Subscriber

LEASE = timedelta(minutes=1)  # of a worker: longer than a call, its name server and what is written about it
WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
)  # after the first failure in a row, the second …; the last one again and again
JITTER = 0.2  # of a wait, at most: receivers that came back together are not called together
GIVEN_UP_AFTER = timedelta(days=3)
FAILURES_MIN = 8  # before that: a clock that jumps ahead for a moment gives nobody up
LOOKED_BACK = KEPT_FOR - timedelta(days=5)  # shorter than calls are kept: by them it is known what was told


def observe(now: datetime) -> int:
    """Write a call for each post that became public since its hook wants to know; return how many."""
    wishes = HookEvent.objects.filter(event=Event.PUBLISHED, hook__off="")
    return sum(_observe(wish, now) for wish in wishes)


def _observe(wish: HookEvent, now: datetime) -> int:
    told = Call.objects.filter(hook=wish.hook_id, event=Event.PUBLISHED, about=OuterRef("pk"))
    told = told.exclude(state=Call.State.VOID)  # it was withdrawn before anybody was told
    listed = Post.objects.listed(now).filter(published_at__gte=max(wish.since, now - LOOKED_BACK))
    new = listed.filter(~Exists(told)).order_by("published_at", "pk").values_list("pk", "published_at")
    if not new.exists():
        return 0
    with transaction.atomic():
        Hook.objects.select_for_update(no_key=True).get(pk=wish.hook_id)  # another worker may look at the same time
        calls = [Call(hook_id=wish.hook_id, event=Event.PUBLISHED, about=pk, at=at or now) for pk, at in new.all()]
        Call.objects.bulk_create(calls)
    return len(calls)


TURN_SECONDS = 5.0
BESIDE_SECONDS = 1.0  # while a mailing is being sent, which must not be slower for it
RESTORED_SLACK = timedelta(minutes=1)  # in which departures are done again that a restored database had forgotten
FORGOTTEN_AT_ONCE = 500  # rows

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Made:
    hook: Hook
    call: Call
    body: bytes
    headers: dict[str, str]

    def go(self) -> Answer:
        """Make it. Asks no database: it is done in a thread."""
        return calling.call(self.hook.url, self.body, self.headers)


def work(now: datetime, seconds: float | None = None) -> bool:
    """Make the calls that are due, for a turn; return whether there is more to do at once."""
    if not Hook.objects.exists():
        return False
    observe(now)
    forget_old(now)
    hooks = claim(now)
    if not hooks:
        return False
    for hook in hooks:
        hold_back(hook)
    until = time.monotonic() + (turn_seconds() if seconds is None else seconds)
    try:
        _rounds(hooks, until)
    finally:
        mine = Hook.objects.filter(pk__in=[hook.pk for hook in hooks], worker=hooks[0].worker)
        mine.update(lease_until=None, worker="")
    return Hook.objects.ready(timezone.now()).exists()


def turn_seconds() -> float:
    is_sending = Mailing.objects.filter(state=Mailing.State.SENDING).exists()
    return BESIDE_SECONDS if is_sending else TURN_SECONDS


def claim(now: datetime) -> list[Hook]:
    """Take the hooks that have something to do; none while another worker has some, whose hand is enough."""
    if Hook.objects.held(now).exists():
        return []
    worker = uuid.uuid4().hex
    for hook in Hook.objects.ready(now)[:HOOKS_MAX]:
        Hook.objects.ready(now).filter(pk=hook.pk).order_by().update(worker=worker, lease_until=now + LEASE)
    return list(Hook.objects.filter(worker=worker).order_by("pk"))


def hold_back(hook: Hook) -> None:
    """After a restore send nothing by itself of what happened before: it may have been told already."""
    noticed_at = Restoration.objects.aggregate(at=Max("noticed_at"))["at"]
    if noticed_at is None or noticed_at == hook.restored_at:
        return
    with transaction.atomic():
        past = Call.objects.waiting().filter(hook=hook, at__lte=noticed_at + RESTORED_SLACK)
        held = past.exclude(event=Event.TEST).update(state=Call.State.HELD, settled_at=timezone.now())
        hook.restored_at = noticed_at
        hook.save(update_fields=["restored_at"])
    if held:
        log.warning("webhook %s: %d calls from before the restore are held back", hook, held)


def forget_old(now: datetime) -> int:
    """Delete calls that were settled long ago, and those that wait for a hook that has been off for as long."""
    settled = Call.objects.filter(settled_at__lt=now - KEPT_FOR)
    of_off = Call.objects.waiting().filter(hook__in=Hook.objects.exclude(off="")).filter(at__lt=now - KEPT_FOR)
    old = [
        *settled.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE],
        *of_off.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE],
    ]
    return Call.objects.filter(pk__in=old).delete()[0] if old else 0


def _rounds(hooks: list[Hook], until: float) -> None:
    """Make one call of each hook at a time, until none has another one now, or the turn is over."""
    with ThreadPoolExecutor(len(hooks), "webhooks") as threads:
        while hooks and time.monotonic() < until:
            made = [one for hook in hooks if (one := _next(hook))]
            answers = [threads.submit(one.go) for one in made]
            hooks = [one.hook for one, answer in zip(made, answers, strict=True) if _settle(one, answer.result())]


def _next(hook: Hook) -> Made | None:
    """Return the next call of a hook; what has nothing to say any more is passed over."""
    now = timezone.now()
    if not Hook.objects.filter(pk=hook.pk, worker=hook.worker, off="").update(lease_until=now + LEASE):
        return None  # it was switched off, or is another worker's
    while call := Call.objects.next_of(hook):
        call.hook = hook
        if (body := calling.body_of(call, now)) is not None:
            return Made(hook, call, body, signing.headers(call.message_id, body, hook.keys(now), now))
        call.settle(Call.State.VOID, now)
    return None


def _settle(made: Made, answer: Answer) -> bool:
    """Write down what came of a call; return whether the hook may be called again at once."""
    now, hook, call = timezone.now(), made.hook, made.call
    with transaction.atomic():
        mine = Hook.objects.select_for_update(no_key=True).filter(pk=hook.pk, worker=hook.worker)
        if not mine.exists():
            return False  # a worker that was away for too long: another one makes the call again
        call.tried(
            now,
            status=answer.status,
            answer=answer.text,
            trouble=answer.trouble,
            milliseconds=answer.milliseconds,
        )
        is_test = call.event == Event.TEST
        if answer.is_taken:
            call.settle(Call.State.SENT, now)
            mine.update(failures=0, failing_since=None, retry_at=None)
        elif is_test:
            call.settle(Call.State.FAILED, now)
        if answer.is_taken and call.event in OF_READERS and not Subscriber.objects.filter(pk=call.about or 0).exists():
            of_reader.strike(call)
    return True if answer.is_taken or is_test else _failed(hook, answer, now)


def wait(failures: int) -> timedelta:
    """Return how long a hook is left alone after so many failures in a row."""
    base = WAITS[min(failures, len(WAITS)) - 1]
    return base + base * random.uniform(0, JITTER)  # noqa: S311 - nobody gains by guessing it


def is_given_up(failures: int, failing_since: datetime, now: datetime) -> bool:
    return failures >= FAILURES_MIN and now - failing_since >= GIVEN_UP_AFTER


def _failed(hook: Hook, answer: Answer, now: datetime) -> bool:
    fresh = Hook.objects.get(pk=hook.pk)
    failures, since = fresh.failures + 1, fresh.failing_since or now
    off = ""
    if answer.is_gone:
        off = Hook.Off.GONE
    elif is_given_up(failures, since, now):
        off = Hook.Off.FAILING
    values = {"failures": failures, "failing_since": since, "retry_at": now + wait(failures)}
    Hook.objects.filter(pk=hook.pk, worker=hook.worker).update(**values, **({"off": off} if off else {}))
    if off:
        log.error("webhook %s is off: %s", hook, answer.status or answer.trouble)
    return False
