"""Resolves deliveries whose outcome is unknown. Every such transition goes through here.

Sources are late results of a lane, reports of the provider, and the author's decisions.
Only uncertain rows change, and rows queued again if the first copy turns out to be accepted.
Each function is one transaction, or one per slice, and idempotent.

"Send again" queues a row and keeps its number of attempts. A row is tried at most once per pass, so the batch needs
another pass: at once if it is done, otherwise after the present one. All other rows of a done batch have a final
state and do not change.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import partial
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from newsletter.delivery.models import Batch, Delivery, Mailing, deliveries
from newsletter.delivery.models.deliveries import IS_REQUEUED
from newsletter.delivery.models.mailing import MailingStep

BATCHES_PER_SLICE = 100  # one transaction
QUEUED, SENT, UNCERTAIN = Delivery.State.QUEUED, Delivery.State.SENT, Delivery.State.UNCERTAIN


class Resolution(Enum):
    ACCEPTED = "accepted"  # by the provider: accepted, delivered, opened, clicked
    REFUSED = "refused"  # by the provider: bounced, rejected
    PUT_OFF = "put off"  # not accepted, by a late reply: deferred by the provider, or skipped as its reader had left
    NEVER_LEFT = "never left"  # by the recorder of a lane that recovery had given up: not sent
    COUNT_AS_SENT = "sent"  # the author's decision
    SEND_AGAIN = "again"  # the author's decision


STEP_OF_DECISION = {
    Resolution.COUNT_AS_SENT: MailingStep.Kind.COUNTED_AS_SENT,
    Resolution.SEND_AGAIN: MailingStep.Kind.SEND_AGAIN,
}
STATE_OF_RESOLUTION = {
    Resolution.ACCEPTED: Delivery.State.SENT,
    Resolution.REFUSED: Delivery.State.FAILED,
    Resolution.PUT_OFF: Delivery.State.DEFERRED,
    Resolution.NEVER_LEFT: Delivery.State.QUEUED,
    Resolution.COUNT_AS_SENT: Delivery.State.SENT,
    Resolution.SEND_AGAIN: Delivery.State.QUEUED,
}
RESOLUTION_OF_STATE = {  # by a lane's result
    Delivery.State.SENT: Resolution.ACCEPTED,
    Delivery.State.FAILED: Resolution.REFUSED,
    Delivery.State.DEFERRED: Resolution.PUT_OFF,
    Delivery.State.SKIPPED: Resolution.PUT_OFF,  # the next pass looks at the reader again
}
COUNTED_REPLY = "counted as sent by the author"


@dataclass(frozen=True)
class DeliveryReport:
    """What became of a delivery, and when.

    attempt: the one it is about, None for the last one; ignored for ACCEPTED, which counts for any attempt.
    """

    resolution: Resolution
    at: datetime
    reply: str = ""
    provider_id: str = ""
    attempt: int | None = None


class SeenRow(NamedTuple):
    """An uncertain row as the author saw it: after another attempt the decision does not apply."""

    seq: int
    attempts: int


def resolve(delivery: Delivery, report: DeliveryReport) -> bool:
    """Return whether its state changed."""
    with transaction.atomic():
        delivery.mailing.lock()
        own = delivery.mailing.batches.filter(lo__lte=delivery.seq, hi__gt=delivery.seq)
        return bool(_apply_to_batches(delivery.mailing, list(own), Q(seq=delivery.seq), report))


def settle_late(batch: Batch, known: Mapping[int, DeliveryReport]) -> int:
    """Settle rows of `batch` by late results, by seq; return how many changed. The caller has locked the batch.

    The mailing's row is updated after the commit, because a mailing must be locked before its batches.
    """
    moved = sum(_apply_to_batch(batch, Q(seq=seq), report) for seq, report in known.items())
    if moved:
        transaction.on_commit(partial(_request_recount, batch.mailing_id))
    return moved


def requeue_never_left(batch: Batch, rows: Sequence[int], report: DeliveryReport) -> int:
    """Queue rows again that were never handed over; return how many. The caller has locked the batch."""
    moved = _apply_to_batch(batch, Q(seq__in=rows), report)
    if moved:
        transaction.on_commit(partial(_request_recount, batch.mailing_id))
    return moved


def decide(mailing: Mailing, rows: Sequence[SeenRow], report: DeliveryReport) -> int:
    """Apply the author's decision to `rows`; return how many were still as the author saw them."""
    wanted = within = Q(pk__in=[])
    for row in rows:
        wanted |= Q(seq=row.seq, attempts=row.attempts)
        within |= Q(lo__lte=row.seq, hi__gt=row.seq)
    with transaction.atomic():
        mailing.lock()
        batches = list(mailing.batches.filter(within))
        return _apply_decision(mailing, report, lambda: _apply_to_batches(mailing, batches, wanted, report))


def decide_all(mailing: Mailing, report: DeliveryReport, *, seen: int) -> int:
    """Apply the author's decision to all uncertain rows, slice by slice; return how many.

    seen: `last_decision` when the page was rendered; does nothing if there was another decision since.
    """
    total, after = 0, 0
    while True:
        with transaction.atomic():
            mailing.lock()
            if not after and last_decision(mailing) != seen:
                return 0
            batches = list(mailing.batches.filter(uncertain__gt=0, pk__gt=after).order_by("pk")[:BATCHES_PER_SLICE])
            if not batches:
                return total
            total += _apply_decision(mailing, report, partial(_apply_to_batches, mailing, batches, Q(), report))
        after = batches[-1].pk


def last_decision(mailing: Mailing) -> int:
    """The key of the step of the author's last decision about uncertain rows, 0 if there is none."""
    decisions = mailing.steps.filter(what__in=STEP_OF_DECISION.values())
    return decisions.order_by("pk").values_list("pk", flat=True).last() or 0


def can_be_sent_again(mailing: Mailing) -> bool:
    """Whether deliveries may be sent again: not after a cancel, nor while a successor is open."""
    if mailing.state == Mailing.State.SENT:
        siblings = Mailing.objects.open().filter(issue_id=mailing.issue_id, kind=mailing.kind)
        return not siblings.exists()
    return mailing.state in {Mailing.State.SENDING, Mailing.State.PAUSED}


def _apply_decision(mailing: Mailing, report: DeliveryReport, move: Callable[[], int]) -> int:
    mailing.refresh_from_db(fields=["state"])
    if report.resolution is Resolution.SEND_AGAIN and not can_be_sent_again(mailing):
        return 0
    moved = move()
    if moved:
        mailing.record(STEP_OF_DECISION[report.resolution], str(moved), report.at)
    if moved and report.resolution is Resolution.SEND_AGAIN:
        _reopen(mailing)
    return moved


def _reopen(mailing: Mailing) -> None:
    reopened = {"state": Mailing.State.SENDING, "finished_at": None, "retry_at": None, "provider_failures": 0}
    Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SENT).update(**reopened)


def retry_refused(mailing: Mailing, seqs: Sequence[int]) -> int:
    """Retry deliveries that were wrongly refused; return how many. The caller has locked the mailing.

    None was accepted, so nobody gets two. Their state is deferred, so that a cancel skips them.
    """
    tried = 0
    for batch in mailing.batches.select_for_update().filter(failed__gt=0).order_by("pk"):
        mine = [seq for seq in seqs if batch.lo <= seq < batch.hi]
        refused = Delivery.objects.filter(mailing_id=mailing.pk, seq__in=mine, state=Delivery.State.FAILED)
        deferred = refused.update(state=Delivery.State.DEFERRED, **_next_try(batch)) if mine else 0
        if deferred:
            batch.add_counts(Counter({Delivery.State.FAILED: -deferred}))
            Batch.objects.filter(pk=batch.pk).open_again()
        tried += deferred
    if tried:
        _request_recount(mailing.pk)
        _reopen(mailing)
    return tried


def _apply_to_batches(mailing: Mailing, batches: list[Batch], rows: Q, report: DeliveryReport) -> int:
    """Apply the report to `rows` of `batches` and their counters. The caller has locked the mailing."""
    locked = Batch.objects.select_for_update().filter(pk__in=[batch.pk for batch in batches])
    moved = sum(_apply_to_batch(batch, rows, report) for batch in locked.order_by("pk"))
    if moved:
        _request_recount(mailing.pk)
    return moved


def _request_recount(mailing_id: int) -> None:
    Mailing.objects.filter(pk=mailing_id).update(counted_at=None)


def _apply_to_batch(batch: Batch, rows: Q, report: DeliveryReport) -> int:
    wanted = Delivery.objects.filter(rows, mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)
    uncertain = wanted.filter(state=UNCERTAIN)
    if report.resolution is Resolution.SEND_AGAIN:
        return _queue_again(batch, uncertain)
    state, values = STATE_OF_RESOLUTION[report.resolution], _report_columns(report)
    if report.attempt is not None and report.resolution is not Resolution.ACCEPTED:
        uncertain = uncertain.filter(attempts=report.attempt)
    if report.resolution is Resolution.NEVER_LEFT:
        return _queue_again(batch, uncertain, attempts=0)
    if report.resolution is Resolution.REFUSED:
        deliveries.record_refusals(
            batch, dict.fromkeys(uncertain.values_list("seq", flat=True), report.reply), report.at
        )
    settled = uncertain.update(**values)
    spared = wanted.filter(IS_REQUEUED).update(**values) if report.resolution is Resolution.ACCEPTED else 0
    batch.add_counts(Counter({UNCERTAIN: -settled, state: settled + spared}))
    if settled and report.resolution is Resolution.PUT_OFF:
        Batch.objects.filter(pk=batch.pk).open_again(report.at + batch.retry_delay)
    return settled + spared


def _report_columns(report: DeliveryReport) -> dict[str, object]:
    values: dict[str, object] = {"state": STATE_OF_RESOLUTION[report.resolution], "reply": report.reply[:500]}
    if STATE_OF_RESOLUTION[report.resolution] == SENT:
        values["sent_at"] = Coalesce(F("sent_at"), Value(report.at))
    if report.provider_id:
        values["provider_id"] = report.provider_id
    return values


def _queue_again(batch: Batch, uncertain: "QuerySet[Delivery]", **values: int) -> int:
    queued = uncertain.update(state=QUEUED, **values | _next_try(batch))
    batch.add_counts(Counter({UNCERTAIN: -queued}))
    if queued:
        Batch.objects.filter(pk=batch.pk).open_again()
    return queued


def _next_try(batch: Batch) -> dict[str, int]:
    """The attempts with which a row waits for the next pass.

    Rows before the cursor of a running pass must not look as if their result were missing.
    """
    is_begun = batch.state == Batch.State.LEASED or (batch.state == Batch.State.OPEN and batch.cursor != batch.lo)
    return {"attempts": batch.pass_no} if is_begun else {}
