"""The one door by which an uncertain copy finds an end: what is known of it, and what that changes.

Only uncertain rows move, and a row that waits to be sent again moves by the news that it had arrived before.
Each function is one transaction, or one a slice; doing it twice changes nothing.

"Send again" makes a row queued and keeps the number of its tries. A row is tried at most once a pass, so the
batch must begin another one: at once if it is done, after its present pass otherwise. All other rows of a batch
that is done have a final state: they stay.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from newsletter.delivery import ledger
from newsletter.delivery.history import Step
from newsletter.delivery.models import Batch, Delivery, Mailing

SLICE = 20  # batches whose rows are decided in one transaction
QUEUED, SENT, UNCERTAIN = Delivery.State.QUEUED, Delivery.State.SENT, Delivery.State.UNCERTAIN


class Known(Enum):
    ACCEPTED = "accepted"  # the provider has it: accepted, delivered, opened, clicked
    REFUSED = "refused"  # the provider says that it went nowhere: bounced, rejected
    COUNTED = "sent"  # the author counts it as sent
    AGAIN = "again"  # the author wants it sent again, whatever became of the first copy


STEP_OF = {Known.COUNTED: Step.What.COUNTED, Known.AGAIN: Step.What.AGAIN}
STATE_OF = {
    Known.ACCEPTED: Delivery.State.SENT,
    Known.REFUSED: Delivery.State.FAILED,
    Known.COUNTED: Delivery.State.SENT,
    Known.AGAIN: Delivery.State.QUEUED,
}
COUNTED_WORDS = "counted as sent by the author"


@dataclass(frozen=True)
class Evidence:
    """What is known of a copy, since when, and the words for it."""

    known: Known
    at: datetime
    words: str = ""


class Seen(NamedTuple):
    """An uncertain row as the author saw it: after one more try it is another question."""

    seq: int
    attempts: int


def resolve(delivery: Delivery, evidence: Evidence) -> bool:
    """Let `evidence` settle a copy; return whether it changed anything."""
    with transaction.atomic():
        delivery.mailing.lock()
        return bool(_move(delivery.mailing, _own_batch(delivery), Q(seq=delivery.seq), evidence))


def decide(mailing: Mailing, rows: Sequence[Seen], evidence: Evidence) -> int:
    """Let the author decide `rows`; return how many were still as he saw them."""
    wanted = Q(pk__in=[])
    for row in rows:
        wanted |= Q(seq=row.seq, attempts=row.attempts)
    within = Q(pk__in=[])
    for row in rows:
        within |= Q(lo__lte=row.seq, hi__gt=row.seq)
    with transaction.atomic():
        mailing.lock()
        return _decided(mailing, list(mailing.batches.filter(within).order_by("pk")), wanted, evidence)


def decide_all(mailing: Mailing, evidence: Evidence, *, seen: int) -> int:
    """Let the author decide all uncertain rows of `mailing`, slice by slice; return how many there were.

    seen: `last_decision` of the page on which he did: what was decided after it is not decided again.
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
            total += _decided(mailing, batches, Q(), evidence)
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


def _decided(mailing: Mailing, batches: list[Batch], rows: Q, evidence: Evidence) -> int:
    mailing.refresh_from_db(fields=["state"])
    if evidence.known is Known.AGAIN and not can_be_sent_again(mailing):
        return 0
    moved = _move(mailing, batches, rows, evidence)
    if moved:
        mailing.tell(STEP_OF[evidence.known], str(moved), evidence.at)
    if moved and evidence.known is Known.AGAIN:
        reopened = {"state": Mailing.State.SENDING, "finished_at": None, "retry_at": None, "provider_failures": 0}
        Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SENT).update(**reopened)
    return moved


def _own_batch(delivery: Delivery) -> list[Batch]:
    return list(Batch.objects.filter(mailing_id=delivery.mailing_id, lo__lte=delivery.seq, hi__gt=delivery.seq))


def _move(mailing: Mailing, batches: list[Batch], rows: Q, evidence: Evidence) -> int:
    """Move the `rows` of `batches` that may move, and their counters; the mailing is locked."""
    locked = Batch.objects.select_for_update().filter(pk__in=[batch.pk for batch in batches])
    moved = 0
    for batch in locked.order_by("pk"):
        moved += _move_in(batch, rows, evidence)
    if moved:
        Mailing.objects.filter(pk=mailing.pk).update(certified_at=None)
    return moved


def _move_in(batch: Batch, rows: Q, evidence: Evidence) -> int:
    mine = Delivery.objects.filter(rows, mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)
    uncertain = mine.filter(state=UNCERTAIN)
    if evidence.known is Known.AGAIN:
        return _queue_again(batch, uncertain)
    values: dict[str, object] = {"state": STATE_OF[evidence.known], "reply": evidence.words[:500]}
    if STATE_OF[evidence.known] == SENT:
        values["sent_at"] = Coalesce(F("sent_at"), Value(evidence.at))
    settled = uncertain.update(**values)
    ledger.count(batch, Counter({UNCERTAIN: -settled, STATE_OF[evidence.known]: settled}))
    if evidence.known is not Known.ACCEPTED:
        return settled
    spared = mine.filter(ledger.WAITS_AGAIN).update(**values)
    ledger.count(batch, Counter({SENT: spared}))
    return settled + spared


def _queue_again(batch: Batch, uncertain: "QuerySet[Delivery]") -> int:
    """Queue uncertain rows for the next pass of their batch, which begins at once if the batch is done."""
    is_done = batch.state == Batch.State.DONE
    # Behind the cursor of a pass under way lie only answered rows: these must not look as if theirs were missing.
    is_fresh = is_done or (batch.state == Batch.State.OPEN and batch.cursor == batch.lo)
    values: dict[str, object] = {} if is_fresh else {"attempts": batch.pass_no}
    queued = uncertain.update(state=QUEUED, **values)
    ledger.count(batch, Counter({UNCERTAIN: -queued}))
    if queued and is_done:
        reopened = {"state": Batch.State.OPEN, "cursor": batch.lo, "not_before": None}
        Batch.objects.filter(pk=batch.pk).update(**reopened, pass_no=F("pass_no") + 1, token=F("token") + 1)
    return queued
