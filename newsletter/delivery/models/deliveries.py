"""The rows of a mailing: each reader's copy, and the batches that workers hold. ledger/ moves them.

Delivery  queued ─▶ sent | failed | skipped | uncertain        queued ─▶ deferred ─▶ …
Batch     open ─▶ leased ─▶ done        leased by the dead ─▶ open
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import batched

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from newsletter.mail.due import CLOCK_SLACK
from newsletter.mail.replies import BLAMES_THE_READER, Verdict, verdict
from subscribers.models import Subscriber

RETRY_AFTER = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440, 1440)]  # 70 h

SEQ_BITS = 24  # of a copy's number in the token of its return path, which has 24 characters at most


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
    # No foreign key may be checked by the database: two looks a row make planning six times as slow.
    mailing = models.ForeignKey(
        "delivery.Mailing", on_delete=models.CASCADE, db_index=False, db_constraint=False, related_name="deliveries"
    )
    seq = models.IntegerField()
    subscriber = models.ForeignKey(
        Subscriber,
        null=True,
        on_delete=models.SET_NULL,
        db_index=False,
        db_constraint=False,
        related_name="deliveries",
    )
    state = models.SmallIntegerField(choices=State, default=State.QUEUED)
    attempts = models.SmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, help_text="when it was sent, or became uncertain")
    provider_id = models.CharField(max_length=200, default="")
    reply = models.CharField(max_length=500, default="", help_text="the provider's last words, or why it was skipped")

    class Meta:
        constraints = [
            # No index may hold the state: it would be written twice a message.
            models.UniqueConstraint(fields=["subscriber", "mailing"], name="one_copy_per_subscriber"),
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}/{self.seq}"


WAITS_AGAIN = Q(state=Delivery.State.QUEUED, attempts__gt=0)  # was uncertain; the author wants it sent again
COUNTER_OF = {
    Delivery.State.SENT: "sent",
    Delivery.State.FAILED: "failed",
    Delivery.State.UNCERTAIN: "uncertain",
    Delivery.State.SKIPPED: "skipped",
}


class BatchQuerySet(models.QuerySet["Batch"]):
    def ready(self, now: datetime) -> "BatchQuerySet":
        too_late = now + max(RETRY_AFTER) + CLOCK_SLACK  # written by a clock that was ahead
        may_go = Q(not_before__isnull=True) | Q(not_before__lte=now) | Q(not_before__gt=too_late)
        return self.filter(may_go, state=Batch.State.OPEN)

    def open_again(self, not_before: datetime | None = None) -> int:
        """Begin another pass of those that are done. All their other rows have final states, which no pass touches."""
        opened = {"state": Batch.State.OPEN, "cursor": F("lo"), "not_before": not_before}
        done = self.filter(state=Batch.State.DONE)
        return done.update(**opened, pass_no=F("pass_no") + 1, token=F("token") + 1)


class Batch(models.Model):
    """Up to 4,000 deliveries that one worker holds at a time; all queueing happens here."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        LEASED = "leased", _("leased")
        DONE = "done", _("done")

    mailing = models.ForeignKey("delivery.Mailing", on_delete=models.CASCADE, related_name="batches")
    no = models.PositiveIntegerField()
    lo = models.PositiveIntegerField()  # first seq
    hi = models.PositiveIntegerField()  # behind the last seq
    cursor = models.PositiveIntegerField()  # rows from here on were certainly not handed over in this pass
    pass_no = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=6, choices=State, default=State.OPEN)
    token = models.PositiveIntegerField(default=0)  # grows with every claim: an older holder is refused
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
    def distance(self) -> timedelta:
        """Return how long a row that was deferred in this pass waits for the next one."""
        return RETRY_AFTER[min(self.pass_no, len(RETRY_AFTER)) - 1]

    @property
    def is_in_last_pass(self) -> bool:
        return self.pass_no > len(RETRY_AFTER)

    def count(self, added: "Counter[Delivery.State]") -> None:
        """Add to the counters of final states; queued and deferred rows are what remains."""
        changes = {COUNTER_OF[one]: F(COUNTER_OF[one]) + n for one, n in added.items() if n and one in COUNTER_OF}
        if changes:
            Batch.objects.filter(pk=self.pk).update(**changes)


STEP = 500  # rows written at once


class RefusalQuerySet(models.QuerySet["Refusal"]):
    def waiting(self) -> "RefusalQuerySet":
        """Return those of which it is not settled yet what they mean for their readers."""
        return self.filter(state=Refusal.State.WAITING)

    def dead(self) -> "RefusalQuerySet":
        """Return those that say that there is no such address."""
        return self.filter(verdict=Verdict.DEAD)

    def of_batch(self, batch: Batch) -> "RefusalQuerySet":
        return self.filter(mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)


class Refusal(models.Model):
    """A copy that was refused for good, for a reason that may be its reader's address. The words are the copy's."""

    class State(models.TextChoices):
        WAITING = "waiting", _("not judged yet")
        SUPPRESSED = "suppressed", _("its address was suppressed")
        COUNTED = "counted", _("counted, and nothing more")

    # As for deliveries, no foreign key is checked: a reader who is erased meanwhile must not void other results.
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


def note_refusals(batch: Batch, replies: Mapping[int, str], now: datetime) -> None:
    """Write down which of these refusals, by seq, may be about their readers; twice writes them once.

    In the transaction that writes the results, so that none is forgotten.
    """
    verdicts = {seq: found for seq, words in replies.items() if (found := verdict(words)) in BLAMES_THE_READER}
    for some in batched(verdicts, STEP, strict=False):
        rows = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__in=some, subscriber__isnull=False)
        Refusal.objects.bulk_create(
            [
                Refusal(mailing_id=batch.mailing_id, seq=seq, subscriber_id=reader, verdict=verdicts[seq], at=now)
                for seq, reader in rows.values_list("seq", "subscriber_id")
            ],
            ignore_conflicts=True,
        )


REST = ""  # the domains that are not counted by themselves


class Breakdown(models.Model):
    """How the copies of one mailing divided when they were counted last."""

    mailing = models.OneToOneField(
        "delivery.Mailing", on_delete=models.CASCADE, primary_key=True, related_name="breakdown"
    )
    domains = models.JSONField(default=list, help_text="those counted by themselves, the largest first")
    by_domain = models.JSONField(default=dict, help_text="of each name the numbers in the order of Delivery.State")
    by_verdict = models.JSONField(default=dict, help_text="failed copies by what newsletter.mail.replies says of them")

    def __str__(self) -> str:
        return f"{self.mailing_id}"


class Restoration(models.Model):
    """A restore that was noticed, or made by `manage.py restore`; what proves it, and what the author decided."""

    class Decision(models.TextChoices):
        COUNTED = "counted", "what the recorders know counts as sent"
        WENT_ON = "went on", "all goes on as the database has it"
        CANCELLED = "cancelled", "every open mailing was cancelled"

    noticed_at = models.DateTimeField()
    made_at = models.DateTimeField(null=True, help_text="when the backup was made, if a restore has said so")
    departures = models.PositiveIntegerField(default=0, help_text="departures that the database had forgotten")
    records = models.JSONField(default=list, help_text="of recorders that know more: batch, token, first row, marks")
    decided_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=10, choices=Decision, blank=True)

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
    def decide(cls, decision: "Restoration.Decision", now: datetime) -> int:
        """Have sending go on; return how many restores were decided by this call."""
        return cls.undecided().update(decided_at=now, decision=decision)
