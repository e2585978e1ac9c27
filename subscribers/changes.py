"""A reader's way to another address: the row that waits for the new address to confirm."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from newsletter.mail import tokens

CHANGE_WITHIN = timedelta(days=7)
PURPOSE = "address"


class AddressChangeQuerySet(models.QuerySet["AddressChange"]):
    def due(self, now: datetime) -> "AddressChangeQuerySet":
        """Return the changes of which somebody waits to be told, first come first served."""
        return self.filter(due_at__lte=now).order_by("due_at")

    def waiting(self, now: datetime) -> "AddressChangeQuerySet":
        """Return the changes that the new address may still confirm."""
        return self.filter(confirmed_at=None, asked_at__gt=now - CHANGE_WITHIN)

    def opened_by(self, token: str) -> "AddressChange | None":
        """Return the change whose link was followed, confirmed or not; None when the token opens nothing."""
        found = self.filter(pk=tokens.number_of(token) or 0).select_related("subscriber").first()
        return found if found and tokens.opens(token, PURPOSE, found.email) else None


class AddressChange(models.Model):
    """A reader's wish to get the letters at another address."""

    subscriber = models.ForeignKey("subscribers.Subscriber", on_delete=models.CASCADE, related_name="address_changes")
    email = models.EmailField(_("new address"))
    former = models.EmailField(_("former address"), blank=True, help_text="empty until the new one has confirmed")
    asked_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True, help_text="when its next mail is due")
    tries = models.PositiveSmallIntegerField(default=0)

    objects = AddressChangeQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("change of address")
        verbose_name_plural = _("changes of address")
        indexes = [models.Index("due_at", name="changes_due", condition=Q(due_at__isnull=False))]
        constraints = [
            models.UniqueConstraint(
                fields=["subscriber"], condition=Q(confirmed_at=None), name="one_open_change_per_reader"
            )
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def confirm_url(self) -> str:
        """Return the link that only the owner of the new address is sent."""
        token = tokens.sign(PURPOSE, self.pk, self.email)
        return settings.SITE_URL + reverse("subscribers:move", args=[token])

    @property
    def recipient(self) -> str:
        """Return who is written to next: the new address is asked, the former one is told."""
        return self.former if self.confirmed_at else self.email

    def can_confirm(self, now: datetime) -> bool:
        return self.confirmed_at is None and self.asked_at > now - CHANGE_WITHIN and self.subscriber.is_reader
