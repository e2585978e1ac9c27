"""Mails to readers that were given up, without their addresses: the desk shows them to the author."""

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

TOLD_FOR = timedelta(days=14)


class UnsentQuerySet(models.QuerySet["Unsent"]):
    def lately(self, now: datetime) -> "UnsentQuerySet":
        """Return those that the author is still shown."""
        return self.filter(at__gt=now - TOLD_FOR)


class Unsent(models.Model):
    """A mail to a reader that was tried for days, and given up."""

    class What(models.TextChoices):
        SIGN_UP = "sign-up", _("sign-up")
        CHANGE = "change", _("change of address")
        LINK = "link", _("link that is asked for")

    what = models.CharField(max_length=10, choices=What)
    at = models.DateTimeField(db_index=True)
    reason = models.CharField(max_length=200, help_text="in a word and a code, without any address")

    objects = UnsentQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("mail that was given up")
        verbose_name_plural = _("mails that were given up")

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"
