"""Refusals that may be about their readers: written down with the results, judged later (events/suppressing.py)."""

from collections.abc import Mapping
from datetime import datetime
from itertools import batched

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from newsletter.delivery.models.deliveries import Batch, Delivery
from newsletter.mail.replies import BLAMES_THE_READER, Verdict, verdict
from subscribers.models import Subscriber

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


def note(batch: Batch, replies: Mapping[int, str], now: datetime) -> None:
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
