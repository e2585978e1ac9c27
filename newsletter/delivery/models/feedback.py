"""What readers thought of an issue: one answer each, the last one given."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from newsletter.issues.models import Issue
from subscribers.models import Subscriber


class FeedbackQuerySet(models.QuerySet["Feedback"]):
    def give(self, reader: Subscriber, issue: Issue, answer: str, now: datetime) -> None:
        """Keep a reader's answer instead of an earlier one."""
        self.update_or_create(subscriber=reader, issue=issue, defaults={"answer": answer, "given_at": now})

    def tally(self) -> list[tuple[Any, int]]:
        """Return how many gave each answer, the ones that nobody gave too."""
        given = dict(self.order_by().values_list("answer").annotate(Count("pk")))
        return [(answer.label, given.get(answer.value, 0)) for answer in Feedback.Answer]


class Feedback(models.Model):
    """One reader's answer to the question at the end of an issue."""

    class Answer(models.TextChoices):
        HELPFUL = "helpful", _("helpful")
        FAIR = "fair", _("so-so")

    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="feedback")
    # An erased reader's answer is still counted, and nobody's.
    subscriber = models.ForeignKey(Subscriber, null=True, on_delete=models.SET_NULL, related_name="feedback")
    answer = models.CharField(max_length=10, choices=Answer)
    given_at = models.DateTimeField()

    objects = FeedbackQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issue", "subscriber"], name="one_answer_per_reader_and_issue")]

    def __str__(self) -> str:
        return f"{self.issue}: {self.answer}"
