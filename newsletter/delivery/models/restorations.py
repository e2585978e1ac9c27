"""A database that was found to come from a backup: while the author has not decided, nothing is sent."""

from datetime import datetime

from django.db import models


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
