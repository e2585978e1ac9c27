"""Readers who wait for a link to their own data: the rows are the queue of its mail."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class FreshLink(models.Model):
    """A reader's wish for a link to their own data; deleted with its mail, because the link is made when it leaves."""

    subscriber = models.OneToOneField("subscribers.Subscriber", on_delete=models.CASCADE, related_name="fresh_link")
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField(db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("link that is asked for")
        verbose_name_plural = _("links that are asked for")

    def __str__(self) -> str:
        return str(self.subscriber_id)
