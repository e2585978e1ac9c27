"""Past issues that a new reader gets some days apart ("first letters"), and issues sent again. Rows are the queue."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from newsletter.delivery.models.deliveries import Delivery
from newsletter.delivery.models.mailing import Mailing
from subscribers.models import Subscriber

IS_OPEN = Q(sent_at__isnull=True, stopped_at__isnull=True)


class CourseQuerySet(models.QuerySet["CourseCopy"]):
    def open(self) -> "CourseQuerySet":
        return self.filter(IS_OPEN)

    def begin(self, reader: Subscriber, mailings: Sequence[Mailing], every: timedelta, now: datetime) -> None:
        """Plan a copy of each mailing, the first one after `every`; does nothing if the reader ever had a course.

        Leaves out issues of which the reader has a copy.
        """
        if self.filter(subscriber=reader).exists():
            return
        had = set(Delivery.objects.filter(subscriber=reader).values_list("mailing__issue", flat=True))
        new = [mailing for mailing in mailings if mailing.issue_id not in had]
        rows = [
            CourseCopy(subscriber=reader, issue_id=mailing.issue_id, mailing=mailing, position=position, begun_at=now)
            for position, mailing in enumerate(new, 1)
        ]
        for row in rows:
            row.planned_for = now + row.position * every
        self.bulk_create(rows, ignore_conflicts=True)


class CourseCopy(models.Model):
    """One reader's copy of one of the first letters; at most one per issue."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="course_copies")
    issue = models.ForeignKey("issues.Issue", on_delete=models.CASCADE, related_name="+")
    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="+", db_index=False)
    position = models.PositiveSmallIntegerField()
    begun_at = models.DateTimeField(help_text="when the course began")
    planned_for = models.DateTimeField()
    due_at = models.DateTimeField(null=True, help_text="when a copy that was put off is tried again")
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)
    reply = models.CharField(max_length=200, blank=True, help_text="what the server answered")

    objects = CourseQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "issue"], name="a_first_letter_once"),
            models.UniqueConstraint(fields=["subscriber", "position"], name="one_first_letter_at_a_time"),
        ]
        indexes = [models.Index("planned_for", name="first_letters_to_send", condition=IS_OPEN)]
        verbose_name = _("first letter")
        verbose_name_plural = _("first letters")

    def __str__(self) -> str:
        return f"{self.issue} → {self.subscriber_id}"


ONCE_MORE_PER_DAY = 5  # issues that one reader may ask for once more


class OnceMoreManager(models.Manager["OnceMore"]):
    def ask(self, reader: Subscriber, mailing: Mailing, now: datetime) -> bool:
        """Enqueue one more copy of a mailing; return False if there was one already, or PER_DAY others within a day."""
        with transaction.atomic():
            Subscriber.objects.select_for_update().filter(pk=reader.pk).first()  # serializes concurrent requests
            if self.filter(subscriber=reader, asked_at__gt=now - timedelta(days=1)).count() >= ONCE_MORE_PER_DAY:
                return False
            row = {"mailing": mailing, "asked_at": now, "due_at": now}
            _row, is_new = self.get_or_create(subscriber=reader, issue_id=mailing.issue_id, defaults=row)
            return is_new


class OnceMore(models.Model):
    """A reader's request for one more copy of an issue, at most one per issue, and its result."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="once_more")
    issue = models.ForeignKey("issues.Issue", on_delete=models.CASCADE, related_name="+")
    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="+", db_index=False)
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    reply = models.CharField(max_length=200, blank=True, help_text="what the server answered")

    objects = OnceMoreManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscriber", "issue"], name="once_more_and_no_third_time")]
        verbose_name = _("issue sent once more")
        verbose_name_plural = _("issues sent once more")

    def __str__(self) -> str:
        return f"{self.issue} → {self.subscriber_id}"
