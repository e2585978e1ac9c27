"""Readers' wishes to receive, and addresses that must not be mailed."""

import hmac
import unicodedata
from datetime import datetime
from hashlib import sha256

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from newsletter.publication.models import Publication


def address_hash(email: str) -> str:
    """Return what stands for an address in any spelling: a salted hash, 32 hex characters.

    Two spellings of one address (case, full width) give one hash; the salt is the
    installation's own, so that a leaked table tells nobody's address.
    """
    key = unicodedata.normalize("NFKC", email.strip()).casefold()
    return hmac.digest(Publication.objects.current().salt.encode(), key.encode(), sha256).hex()[:32]


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

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("suppressed address")
        verbose_name_plural = _("suppressed addresses")

    def __str__(self) -> str:
        return self.email or self.address_hash


class SubscriberQuerySet(models.QuerySet["Subscriber"]):
    def mailable(self, now: datetime) -> "SubscriberQuerySet":
        """Return who gets an issue: active, or paused until a time that has passed, and not suppressed."""
        State = Subscriber.State
        awake = Q(state=State.ACTIVE) | Q(state=State.PAUSED, paused_until__lte=now)
        suppressed = Suppression.objects.filter(address_hash=OuterRef("address_hash"))
        return self.filter(awake).filter(~Exists(suppressed))


class Subscriber(models.Model):
    """Somebody's wish to receive the newsletter."""

    class State(models.TextChoices):
        PENDING = "pending", _("not confirmed")
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")
        UNSUBSCRIBED = "unsubscribed", _("unsubscribed")

    email = models.EmailField(_("address"))
    address_hash = models.CharField(max_length=32, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=80, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.PENDING, db_index=True)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    tags = models.CharField(_("tags"), max_length=200, blank=True, help_text=_("Separated by commas."))

    # Consent (GDPR 7, Taiwan's PDPA section 7): who, when, how, the exact text shown, withdrawal.
    consent_at = models.DateTimeField(_("consent given"), null=True, blank=True)
    consent_source = models.CharField(_("consent given through"), max_length=40, blank=True)
    consent_text = models.TextField(_("text shown"), blank=True)
    consent_ip = models.GenericIPAddressField(_("from address"), null=True, blank=True)
    unsubscribed_at = models.DateTimeField(_("left"), null=True, blank=True)

    # Double opt-in. `round` makes the link of an earlier round worthless.
    signup_round = models.PositiveIntegerField(default=0, editable=False)
    confirmation_due_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)
    confirmation_sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    confirmation_tries = models.PositiveSmallIntegerField(default=0, editable=False)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    # Filled by `delivery`, which knows the issues that a welcome quotes.
    welcomed_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("signed up"), auto_now_add=True)

    objects = SubscriberQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("reader")
        verbose_name_plural = _("readers")
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="paused") | Q(paused_until__isnull=False), name="a_pause_has_an_end"
            ),
            models.CheckConstraint(
                condition=~Q(state="active") | Q(confirmed_at__isnull=False), name="active_readers_confirmed"
            ),
        ]

    def __str__(self) -> str:
        return self.email
