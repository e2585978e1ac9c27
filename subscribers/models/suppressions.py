"""Suppressed addresses, and the salted hash that identifies an address."""

import hmac
from datetime import datetime
from hashlib import sha256

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from newsletter.publication.models import Publication
from subscribers.addresses import comparison_key
from subscribers.departures import Departure, DepartureKind


def address_hash(email: str, salt: str | None = None) -> str:
    """Salted hash of an address in any spelling: 32 hex characters.

    The salt is the installation's, so that a leaked table reveals no address; pass it when hashing many.
    """
    salt = salt or Publication.objects.current().salt
    return hmac.digest(salt.encode(), comparison_key(email).encode(), sha256).hex()[:32]


def make_departure(why: DepartureKind, address_hash: str, *, at: datetime | None = None, heir: str = "") -> Departure:
    """A line for the departures file. address_hash, heir: hashes of addresses; at: now by default."""
    return Departure(at or timezone.now(), why, address_hash, Publication.objects.current().salt, heir)


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def ended_by_consent(self) -> "SuppressionQuerySet":
        """Suppressions that end when the address's owner confirms."""
        return self.filter(Q(reason=Suppression.Reason.ERASED) | Q(reopened_at__isnull=False))

    def blocking_signup(self) -> "SuppressionQuerySet":
        """Suppressions for which sign-ups are ignored."""
        return self.filter(reopened_at__isnull=True).exclude(reason=Suppression.Reason.ERASED)


class Suppression(models.Model):
    """An address that must not be mailed, whatever its owner's subscription says."""

    class Reason(models.TextChoices):
        BOUNCED = "bounced", _("bounced")
        COMPLAINED = "complained", _("complained")
        MANUAL = "manual", _("by hand")
        ERASED = "erased", _("erased")

    address_hash = models.CharField(max_length=32, unique=True, editable=False)
    email = models.EmailField(_("address"), blank=True, help_text=_("Empty when the reader was erased."))
    reason = models.CharField(_("reason"), max_length=10, choices=Reason)
    note = models.CharField(_("note"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)
    reopened_at = models.DateTimeField(
        null=True, editable=False, help_text="since when a confirmation by its owner ends it, which the author allowed"
    )

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("suppressed address")
        verbose_name_plural = _("suppressed addresses")

    def __str__(self) -> str:
        return self.email or self.address_hash
