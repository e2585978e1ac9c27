"""Packing the copies of mailings that were closed long ago, and striking out of the packs who was erased.

Each step is one batch, or one pack, and one transaction: killed at any moment it has happened or not. Steps are
short and rest between each other, so that a mailing that is being sent hardly notices.
"""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from newsletter.delivery.ledger import recovery, restored, uncertain
from newsletter.delivery.ledger.breakdown import CLOSED
from newsletter.delivery.models import (
    Arrival,
    Batch,
    BatchQuerySet,
    Delivery,
    Mailing,
    MailingQuerySet,
    Pack,
    Refusal,
    packs,
)
from subscribers.models import Forgotten, Subscriber

# What stands in place of a provider's words: why a copy counts as sent that no provider has answered for.
OWN_WORDS = frozenset({uncertain.COUNTED_WORDS, recovery.RECORDED, recovery.UNRECORDED, restored.WORDS})
REST, REST_BESIDE_A_MAILING = 0.5, 4.0  # times as long as the step took


def due(now: datetime) -> MailingQuerySet:
    """Return the mailings whose copies are to be packed, oldest first.

    They were closed and counted long ago. While another mailing of the issue is open it may ask
    who has a copy, so none of the issue's is touched.
    """
    old = now - timedelta(days=settings.PACK_AFTER_DAYS)
    open_ones = Mailing.objects.open().filter(issue=OuterRef("issue"))
    closed = Mailing.objects.filter(state__in=CLOSED, packed_at__isnull=True, finished_at__lte=old)
    return closed.filter(~Exists(open_ones), planned_at__isnull=False, counted_at__isnull=False).order_by("finished_at")


def pack_some(now: datetime, seconds: float, goes_on: Callable[[], bool] = lambda: True) -> int:
    """Pack batches for `seconds`, rests included; return how many copies that were."""
    until, packed = time.monotonic() + seconds, 0
    rest = REST_BESIDE_A_MAILING if Mailing.objects.filter(state=Mailing.State.SENDING).exists() else REST
    began = time.monotonic()
    for copies in _steps(now):
        packed += copies
        rest_seconds = rest * (time.monotonic() - began)
        if time.monotonic() + rest_seconds >= until or not goes_on():
            break
        time.sleep(rest_seconds)  # others have their turn
        began = time.monotonic()
    return packed


def _steps(now: datetime) -> Iterator[int]:
    """Yield how many copies each step has packed."""
    for mailing in due(now).only("pk"):
        for batch_id in list(_unpacked(mailing).values_list("pk", flat=True)):
            yield _pack(mailing, batch_id, now)
        _close(mailing, now)


def _unpacked(mailing: Mailing) -> BatchQuerySet:
    """Return the batches to be packed: not those with refusals of which the author has not said what they mean."""
    questions = Refusal.objects.waiting().filter(mailing=mailing, seq__gte=OuterRef("lo"), seq__lt=OuterRef("hi"))
    done: BatchQuerySet = mailing.batches.filter(~Exists(questions), pack__isnull=True, state=Batch.State.DONE)
    return done.order_by("lo")


def _pack(mailing: Mailing, batch_id: int, now: datetime) -> int:
    """Pack one batch, if it is still to be packed; return how many copies it had."""
    with transaction.atomic():
        mailing.lock()
        if not due(now).filter(pk=mailing.pk).exists():
            return 0
        skip = connection.features.has_select_for_update_skip_locked
        batch = _unpacked(mailing).select_for_update(skip_locked=skip, of=("self",)).filter(pk=batch_id).first()
        return packs.pack(batch, OWN_WORDS) if batch else 0


def _close(mailing: Mailing, now: datetime) -> None:
    """Note that nothing is left to be packed."""
    with transaction.atomic():
        mailing.lock()
        if not mailing.batches.filter(pack__isnull=True).exists():
            due(now).filter(pk=mailing.pk).update(packed_at=now)


def forget_some(seconds: float, goes_on: Callable[[], bool] = lambda: True) -> int:
    """Strike erased readers out of the packs until `seconds` are over; return how many were struck out everywhere."""
    until, forgotten = time.monotonic() + seconds, 0
    for number in list(Forgotten.objects.values_list("number", flat=True).order_by("number")):
        if not _forget(number, lambda: time.monotonic() < until and goes_on()):
            break
        forgotten += 1
    return forgotten


def _forget_mails(number: int) -> None:
    """Delete what came back of a reader's copies, and what they wrote.

    A copy that is a row has lost its reader already: whatever is about a copy without one goes. The packs still know.
    """
    nobodys = Delivery.objects.filter(mailing_id=OuterRef("mailing_id"), seq=OuterRef("seq"), subscriber__isnull=True)
    Arrival.objects.filter(Exists(nobodys), mailing_id__isnull=False).delete()
    for mailing_id, copy in Pack.objects.all().copies_of(number):
        Arrival.objects.filter(mailing_id=mailing_id, seq=copy.seq).delete()


def _forget(number: int, goes_on: Callable[[], bool]) -> bool:
    """Strike one reader out; return False if that was not finished. Who is there (again) is not struck out."""
    if not Subscriber.objects.filter(pk=number).exists():
        _forget_mails(number)
        for pack_id in packs.holding(number):
            if not goes_on():
                return False
            with transaction.atomic():
                packs.strike(pack_id, number)
    with transaction.atomic():  # a pack may have been unpacked between that reader's erasure and now
        if not Subscriber.objects.filter(pk=number).exists():
            Delivery.objects.filter(subscriber_id=number).update(subscriber=None)
        Forgotten.objects.filter(number=number).delete()
    return True
