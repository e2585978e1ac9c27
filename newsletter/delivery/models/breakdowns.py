"""How the copies of a mailing divide: by receiving domain, and those that failed by what was said of them.

ledger/breakdown.py counts batch by batch; a page reads one row.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Self

from django.db import models

from newsletter.delivery.models.deliveries import Batch, Delivery

REST = ""  # the domains that are not counted by themselves


class Counted(models.Model):
    """What was counted: by_domain has a list of numbers for each name, in the order of Delivery.State."""

    by_domain = models.JSONField(default=dict)
    by_verdict = models.JSONField(default=dict, help_text="failed copies by what newsletter.mail.replies says of them")

    class Meta:
        abstract = True

    def hold(self, parts: "Iterable[Counted]") -> Self:
        """Take the sums of `parts` in place of what it holds."""
        domains: dict[str, Counter[int]] = {}
        verdicts: Counter[str] = Counter()
        for part in parts:
            for name, numbers in part.by_domain.items():
                domains.setdefault(name, Counter()).update(dict(enumerate(numbers)))
            verdicts.update(part.by_verdict)
        self.by_domain = {name: [counts[state] for state in Delivery.State] for name, counts in domains.items()}
        self.by_verdict = dict(verdicts)
        return self


class Breakdown(Counted):
    """How the copies of one mailing divide."""

    mailing = models.OneToOneField(
        "delivery.Mailing", on_delete=models.CASCADE, primary_key=True, related_name="breakdown"
    )
    domains = models.JSONField(default=list, help_text="those counted by themselves, the largest first")
    settled_at = models.DateTimeField(
        null=True, help_text="when everything was counted of a mailing that was closed; a later certificate outdates it"
    )

    def __str__(self) -> str:
        return f"{self.mailing_id}"


class BatchBreakdown(Counted):
    """How the copies of one batch divided when they were counted last."""

    batch = models.OneToOneField(Batch, on_delete=models.CASCADE, primary_key=True, related_name="breakdown")
    seen = models.CharField(max_length=120, help_text="what the batch's own row said then")

    def __str__(self) -> str:
        return f"{self.batch_id}: {self.seen}"
