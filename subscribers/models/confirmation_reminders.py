"""The one reminder of a sign-up that nobody confirmed: the rows are the queue of its mail."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ConfirmationReminder(models.Model):
    """The reminder to one address; deleted with the sign-up, or when it is confirmed."""

    subscriber = models.OneToOneField(
        "subscribers.Subscriber", on_delete=models.DB_CASCADE, related_name="confirmation_reminder"
    )
    made_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        verbose_name = _("reminder to confirm")
        verbose_name_plural = _("reminders to confirm")

    def __str__(self) -> str:
        return str(self.subscriber_id)
