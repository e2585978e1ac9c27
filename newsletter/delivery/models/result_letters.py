"""The letter that tells the author what an issue has brought: one for each issue (author/result_letters.py)."""

from datetime import datetime, timedelta

from django.db import models

from newsletter.issues.models import Issue

TRIED_FOR = timedelta(days=14)  # by then the next issue says more


class ResultLetterQuerySet(models.QuerySet["ResultLetter"]):
    def of_use(self, now: datetime) -> "ResultLetterQuerySet":
        """Return those that would still say something new."""
        return self.filter(at__gt=now - TRIED_FOR)

    def unsent(self) -> "ResultLetterQuerySet":
        """Return those that are to be sent, or were given up."""
        return self.filter(notified_at__isnull=True, due_at__isnull=False)


class ResultLetter(models.Model):
    """That an issue's result is told, or will never be: it was sent before there were letters, or they are off."""

    issue = models.OneToOneField(Issue, on_delete=models.CASCADE, primary_key=True, related_name="result_letter")
    mailing = models.ForeignKey("delivery.Mailing", on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    notified_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, help_text="when the mail is due; empty if there is none to send")
    tries = models.PositiveSmallIntegerField(default=0)

    objects = ResultLetterQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"result of {self.issue_id}"
