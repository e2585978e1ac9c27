"""The certificate of a mailing that is closed: what became of every reader's copy, in one document with a hash.

It is issued by the dispatcher once all batches are done, and again under a new number when something has changed
the outcome since. No address is in it: a refusal counts by its codes, not by its words.
"""

import hashlib
import json
import re
from collections import Counter
from datetime import datetime
from itertools import batched
from typing import Any

from django.db import transaction
from django.db.models import Case, Count, F, Max, Min, Q, When
from django.db.models.functions import Left

from newsletter.delivery.apart import apart
from newsletter.delivery.models import Batch, Counts, Delivery, Mailing
from newsletter.delivery.models.history import Certificate, Step
from newsletter.delivery.models.packing import Copy

VERSION = 1
SLICE = 100  # batches counted by one statement: 400,000 rows at most
CLOSED = [Mailing.State.SENT, Mailing.State.CANCELLED]
CODES = re.compile(r"\d{3}([ -]\d\.\d{1,3}\.\d{1,3})?")  # RFC 5321 section 4.2, RFC 3463
CODES_LENGTH = 14
RULE = {  # planning/audience.py in words
    Mailing.Kind.ISSUE: "who was mailable when it began and had no copy of the issue yet",
    Mailing.Kind.CORRECTION: "who was mailable when it began and had a copy of the issue",
}


def issue_due(now: datetime) -> list[Certificate]:
    """Issue the certificates that are missing or out of date."""
    closed = Mailing.objects.filter(state__in=CLOSED, certified_at__isnull=True, planned_at__isnull=False)
    issued = []
    for mailing in closed.defer("html", "text").select_related("issue").order_by("pk"):
        with apart(f"the certificate of mailing {mailing.pk}"):
            issued.append(issue(mailing, now))
    return [certificate for certificate in issued if certificate]


def issue(mailing: Mailing, now: datetime) -> Certificate | None:
    """Store a certificate of what the ledger says; None if the mailing is not settled, or changes meanwhile."""
    if _is_unsettled(mailing):
        return None
    outcome = _outcome(mailing)
    with transaction.atomic():
        mailing.lock()
        mailing.refresh_from_db(fields=["state", "finished_at", "certified_at"])
        is_open = mailing.state not in CLOSED or mailing.certified_at or _is_unsettled(mailing)
        if is_open or outcome.counts != mailing.counts():
            return None
        certificate = _written(mailing, outcome, now)
        Mailing.objects.filter(pk=mailing.pk).update(certified_at=now)
    return certificate


def _is_unsettled(mailing: Mailing) -> bool:
    return mailing.batches.exclude(state=Batch.State.DONE).exists()


class Outcome:
    """What became of the copies, counted from the ledger's rows."""

    def __init__(self) -> None:
        self.states: Counter[int] = Counter()
        self.failed: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.first: datetime | None = None
        self.last: datetime | None = None

    def add(self, row: dict[str, Any]) -> None:
        """Add one group of rows: state, reason, how many, and between which times they were sent."""
        self.states[row["state"]] += row["rows"]
        if row["state"] == Delivery.State.SENT and row["first"]:
            self.first = min(self.first or row["first"], row["first"])
            self.last = max(self.last or row["last"], row["last"])
        if row["state"] == Delivery.State.FAILED:
            codes = CODES.match(row["reason"])
            self.failed[codes[0].replace("-", " ") if codes else "without a code"] += row["rows"]
        if row["state"] == Delivery.State.SKIPPED:
            self.skipped[row["reason"]] += row["rows"]

    @property
    def counts(self) -> Counts:
        names = {"SENT": "sent", "FAILED": "failed", "UNCERTAIN": "uncertain", "SKIPPED": "skipped"}
        waiting = self.states[Delivery.State.QUEUED] + self.states[Delivery.State.DEFERRED]
        return Counts(queued=waiting, **{name: self.states[Delivery.State[key]] for key, name in names.items()})


def _outcome(mailing: Mailing) -> Outcome:
    """Count by statements of a bounded number of rows: none of them reads a whole mailing."""
    outcome = Outcome()
    ranges = mailing.batches.order_by("lo").values_list("lo", "hi")
    skipped, failed = Q(state=Delivery.State.SKIPPED), Q(state=Delivery.State.FAILED)
    reason = Case(When(skipped, then=F("reply")), When(failed, then=Left("reply", CODES_LENGTH)), default=None)
    for part in batched(ranges, SLICE, strict=False):
        rows = mailing.deliveries.filter(seq__gte=part[0][0], seq__lt=part[-1][1])
        groups = rows.order_by().values("state", reason=reason)
        for group in groups.annotate(rows=Count("seq"), first=Min("sent_at"), last=Max("sent_at")):
            outcome.add(dict(group))
    for pack in mailing.packs.iterator(chunk_size=10):
        for copy in pack.copies():
            outcome.add(_alone(copy))
    return outcome


def _alone(copy: Copy) -> dict[str, Any]:
    """Return a packed copy as a group of one row."""
    reasons = {Delivery.State.SKIPPED: copy.reply, Delivery.State.FAILED: copy.reply[:CODES_LENGTH]}
    times = {"first": copy.sent_at, "last": copy.sent_at}
    return {"state": copy.state, "reason": reasons.get(Delivery.State(copy.state)), "rows": 1, **times}


def _written(mailing: Mailing, outcome: Outcome, now: datetime) -> Certificate:
    number = mailing.certificates.count() + 1
    counts = outcome.counts
    document = _document(mailing, outcome) | {"number": number, "issued_at": now.isoformat()}
    return Certificate.objects.create(
        mailing=mailing,
        number=number,
        issued_at=now,
        document=document,
        sha256=hashlib.sha256(canonical(document)).hexdigest(),
        total=mailing.total,
        sent=counts.sent,
        failed=counts.failed,
        uncertain=counts.uncertain,
        skipped=counts.skipped,
    )


def canonical(document: dict[str, Any]) -> bytes:
    """Return the octets that are hashed and downloaded: UTF-8, keys sorted, no white space between tokens.

    Source: RFC 8785 in what matters to strings and whole numbers.
    """
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _document(mailing: Mailing, outcome: Outcome) -> dict[str, Any]:
    steps = list(mailing.steps.all())
    counts = outcome.counts
    return {
        "version": VERSION,
        "issue": mailing.issue.number,
        "mailing": mailing.number,
        "kind": mailing.kind,
        "state": mailing.state,
        "subject": mailing.subject,
        "sender": {"name": mailing.sender_name, "address": mailing.sender_email, "reply_to": mailing.reply_to},
        "audience": {"total": mailing.total, "rule": RULE[Mailing.Kind(mailing.kind)], "segment": mailing.segment},
        "times": {
            "approved": _iso(mailing.approved_at),
            "begun": _iso(mailing.planned_at),
            "first_sent": _iso(outcome.first),
            "last_sent": _iso(outcome.last),
            "finished": _iso(mailing.finished_at),
        },
        "counts": {
            "sent": counts.sent,
            "failed": counts.failed,
            "uncertain": counts.uncertain,
            "skipped": counts.skipped,
        },
        "failed_by_reason": dict(outcome.failed),
        "skipped_by_reason": dict(outcome.skipped),
        "decided_by_author": {
            "counted_as_sent": _sum(steps, Step.What.COUNTED),
            "sent_again": _sum(steps, Step.What.AGAIN),
        },
        "contents": _since(steps, {Step.What.APPROVED, Step.What.REPLACED}, "sha256"),
        "providers": _since(steps, {Step.What.BEGUN, Step.What.SWITCHED}, "provider"),
        "passes": mailing.batches.aggregate(most=Max("pass_no", default=0))["most"],
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _sum(steps: list[Step], what: Step.What) -> int:
    return sum(int(step.detail) for step in steps if step.what == what)


def _since(steps: list[Step], among: set[Step.What], name: str) -> list[dict[str, str]]:
    """Return what was in force, and from when."""
    return [{name: step.detail, "since": step.at.isoformat()} for step in steps if step.what in among]
