"""What happened to a mailing: its steps. Rows here are only ever added."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from newsletter.publication import changes


class Step(models.Model):
    """One thing that happened to a mailing; written in the transaction in which it happened."""

    class What(models.TextChoices):
        APPROVED = "approved", _("approved")
        MOVED = "moved", _("moved to another time")
        AT_ONCE = "at once", _("hold ended")
        BEGUN = "begun", _("begun")
        PAUSED = "paused", _("paused")
        RESUMED = "resumed", _("resumed")
        REPLACED = "replaced", _("text replaced")
        SWITCHED = "switched", _("provider switched")
        COUNTED = "counted", _("uncertain copies counted as sent")
        AGAIN = "again", _("uncertain copies to be sent again")
        BELIEVED = "believed", _("refused addresses suppressed")
        DOUBTED = "doubted", _("refused addresses not believed")
        FINISHED = "finished", _("finished")
        CANCELLED = "cancelled", _("cancelled")
        WITHHELD = "withheld", _("text taken out of the public list")
        SHOWN = "shown", _("text shown in the public list again")

    mailing = models.ForeignKey("delivery.Mailing", on_delete=models.CASCADE, related_name="steps")
    at = models.DateTimeField()
    what = models.CharField(max_length=10, choices=What)
    detail = models.CharField(max_length=500, blank=True, help_text="a reason, a hash, a provider or a number of rows")
    send_at = models.DateTimeField(null=True, help_text="when the mailing is to begin, where the step says so")
    by = models.CharField(max_length=changes.NAME_LENGTH, blank=True, help_text="a user's name, where an account acted")
    via = models.CharField(max_length=10, choices=changes.Via, blank=True, help_text="empty in rows older than this")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.mailing_id}: {self.what} {self.detail}".rstrip()
