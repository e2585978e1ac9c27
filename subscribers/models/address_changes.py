"""Changes of a reader's address, which the new address confirms and the former one can undo."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from newsletter.mail import tokens
from subscribers.addresses import display_address, mask_address

CONFIRM_CHANGE_WITHIN = timedelta(days=7)
UNDO_CHANGE_WITHIN = timedelta(days=14)
PURPOSE, UNDO = "address", "former address"


class AddressChangeQuerySet(models.QuerySet["AddressChange"]):
    def waiting(self, now: datetime) -> "AddressChangeQuerySet":
        return self.filter(confirmed_at=None, asked_at__gt=now - CONFIRM_CHANGE_WITHIN)

    def for_token(self, token: str) -> "AddressChange | None":
        """The change of a confirmation link, also if already confirmed."""
        found = self._claimed_by(token)
        return found if found and tokens.is_valid(token, PURPOSE, found.bound(PURPOSE)) else None

    def for_undo_token(self, token: str) -> "AddressChange | None":
        """The confirmed change of an undo link."""
        found = self._claimed_by(token)
        return found if found and found.confirmed_at and tokens.is_valid(token, UNDO, found.bound(UNDO)) else None

    def _claimed_by(self, token: str) -> "AddressChange | None":
        return self.filter(pk=tokens.unverified_id(token) or 0).select_related("subscriber").first()


class AddressChange(models.Model):
    """A requested or done change of address."""

    subscriber = models.ForeignKey("subscribers.Subscriber", on_delete=models.CASCADE, related_name="address_changes")
    email = models.EmailField(_("new address"))
    former = models.EmailField(_("former address"), blank=True, help_text="empty until the new one has confirmed")
    asked_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True, help_text="when its next mail is due")
    tries = models.PositiveSmallIntegerField(default=0)
    token_salt = models.CharField(max_length=tokens.SALT_LENGTH, default=tokens.new_salt, editable=False)

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
        return display_address(self.email)

    @property
    def confirm_url(self) -> str:
        token = tokens.sign(PURPOSE, self.pk, self.bound(PURPOSE))
        return settings.SITE_URL + reverse("subscribers:move", args=[token])

    @property
    def undo_url(self) -> str:
        token = tokens.sign(UNDO, self.pk, self.bound(UNDO))
        return settings.SITE_URL + reverse("subscribers:undo-move", args=[token])

    def bound(self, purpose: str) -> str:
        """The value that binds a token to its mailbox and to the row."""
        return {PURPOSE: self.email, UNDO: self.former}[purpose] + self.token_salt

    @property
    def masked(self) -> str:
        return mask_address(self.email)

    @property
    def former_masked(self) -> str:
        return mask_address(self.former)

    @property
    def mailed_address(self) -> str:
        """The new address until it is confirmed, then the former one."""
        return self.former if self.confirmed_at else self.email

    def can_confirm(self, now: datetime) -> bool:
        return self.confirmed_at is None and self.asked_at > now - CONFIRM_CHANGE_WITHIN and self.subscriber.is_reader

    def can_undo(self, now: datetime) -> bool:
        is_done = self.confirmed_at is not None and self.undone_at is None
        return is_done and self.confirmed_at is not None and self.confirmed_at > now - UNDO_CHANGE_WITHIN
