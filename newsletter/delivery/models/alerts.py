"""What the author is mailed about a mailing: first the facts are written down, later mailed (author/alerts.py)."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class HappeningQuerySet(models.QuerySet["Happening"]):
    def announce(self, mailing: Any, at: datetime) -> None:
        """Have the author mailed when a mailing leaves; what was announced before and not mailed yet is not."""
        former = self.filter(mailing=mailing, kind=Happening.Kind.ANNOUNCED, ended_at__isnull=True)
        former.update(ended_at=at, due_at=None)
        self.create(mailing=mailing, kind=Happening.Kind.ANNOUNCED, at=at, due_at=at)


class Happening(models.Model):
    """Something about a mailing that its author gets one mail about."""

    class Kind(models.TextChoices):
        STOPPED = "stopped", _("stopped by its provider")
        LATE = "late", _("too late to begin by itself")
        UNATTENDED = "unattended", _("no worker took it up")
        UNCERTAIN = "uncertain", _("uncertain copies")
        FAILING = "failing", _("many copies fail")
        REFUSED = "refused", _("refused by a receiver")
        FINISHED = "finished", _("finished")
        ANNOUNCED = "announced", _("a program has scheduled it")

    mailing = models.ForeignKey("delivery.Mailing", on_delete=models.CASCADE, related_name="happenings")
    kind = models.CharField(max_length=10, choices=Kind)
    detail = models.CharField(max_length=500, blank=True, help_text="the provider's words")
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, help_text="when a pause ended: the next one is told again")

    notified_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, help_text="when the mail about it is due")
    tries = models.PositiveSmallIntegerField(default=0)

    objects = HappeningQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["mailing", "kind"], condition=Q(ended_at__isnull=True), name="the_author_is_told_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}: {self.kind}"
