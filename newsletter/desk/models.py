"""What the desk itself remembers."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class FailureCount(models.Model):
    """How often a name, a network or a browser has failed at the doors of the desk since its window opened."""

    who = models.CharField(max_length=32, primary_key=True)  # a digest: accounts/attempts.py
    failures = models.PositiveSmallIntegerField()
    closes_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("failed attempts")
        verbose_name_plural = _("failed attempts")

    def __str__(self) -> str:
        return f"{self.failures} until {self.closes_at:%F %T}"
