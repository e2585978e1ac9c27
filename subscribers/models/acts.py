"""What the author did to a reader, for the people of the desk alone."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.publication.changes import NAME_LENGTH

REASON_LENGTH = 200  # characters; a reason may stand in a million rows


class Act(models.Model):
    """One thing that the author did to a reader: a line of the reader's story. It is erased with the reader.

    That somebody was unsubscribed stands in the record of the subscription instead.
    """

    class What(models.TextChoices):
        TAGGED = "tagged", _("tag given")
        UNTAGGED = "untagged", _("tag taken")
        PAUSED = "paused", pgettext_lazy("of an act", "paused")
        RESUMED = "resumed", _("pause ended")
        SUPPRESSED = "suppressed", pgettext_lazy("of an act", "suppressed")
        LIFTED = "lifted", _("may be mailed again")
        ASKED = "asked", pgettext_lazy("of an act", "asked to confirm again")
        REOPENED = "reopened", pgettext_lazy("of an act", "may sign up again")

    subscriber = models.ForeignKey("subscribers.Subscriber", on_delete=models.DB_CASCADE, related_name="acts")
    what = models.CharField(_("what happened"), max_length=10, choices=What)
    detail = models.CharField(max_length=200, blank=True, help_text="the tag; of a pause, its end as ISO 8601")
    reason = models.CharField(_("reason"), max_length=REASON_LENGTH, blank=True)
    at = models.DateTimeField(_("when"))
    by = models.CharField(_("by"), max_length=NAME_LENGTH, blank=True, help_text="a user's name")

    class Meta:
        default_permissions = ()  # whoever may change a reader may do these things
        ordering = ["pk"]
        verbose_name = _("act")
        verbose_name_plural = _("acts")

    def __str__(self) -> str:
        return f"{self.what} {self.detail}".strip()
