"""Issues that their readers asked for once more, because the first copy never showed: the rows are the queue."""

from datetime import datetime, timedelta

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from newsletter.delivery.models.mailing import Mailing
from subscribers.models import Subscriber

A_DAY = timedelta(days=1)
PER_DAY = 5  # issues that one reader may ask for once more


class OnceMoreManager(models.Manager["OnceMore"]):
    def ask(self, reader: Subscriber, mailing: Mailing, now: datetime) -> bool:
        """Have a copy of a mailing sent once more; return False if it was already, or five others within a day."""
        with transaction.atomic():
            Subscriber.objects.select_for_update().filter(pk=reader.pk).first()  # of two requests one waits
            if self.filter(subscriber=reader, asked_at__gt=now - A_DAY).count() >= PER_DAY:
                return False
            row = {"mailing": mailing, "asked_at": now, "due_at": now}
            _row, is_new = self.get_or_create(subscriber=reader, issue_id=mailing.issue_id, defaults=row)
            return is_new


class OnceMore(models.Model):
    """One reader's wish for one issue, and what came of it. There is never a second one."""

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
