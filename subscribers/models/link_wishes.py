"""Wishes for a link by whoever types an address on the site: kept for every address, whoever it belongs to."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from subscribers.models.suppressions import address_hash


class LinkWishManager(models.Manager["LinkWish"]):
    def keep(self, email: str, now: datetime) -> None:
        """Keep a wish for an address. What it costs tells nobody whether the address is a reader's."""
        self.bulk_create([LinkWish(address_hash=address_hash(email), asked_at=now)], ignore_conflicts=True)


class LinkWish(models.Model):
    """Somebody has asked for the link to the data of an address; deleted as soon as a worker has looked whose it is."""

    address_hash = models.CharField(max_length=32)
    asked_at = models.DateTimeField()

    objects = LinkWishManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["address_hash"], name="one_wish_per_address")]
        verbose_name = _("wish for a link")
        verbose_name_plural = _("wishes for a link")

    def __str__(self) -> str:
        return self.address_hash
