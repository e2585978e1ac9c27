"""The rows of a mailing: one delivery per reader, and the batches that workers lease. ledger/ changes their states.

Delivery  queued ─▶ sent | failed | skipped | uncertain        queued ─▶ deferred ─▶ …
Batch     open ─▶ leased ─▶ done        lease of a dead worker ─▶ open
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import batched

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from newsletter.mail.mail_queue import CLOCK_SLACK
from newsletter.mail.smtp_replies import RECIPIENT_REASONS, RefusalReason, classify_refusal
from subscribers.models import Subscriber

RETRY_AFTER = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440, 1440)]  # 70 h

SEQ_BITS = 24  # for `seq` in the token of a return path, which is limited to 24 characters


class Delivery(models.Model):
    """One reader's copy of one mailing."""

    class State(models.IntegerChoices):
        QUEUED = 0, _("queued")
        SENT = 1, _("sent")
        FAILED = 2, _("failed")
        DEFERRED = 3, _("deferred")
        UNCERTAIN = 4, _("uncertain")
        SKIPPED = 5, _("skipped")

    pk = models.CompositePrimaryKey("mailing_id", "seq")
    # No foreign key constraints: two checks per row make planning six times as slow.
    mailing = models.ForeignKey(
        "delivery.Mailing", on_delete=models.CASCADE, db_index=False, db_constraint=False, related_name="deliveries"
    )
    seq = models.IntegerField()
    subscriber = models.ForeignKey(
        Subscriber, models.SET_NULL, null=True, db_index=False, db_constraint=False, related_name="deliveries"
    )
    state = models.SmallIntegerField(choices=State, default=State.QUEUED)
    attempts = models.SmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, help_text="when it was sent, or became uncertain")
    provider_id = models.CharField(max_length=200, default="")
    reply = models.CharField(max_length=500, default="", help_text="the provider's last words, or why it was skipped")

    class Meta:
        constraints = [
            # No index may hold the state: it would be written twice a message.
            models.UniqueConstraint(fields=["subscriber", "mailing"], name="one_copy_per_subscriber")
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}/{self.seq}"


IS_REQUEUED = Q(state=Delivery.State.QUEUED, attempts__gt=0)  # uncertain before; the author wants it sent again
COUNTER_OF_STATE = {
    Delivery.State.SENT: "sent",
    Delivery.State.FAILED: "failed",
    Delivery.State.UNCERTAIN: "uncertain",
    Delivery.State.SKIPPED: "skipped",
}


class BatchQuerySet(models.QuerySet["Batch"]):
    def ready(self, now: datetime) -> "BatchQuerySet":
        too_late = now + max(RETRY_AFTER) + CLOCK_SLACK  # written while the clock was ahead
        may_go = Q(not_before__isnull=True) | Q(not_before__lte=now) | Q(not_before__gt=too_late)
        return self.filter(may_go, state=Batch.State.OPEN)

    def open_again(self, not_before: datetime | None = None) -> int:
        """Start another pass of batches that are done. Rows with a final state are not touched by it."""
        opened = {"state": Batch.State.OPEN, "cursor": F("lo"), "not_before": not_before}
        done = self.filter(state=Batch.State.DONE)
        return done.update(**opened, pass_no=F("pass_no") + 1, token=F("token") + 1)


class Batch(models.Model):
    """Up to 4,000 deliveries that one worker leases at a time: the unit of queueing."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        LEASED = "leased", _("leased")
        DONE = "done", _("done")

    mailing = models.ForeignKey("delivery.Mailing", on_delete=models.CASCADE, related_name="batches")
    no = models.PositiveIntegerField()
    lo = models.PositiveIntegerField()  # first seq
    hi = models.PositiveIntegerField()  # last seq + 1
    cursor = models.PositiveIntegerField()  # rows from here on were certainly not handed over in this pass
    pass_no = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=6, choices=State, default=State.OPEN)
    token = models.PositiveIntegerField(default=0)  # fencing token: grows with every claim
    worker = models.CharField(max_length=80, default="")
    lease_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)

    in_flight = models.PositiveSmallIntegerField(default=0)  # rows of the open window
    sent = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    uncertain = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)

    objects = BatchQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mailing", "no"], name="batches_of_a_mailing_are_numbered"),
            models.CheckConstraint(
                condition=Q(cursor__gte=F("lo"), cursor__lte=F("hi")), name="cursor_stays_in_its_batch"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}/{self.no}"

    @property
    def retry_delay(self) -> timedelta:
        """The wait before the next pass, which retries rows deferred in this one."""
        return RETRY_AFTER[min(self.pass_no, len(RETRY_AFTER)) - 1]

    @property
    def is_in_last_pass(self) -> bool:
        return self.pass_no > len(RETRY_AFTER)

    def add_counts(self, added: "Counter[Delivery.State]") -> None:
        """Add to the counters of final states; queued and deferred rows are not counted."""
        counters = {COUNTER_OF_STATE[state]: n for state, n in added.items() if n and state in COUNTER_OF_STATE}
        changes = {counter: F(counter) + n for counter, n in counters.items()}
        if changes:
            Batch.objects.filter(pk=self.pk).update(**changes)


ROWS_PER_INSERT = 500


class RefusalQuerySet(models.QuerySet["Refusal"]):
    def waiting(self) -> "RefusalQuerySet":
        """Those not judged yet: see events/rules.py."""
        return self.filter(state=Refusal.State.WAITING)

    def dead(self) -> "RefusalQuerySet":
        """Those with the reply that the address does not exist."""
        return self.filter(verdict=RefusalReason.DEAD)

    def of_batch(self, batch: Batch) -> "RefusalQuerySet":
        return self.filter(mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)


class Refusal(models.Model):
    """A permanently refused delivery whose reader's address may be the reason. The reply is stored on the delivery."""

    class State(models.TextChoices):
        WAITING = "waiting", _("not judged yet")
        SUPPRESSED = "suppressed", _("its address was suppressed")
        COUNTED = "counted", _("counted, and nothing more")

    # No foreign key constraint: a reader who is erased meanwhile must not roll back the results of others.
    mailing = models.ForeignKey(
        "delivery.Mailing", on_delete=models.CASCADE, db_index=False, db_constraint=False, related_name="refusals"
    )
    seq = models.IntegerField()
    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, db_constraint=False, related_name="refusals")
    verdict = models.CharField(max_length=10)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    at = models.DateTimeField()

    objects = RefusalQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailing", "seq"], name="a_copy_is_refused_once")]
        indexes = [models.Index(fields=["mailing"], name="refusals_to_judge", condition=Q(state="waiting"))]

    def __str__(self) -> str:
        return f"{self.mailing_id}/{self.seq}: {self.verdict}"


def record_refusals(batch: Batch, replies: Mapping[int, str], now: datetime) -> None:
    """Store those refusals, by seq, that may be due to the reader's address. Idempotent.

    Call it in the transaction that writes the results, so that none is lost.
    """
    reasons = {seq: classify_refusal(reply) for seq, reply in replies.items()}
    to_judge = [seq for seq, reason in reasons.items() if reason in RECIPIENT_REASONS]
    for seqs in batched(to_judge, ROWS_PER_INSERT, strict=False):
        rows = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__in=seqs, subscriber__isnull=False)
        refusals = [
            Refusal(mailing_id=batch.mailing_id, seq=seq, subscriber_id=reader, verdict=reasons[seq], at=now)
            for seq, reader in rows.values_list("seq", "subscriber_id")
        ]
        Refusal.objects.bulk_create(refusals, ignore_conflicts=True)


OTHER_DOMAINS = ""  # key for the domains that are not counted separately


class Breakdown(models.Model):
    """The last count of a mailing's deliveries, by domain and by reason of failure."""

    mailing = models.OneToOneField(
        "delivery.Mailing", on_delete=models.CASCADE, primary_key=True, related_name="breakdown"
    )
    domains = models.JSONField(default=list, help_text="those counted by themselves, the largest first")
    by_domain = models.JSONField(default=dict, help_text="of each name the numbers in the order of Delivery.State")
    by_verdict = models.JSONField(
        default=dict, help_text="failed copies by what newsletter.mail.smtp_replies says of them"
    )

    def __str__(self) -> str:
        return f"{self.mailing_id}"


class Restoration(models.Model):
    """A restore of the database, detected or made by `manage.py restore`: its evidence and the author's decision."""

    class Handling(models.TextChoices):
        COUNTED = "counted", "what the recorders know counts as sent"
        WENT_ON = "went on", "all goes on as the database has it"
        CANCELLED = "cancelled", "every open mailing was cancelled"

    noticed_at = models.DateTimeField()
    made_at = models.DateTimeField(null=True, help_text="when the backup was made, if a restore has said so")
    departures = models.PositiveIntegerField(default=0, help_text="departures that the database had forgotten")
    records = models.JSONField(default=list, help_text="of recorders that know more: batch, token, first row, marks")
    decided_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=10, choices=Handling, blank=True)

    class Meta:
        indexes = [
            models.Index("decided_at", name="restorations_to_decide", condition=models.Q(decided_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.noticed_at:%Y-%m-%d %H:%M} {self.decision}".strip()

    @classmethod
    def undecided(cls) -> "models.QuerySet[Restoration]":
        return cls.objects.filter(decided_at=None)

    @classmethod
    def decide(cls, decision: "Restoration.Handling", now: datetime) -> int:
        """Allow sending again; return how many restores this call decided."""
        LedgerPlace.objects.update(seen_at=Now())  # or the time that the author took would count as downtime
        return cls.undecided().update(decided_at=now, decision=decision)


class LedgerPlace(models.Model):
    """The database that holds this ledger: a single row, which is part of a dump, so that a copy is recognised."""

    identity = models.CharField(max_length=80)
    seen_at = models.DateTimeField(null=True, help_text="when a worker last looked after it, by the database's clock")

    def __str__(self) -> str:
        return self.identity

    @classmethod
    def move(cls, identity: str) -> str:
        """Store the identity; return the former one to one of several callers, the new one to all others."""
        former = cls.objects.get_or_create(pk=1, defaults={"identity": identity})[0].identity
        moved = cls.objects.filter(pk=1, identity=former).exclude(identity=identity).update(identity=identity)
        return former if moved else identity
