"""Makes webhook calls: those of one hook in sequence, several hooks in parallel.

A lease per hook ensures one call at a time. If a worker is killed, its call stays pending and is repeated with the same
`webhook-id`. A failed call blocks later ones of its hook.
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

from newsletter.api.hooks import erasure, http_calls, signing
from newsletter.api.hooks.http_calls import CallResult
from newsletter.api.hooks.models import CALL_RETENTION, HOOKS_MAX, READER_EVENTS, Call, Hook, HookEvent, HookEventType
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.deliveries import Restoration
from newsletter.posts.models import Post
from subscribers.models import Subscriber

LEASE = timedelta(minutes=1)  # longer than a call with its DNS query and database writes
RETRY_DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
)  # after the first failure in a row, the second …; the last one repeats
JITTER = 0.2  # maximum share added to a delay, so that recovered receivers are not all called at once
GIVEN_UP_AFTER = timedelta(days=3)
FAILURES_MIN = 8  # so that a clock that jumps ahead gives up no hook
LOOK_BACK = CALL_RETENTION - timedelta(days=5)  # shorter than CALL_RETENTION: stored calls show what was sent


def record_published_posts(now: datetime) -> int:
    subscriptions = HookEvent.objects.filter(event=HookEventType.PUBLISHED, hook__off="")
    return sum(_record_posts_for(subscription, now) for subscription in subscriptions)


def _record_posts_for(subscription: HookEvent, now: datetime) -> int:
    sent = Call.objects.filter(hook=subscription.hook_id, event=HookEventType.PUBLISHED, about=OuterRef("pk"))
    sent = sent.exclude(state=Call.State.VOID)  # it was withdrawn before any call
    listed = Post.objects.listed(now).filter(published_at__gte=max(subscription.since, now - LOOK_BACK))
    new = listed.filter(~Exists(sent)).order_by("published_at", "pk").values_list("pk", "published_at")
    if not new.exists():
        return 0
    with transaction.atomic():
        hook = Hook.objects.select_for_update(no_key=True).get(pk=subscription.hook_id)  # against a second worker
        calls = [Call(hook=hook, event=HookEventType.PUBLISHED, about=pk, at=at or now) for pk, at in new.all()]
        Call.objects.bulk_create(calls)
    return len(calls)


TURN_SECONDS = 5.0
TURN_SECONDS_WHILE_SENDING = 1.0  # so that a mailing is not slowed down
RESTORED_SLACK = timedelta(minutes=1)  # departures missing from the backup are replayed within it
DELETE_BATCH_SIZE = 500

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedCall:
    hook: Hook
    call: Call
    body: bytes
    headers: dict[str, str]

    def send(self) -> CallResult:
        """Runs in a thread: uses no database."""
        return http_calls.send_call(self.hook.url, self.body, self.headers)


def run_turn(now: datetime, seconds: float | None = None) -> bool:
    """Make due calls for a limited time; return whether there are more."""
    if not Hook.objects.exists():
        return False
    record_published_posts(now)
    delete_old_calls(now)
    hooks = claim_hooks(now)
    if not hooks:
        return False
    for hook in hooks:
        hold_calls_before_restore(hook)
    until = time.monotonic() + (turn_seconds() if seconds is None else seconds)
    try:
        _call_in_rounds(hooks, until)
    finally:
        mine = Hook.objects.filter(pk__in=[hook.pk for hook in hooks], worker=hooks[0].worker)
        mine.update(lease_until=None, worker="")
    return Hook.objects.ready(timezone.now()).exists()


def turn_seconds() -> float:
    is_sending = Mailing.objects.filter(state=Mailing.State.SENDING).exists()
    return TURN_SECONDS_WHILE_SENDING if is_sending else TURN_SECONDS


def claim_hooks(now: datetime) -> list[Hook]:
    """Lease the hooks that are due; none while another worker has leased some: one worker suffices."""
    if Hook.objects.leased(now).exists():
        return []
    worker = uuid.uuid4().hex
    for hook in Hook.objects.ready(now)[:HOOKS_MAX]:
        Hook.objects.ready(now).filter(pk=hook.pk).order_by().update(worker=worker, lease_until=now + LEASE)
    return list(Hook.objects.filter(worker=worker).order_by("pk"))


def hold_calls_before_restore(hook: Hook) -> None:
    """After a restore, hold calls from before it: they may have been sent already."""
    noticed_at = Restoration.objects.aggregate(at=Max("noticed_at"))["at"]
    if noticed_at is None or noticed_at == hook.restored_at:
        return
    with transaction.atomic():
        past = Call.objects.waiting().filter(hook=hook, at__lte=noticed_at + RESTORED_SLACK)
        held = past.exclude(event=HookEventType.TEST).update(state=Call.State.HELD, settled_at=timezone.now())
        hook.restored_at = noticed_at
        hook.save(update_fields=["restored_at"])
    if held:
        log.warning("webhook %s: %d calls from before the restore are held back", hook, held)


def delete_old_calls(now: datetime) -> int:
    """Delete calls settled long ago, and pending ones of hooks that have been off as long."""
    settled = Call.objects.filter(settled_at__lt=now - CALL_RETENTION)
    of_off = Call.objects.waiting().filter(hook__in=Hook.objects.exclude(off="")).filter(at__lt=now - CALL_RETENTION)
    old = [
        *settled.values_list("pk", flat=True)[:DELETE_BATCH_SIZE],
        *of_off.values_list("pk", flat=True)[:DELETE_BATCH_SIZE],
    ]
    return Call.objects.filter(pk__in=old).delete()[0] if old else 0


def _call_in_rounds(hooks: list[Hook], until: float) -> None:
    with ThreadPoolExecutor(len(hooks), "webhooks") as threads:
        while hooks and time.monotonic() < until:
            calls = [one for hook in hooks if (one := _prepare_next(hook))]
            futures = [threads.submit(one.send) for one in calls]
            hooks = [one.hook for one, future in zip(calls, futures, strict=True) if _settle(one, future.result())]


def _prepare_next(hook: Hook) -> PreparedCall | None:
    """The next call of a hook; calls without a subject are skipped."""
    now = timezone.now()
    if not Hook.objects.filter(pk=hook.pk, worker=hook.worker, off="").update(lease_until=now + LEASE):
        return None  # it was switched off, or is another worker's
    while call := Call.objects.next_of(hook):
        call.hook = hook
        if (body := http_calls.call_body(call, now)) is not None:
            headers = signing.signature_headers(call.message_id, body, hook.valid_secrets(now), now)
            return PreparedCall(hook, call, body, headers)
        call.settle(Call.State.VOID, now)
    return None


def _settle(prepared: PreparedCall, result: CallResult) -> bool:
    """Store the result; return whether the hook may be called again at once."""
    now, hook, call = timezone.now(), prepared.hook, prepared.call
    with transaction.atomic():
        mine = Hook.objects.select_for_update(no_key=True).filter(pk=hook.pk, worker=hook.worker)
        if not mine.exists():
            return False  # a worker that was away for too long: another one makes the call again
        call.record_try(
            now,
            status=result.status,
            answer=result.response_text,
            trouble=result.error,
            milliseconds=result.milliseconds,
        )
        is_test = call.event == HookEventType.TEST
        if result.is_accepted:
            call.settle(Call.State.SENT, now)
            mine.update(failures=0, failing_since=None, retry_at=None)
        elif is_test:
            call.settle(Call.State.FAILED, now)
        if (
            result.is_accepted
            and call.event in READER_EVENTS
            and not Subscriber.objects.filter(pk=call.about or 0).exists()
        ):
            Call.objects.filter(pk=call.pk).update(**erasure.REDACTED_VALUES)
    return True if result.is_accepted or is_test else _record_failure(hook, result, now)


def retry_delay(failures: int) -> timedelta:
    base = RETRY_DELAYS[min(failures, len(RETRY_DELAYS)) - 1]
    return base + base * random.uniform(0, JITTER)  # noqa: S311 - nobody gains by guessing it


def is_given_up(failures: int, failing_since: datetime, now: datetime) -> bool:
    return failures >= FAILURES_MIN and now - failing_since >= GIVEN_UP_AFTER


def _record_failure(hook: Hook, result: CallResult, now: datetime) -> bool:
    fresh = Hook.objects.get(pk=hook.pk)
    failures, since = fresh.failures + 1, fresh.failing_since or now
    off = ""
    if result.is_gone:
        off = Hook.Off.GONE
    elif is_given_up(failures, since, now):
        off = Hook.Off.FAILING
    values = {"failures": failures, "failing_since": since, "retry_at": now + retry_delay(failures)}
    Hook.objects.filter(pk=hook.pk, worker=hook.worker).update(**values, **({"off": off} if off else {}))
    if off:
        log.error("webhook %s is off: %s", hook, result.status or result.error)
    return False
