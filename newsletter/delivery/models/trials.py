"""Trials of issues: letters in the outbox that count nowhere."""

from datetime import datetime

from django.conf import settings
from django.db import models

from newsletter.issues.models import Issue
from newsletter.mail import outbox


class TrialQuerySet(models.QuerySet["Trial"]):
    def unfinished(self) -> "TrialQuerySet":
        return self.filter(finished_at__isnull=True).order_by("pk")

    def throw_away(self, issue: Issue) -> bool:
        """Remove the trial of an issue and its letters; return whether there was one."""
        trials = list(self.filter(issue=issue))
        for trial in trials:
            trial.delete()  # first: whoever still writes letters of it takes them away again
            trial.remove_letters()
        return bool(trials)


class Trial(models.Model):
    """The letters of an issue as they would be mailed, written into the outbox. Nobody has the issue by it.

    No mailing and no deliveries: whatever counts those cannot mistake a trial for them, and a mail server that is set
    meanwhile gets nothing of it.
    """

    issue = models.OneToOneField(Issue, on_delete=models.CASCADE, related_name="trial")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    total = models.PositiveIntegerField(help_text="readers when it began")
    written = models.PositiveIntegerField(default=0)
    last_reader = models.PositiveBigIntegerField(default=0, help_text="key of the reader whose letter was the last")

    objects = TrialQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"trial of {self.issue_id}"

    def store_letter(self, number: int, octets: bytes, now: datetime) -> None:
        """Write a letter to the outbox. Idempotent."""
        outbox.store_mail(settings.OUTBOX_DIR, octets, message_id=self._key(number), now=now)

    def remove_letters(self) -> None:
        for number in range(self.total):
            outbox.remove_mail(settings.OUTBOX_DIR, self._key(number))

    def save_progress(self, written: int, last_reader: int) -> bool:
        """Return False if the trial was thrown away: the letters that were written since are removed, too."""
        return self._save(written=written, last_reader=last_reader)

    def finish(self, written: int, now: datetime) -> bool:
        """As `save_progress`, with the last letter."""
        return self._save(written=written, total=written, finished_at=now)

    def _save(self, **values: object) -> bool:
        """Update the row unless another writer was faster, and reload it."""
        Trial.objects.unfinished().filter(pk=self.pk, written=self.written).update(**values)
        if not Trial.objects.filter(pk=self.pk).exists():
            self.remove_letters()
            return False
        self.refresh_from_db()
        return True

    def _key(self, number: int) -> str:
        return f"trial {self.issue_id} {self.started_at.timestamp()} {number}"
