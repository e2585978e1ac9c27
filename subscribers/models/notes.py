"""What the author wrote about a reader: for the people of the desk, and in what the reader asks to see of it all."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from newsletter.publication.changes import NAME_LENGTH

LENGTH_MAX = 2000  # characters


class Note(models.Model):
    """A note of the author about a reader. It is erased with the reader, by the database."""

    subscriber = models.ForeignKey("subscribers.Subscriber", on_delete=models.DB_CASCADE, related_name="notes")
    at = models.DateTimeField(_("when"))
    by = models.CharField(_("by"), max_length=NAME_LENGTH, blank=True, help_text="a user's name")
    text = models.TextField(_("note"), max_length=LENGTH_MAX)

    class Meta:
        default_permissions = ()  # whoever may change a reader may write notes about them
        ordering = ["pk"]
        verbose_name = _("note")
        verbose_name_plural = _("notes")

    def __str__(self) -> str:
        return self.text[:80]
