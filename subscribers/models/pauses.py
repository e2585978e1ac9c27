"""When a reader paused, until when, and whether they were told since what they missed. `delivery` sends that mail."""

from collections.abc import Collection
from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

IS_OPEN = Q(settled_at__isnull=True)


class PauseManager(models.Manager["Pause"]):
    def begin(self, readers: Collection[int], until: datetime, now: datetime) -> None:
        """Write that readers pause from now on. One that is not told of yet goes on; an earlier one is forgotten."""
        of_these = self.filter(subscriber__in=readers)
        fresh = {"until": until, "due_at": None, "tries": 0}
        of_these.filter(IS_OPEN).update(**fresh)
        of_these.exclude(IS_OPEN).update(began_at=now, settled_at=None, **fresh)
        new = [Pause(subscriber_id=pk, began_at=now, until=until) for pk in readers]
        self.bulk_create(new, ignore_conflicts=True)

    def end(self, readers: Collection[int], now: datetime) -> None:
        """Write that readers came back before the day that they had chosen."""
        self.filter(IS_OPEN, subscriber__in=readers, until__gt=now).update(until=now)

    def forget(self, readers: Collection[int]) -> None:
        """Let go what is known of the pauses of those who leave: there is nothing that they miss."""
        self.filter(subscriber__in=readers).delete()


class Pause(models.Model):
    """The last pause of a reader; erased with them by the database."""

    subscriber = models.OneToOneField("subscribers.Subscriber", on_delete=models.DB_CASCADE, related_name="last_pause")
    began_at = models.DateTimeField(_("paused"))
    until = models.DateTimeField(_("paused until"), help_text="as they chose, or when they came back before")
    due_at = models.DateTimeField(null=True, help_text="when a mail that was put off is tried again")
    tries = models.PositiveSmallIntegerField(default=0)
    settled_at = models.DateTimeField(
        null=True, help_text="when they were told what they missed, or had missed nothing"
    )

    objects = PauseManager()

    class Meta:
        default_permissions = ()  # whoever may see a reader may see this
        indexes = [models.Index("until", name="pauses_to_tell_of", condition=IS_OPEN)]
        verbose_name = _("pause")
        verbose_name_plural = _("pauses")

    def __str__(self) -> str:
        return f"{self.subscriber_id}: {self.began_at} – {self.until}"
