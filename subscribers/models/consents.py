"""The append-only records of readers' consents and of the author's acts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.publication.changes import NAME_LENGTH
from subscribers.links import ReaderLinks

IP_LIFETIME = timedelta(days=365)  # as the privacy notice says


@dataclass(frozen=True)
class ConsentDetails:
    """source: such as "web:home". text, notice: the form and the privacy notice as shown."""

    source: str = ""
    text: str = ""
    ip: str | None = None
    notice: str = ""


class ConsentText(models.Model):
    """A text that readers agreed to; each wording is stored once."""

    digest = models.CharField(max_length=64, unique=True)
    words = models.TextField()

    def __str__(self) -> str:
        return self.words

    @classmethod
    def for_words(cls, words: str) -> "ConsentText | None":
        """Get or create; None for an empty text."""
        if not words:
            return None
        return cls.objects.get_or_create(digest=sha256(words.encode()).hexdigest(), defaults={"words": words})[0]


class ConsentQuerySet(models.QuerySet["Consent"]):
    def add(self, subscriber: ReaderLinks, kind: str, how: ConsentDetails, now: datetime) -> "Consent":
        """Append a line with the reader's current address."""
        return self.add_all([(subscriber.pk, subscriber.address_hash)], kind, how, now)[0]

    def add_all(
        self, readers: Iterable[tuple[int, str]], kind: str, how: ConsentDetails, now: datetime
    ) -> "list[Consent]":
        """readers: (id, address hash)."""
        common: dict[str, Any] = {
            "text": ConsentText.for_words(how.text),
            "notice": ConsentText.for_words(how.notice),
            "ip": how.ip,
        }
        common |= {"kind": kind, "at": now, "source": how.source[:200]}
        return self.bulk_create(Consent(subscriber_id=pk, address_hash=who, **common) for pk, who in readers)

    def delete_old_ips(self, now: datetime) -> int:
        return self.filter(at__lte=now - IP_LIFETIME, ip__isnull=False).update(ip=None)

    def take_over(self, heir: ReaderLinks, other: ReaderLinks) -> None:
        """Copy the lines of a row that is about to be deleted to the reader who replaces it."""
        lines = list(self.filter(subscriber_id=other.pk))
        for line in lines:
            line.pk, line.subscriber_id = None, heir.pk
        self.bulk_create(lines)


class Consent(models.Model):
    """A line of the record of a subscription; the database refuses updates.

    Source: GDPR articles 5 (2) and 7; Taiwan's Personal Data Protection Act section 7. Erasing a reader
    deletes their lines with them.
    """

    class Kind(models.TextChoices):
        ASKED = "asked", _("asked")
        CONFIRMED = "confirmed", pgettext_lazy("of the record", "confirmed")
        WITHDREW = "withdrew", pgettext_lazy("of the record", "left")
        CAME_BACK = "came back", _("came back")
        MOVED = "moved", _("moved to another address")
        IMPORTED = "imported", _("brought in by the author")

    subscriber = models.ForeignKey("subscribers.Subscriber", on_delete=models.CASCADE, related_name="consents")
    kind = models.CharField(_("what happened"), max_length=10, choices=Kind)
    at = models.DateTimeField(_("when"))
    source = models.CharField(_("through"), max_length=200, blank=True)
    text = models.ForeignKey(
        ConsentText, null=True, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("text shown")
    )
    notice = models.ForeignKey(
        ConsentText, null=True, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("notice")
    )
    # May be updated: old IP addresses are deleted, as data protection law requires.
    ip = models.GenericIPAddressField(_("from address"), null=True)
    address_hash = models.CharField(max_length=32, help_text="of the address at that time; of a move, the one left")

    objects = ConsentQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["source", "subscriber"], name="consents_by_source")]
        verbose_name = _("line of the record")
        verbose_name_plural = _("record of the subscription")

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"


REASON_LENGTH = 200  # characters; a reason may stand in a million rows


class Act(models.Model):
    """An action of the author on a reader; erased with the reader. Unsubscribing is in the consent record instead."""

    class Action(models.TextChoices):
        TAGGED = "tagged", _("tag given")
        UNTAGGED = "untagged", _("tag taken")
        PAUSED = "paused", pgettext_lazy("of an act", "paused")
        RESUMED = "resumed", _("pause ended")
        SUPPRESSED = "suppressed", pgettext_lazy("of an act", "suppressed")
        LIFTED = "lifted", _("may be mailed again")
        ASKED = "asked", pgettext_lazy("of an act", "asked to confirm again")
        REOPENED = "reopened", pgettext_lazy("of an act", "may sign up again")

    subscriber = models.ForeignKey("subscribers.Subscriber", on_delete=models.DB_CASCADE, related_name="acts")
    what = models.CharField(_("what happened"), max_length=10, choices=Action)
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


# Of other apps, which add theirs in `AppConfig.ready`.
ERASING_CALLBACKS: list[Callable[[Any], None]] = []  # called before a Subscriber is erased, in the same transaction
MERGING_CALLBACKS: list[Callable[[Any, Any], None]] = []  # called with the Subscriber that stays, and the one deleted


class Forgotten(models.Model):
    """The id of an erased reader, until it is removed from rows that no foreign key covers."""

    number = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return str(self.number)
