"""The one door by which an uncertain copy finds an end: what is known of it, and what that changes.

Late answers of a lane, reports of the provider and the author's decisions all come through here.
Only uncertain rows move, and a row that waits to be sent again moves by the news that it had arrived before.
Each function is one transaction, or one a slice; doing it twice changes nothing.

"Send again" makes a row queued and keeps the number of its tries. A row is tried at most once a pass, so the
batch must begin another one: at once if it is done, after its present pass otherwise. All other rows of a batch
that is done have a final state: they stay.
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

from newsletter.delivery.models import Batch, BatchQuerySet, Delivery, Mailing, deliveries
from newsletter.delivery.models.deliveries import WAITS_AGAIN
from newsletter.delivery.models.mailing import Step

SLICE = 100  # batches whose rows are decided in one transaction
QUEUED, SENT, UNCERTAIN = Delivery.State.QUEUED, Delivery.State.SENT, Delivery.State.UNCERTAIN


class Known(Enum):
    ACCEPTED = "accepted"  # the provider has it: accepted, delivered, opened, clicked
    REFUSED = "refused"  # the provider says that it went nowhere: bounced, rejected
    PUT_OFF = "put off"  # the provider said "not now", and the reply came too late
    LEFT = "left"  # its reader had left, and the lane that was taken for dead did not hand it over
    NEVER_LEFT = "never left"  # the lane that was taken for dead woke, and by its recorder did not send it
    COUNTED = "sent"  # the author counts it as sent
    AGAIN = "again"  # the author wants it sent again, whatever became of the first copy


STEP_OF = {Known.COUNTED: Step.What.COUNTED, Known.AGAIN: Step.What.AGAIN}
STATE_OF = {
    Known.ACCEPTED: Delivery.State.SENT,
    Known.REFUSED: Delivery.State.FAILED,
    Known.PUT_OFF: Delivery.State.DEFERRED,
    Known.LEFT: Delivery.State.SKIPPED,
    Known.NEVER_LEFT: Delivery.State.QUEUED,
    Known.COUNTED: Delivery.State.SENT,
    Known.AGAIN: Delivery.State.QUEUED,
}
KNOWN_OF = {  # by the answer of a lane
    Delivery.State.SENT: Known.ACCEPTED,
    Delivery.State.FAILED: Known.REFUSED,
    Delivery.State.DEFERRED: Known.PUT_OFF,
    Delivery.State.SKIPPED: Known.LEFT,
}
COUNTED_WORDS = "counted as sent by the author"


@dataclass(frozen=True)
class Evidence:
    """What is known of a copy, since when, and the words for it.

    attempt: the try that it is about, None for the last one. That the provider has the copy counts whichever it was.
    """

    known: Known
    at: datetime
    words: str = ""
    provider_id: str = ""
    attempt: int | None = None


class Seen(NamedTuple):
    """An uncertain row as the author saw it: after one more try it is another question."""

    seq: int
    attempts: int


def resolve(delivery: Delivery, evidence: Evidence) -> bool:
    """Let `evidence` settle a copy; return whether it changed anything."""
    with transaction.atomic():
        delivery.mailing.lock()
        own = delivery.mailing.batches.filter(lo__lte=delivery.seq, hi__gt=delivery.seq)
        return bool(_move(delivery.mailing, list(own), Q(seq=delivery.seq), evidence))


def settle_late(batch: Batch, known: Mapping[int, Evidence]) -> int:
    """Let late answers settle rows of `batch`, by seq, in the transaction that has locked it; return how many moved.

    The mailing's row is changed after the commit: who locks a mailing and a batch begins with the mailing.
    """
    moved = sum(_move_in(batch, Q(seq=seq), evidence) for seq, evidence in known.items())
    if moved:
        transaction.on_commit(partial(_outdate, batch.mailing_id))
    return moved


def take_back(batch: Batch, rows: Sequence[int], evidence: Evidence) -> int:
    """Queue `rows` of a batch that never left, in the transaction that has locked it; return how many there were."""
    moved = _move_in(batch, Q(seq__in=rows), evidence)
    if moved:
        transaction.on_commit(partial(_outdate, batch.mailing_id))
    return moved


def decide(mailing: Mailing, rows: Sequence[Seen], evidence: Evidence) -> int:
    """Let the author decide `rows`; return how many were still as the author saw them."""
    wanted = Q(pk__in=[])
    for row in rows:
        wanted |= Q(seq=row.seq, attempts=row.attempts)
    within = Q(pk__in=[])
    for row in rows:
        within |= Q(lo__lte=row.seq, hi__gt=row.seq)
    with transaction.atomic():
        mailing.lock()
        batches = list(mailing.batches.filter(within))
        return _decided(mailing, evidence, lambda: _move(mailing, batches, wanted, evidence))


def decide_all(mailing: Mailing, evidence: Evidence, *, seen: int) -> int:
    """Let the author decide all uncertain rows of `mailing`, slice by slice; return how many there were.

    seen: `last_decision` of the page on which they did: what was decided after it is not decided again.
    """
    total, after = 0, 0
    while True:
        with transaction.atomic():
            mailing.lock()
            if not after and last_decision(mailing) != seen:
                return 0
            batches = list(mailing.batches.filter(uncertain__gt=0, pk__gt=after).order_by("pk")[:SLICE])
            if not batches:
                return total
            total += _decided(mailing, evidence, partial(_move, mailing, batches, Q(), evidence))
        after = batches[-1].pk


def last_decision(mailing: Mailing) -> int:
    """Return the number of the author's last decision about uncertain rows, 0 if there is none."""
    decisions = mailing.steps.filter(what__in=STEP_OF.values())
    return decisions.order_by("pk").values_list("pk", flat=True).last() or 0


def can_be_sent_again(mailing: Mailing) -> bool:
    """Return whether a copy of this mailing may leave once more: not after a cancel, nor beside its successor."""
    if mailing.state == Mailing.State.SENT:
        siblings = Mailing.objects.open().filter(issue_id=mailing.issue_id, kind=mailing.kind)
        return not siblings.exists()
    return mailing.state in {Mailing.State.SENDING, Mailing.State.PAUSED}


def _decided(mailing: Mailing, evidence: Evidence, move: Callable[[], int]) -> int:
    mailing.refresh_from_db(fields=["state"])
    if evidence.known is Known.AGAIN and not can_be_sent_again(mailing):
        return 0
    moved = move()
    if moved:
        mailing.record(STEP_OF[evidence.known], str(moved), evidence.at)
    if moved and evidence.known is Known.AGAIN:
        _reopen(mailing)
    return moved


def _reopen(mailing: Mailing) -> None:
    reopened = {"state": Mailing.State.SENDING, "finished_at": None, "retry_at": None, "provider_failures": 0}
    Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SENT).update(**reopened)


def retry_refused(mailing: Mailing, seqs: Sequence[int]) -> int:
    """Try copies again that were refused for no reason of their readers; return how many. The mailing is locked.

    None of them was accepted, so nobody gets two. They are deferred: should the mailing be cancelled, they are skipped.
    """
    tried = 0
    for batch in mailing.batches.select_for_update().filter(failed__gt=0).order_by("pk"):
        mine = [seq for seq in seqs if batch.lo <= seq < batch.hi]
        refused = Delivery.objects.filter(mailing_id=mailing.pk, seq__in=mine, state=Delivery.State.FAILED)
        deferred = refused.update(state=Delivery.State.DEFERRED, **_next_try(batch)) if mine else 0
        if deferred:
            batch.count(Counter({Delivery.State.FAILED: -deferred}))
            _only(batch).open_again()
        tried += deferred
    if tried:
        _outdate(mailing.pk)
        _reopen(mailing)
    return tried


def _move(mailing: Mailing, batches: list[Batch], rows: Q, evidence: Evidence) -> int:
    """Move the `rows` of `batches` that may move, and their counters; the mailing is locked."""
    locked = Batch.objects.select_for_update().filter(pk__in=[batch.pk for batch in batches])
    moved = sum(_move_in(batch, rows, evidence) for batch in locked.order_by("pk"))
    if moved:
        _outdate(mailing.pk)
    return moved


def _outdate(mailing_id: int) -> None:
    """Have its copies counted again."""
    Mailing.objects.filter(pk=mailing_id).update(counted_at=None)


def _move_in(batch: Batch, rows: Q, evidence: Evidence) -> int:
    mine = Delivery.objects.filter(rows, mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)
    uncertain = mine.filter(state=UNCERTAIN)
    if evidence.known is Known.AGAIN:
        return _queue_again(batch, uncertain)
    state, values = STATE_OF[evidence.known], _values(evidence)
    if evidence.attempt is not None and evidence.known is not Known.ACCEPTED:
        uncertain = uncertain.filter(attempts=evidence.attempt)
    if evidence.known is Known.NEVER_LEFT:
        return _queue_again(batch, uncertain)
    if evidence.known is Known.REFUSED:
        deliveries.note_refusals(
            batch, dict.fromkeys(uncertain.values_list("seq", flat=True), evidence.words), evidence.at
        )
    settled = uncertain.update(**values)
    spared = mine.filter(WAITS_AGAIN).update(**values) if evidence.known is Known.ACCEPTED else 0
    batch.count(Counter({UNCERTAIN: -settled, state: settled + spared}))
    if settled and evidence.known is Known.PUT_OFF:
        _only(batch).open_again(evidence.at + batch.distance)
    return settled + spared


def _values(evidence: Evidence) -> dict[str, object]:
    values: dict[str, object] = {"state": STATE_OF[evidence.known], "reply": evidence.words[:500]}
    if STATE_OF[evidence.known] == SENT:
        values["sent_at"] = Coalesce(F("sent_at"), Value(evidence.at))
    if evidence.provider_id:
        values["provider_id"] = evidence.provider_id
    return values


def _queue_again(batch: Batch, uncertain: "QuerySet[Delivery]") -> int:
    queued = uncertain.update(state=QUEUED, **_next_try(batch))
    batch.count(Counter({UNCERTAIN: -queued}))
    if queued:
        _only(batch).open_again()
    return queued


def _only(batch: Batch) -> BatchQuerySet:
    return Batch.objects.filter(pk=batch.pk)


def _next_try(batch: Batch) -> dict[str, int]:
    """Return what a row must say to wait for the next pass.

    Behind the cursor of a pass under way lie only answered rows: these must not look as if theirs were missing.
    """
    is_begun = batch.state == Batch.State.LEASED or (batch.state == Batch.State.OPEN and batch.cursor != batch.lo)
    return {"attempts": batch.pass_no} if is_begun else {}
