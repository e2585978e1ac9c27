"""What each reader agreed to, and who changed what about them: records that only grow."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db import connection, models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.publication.changes import NAME_LENGTH
from subscribers.links import Linked

IP_KEPT = timedelta(days=365)  # the privacy notice says so


@dataclass(frozen=True)
class Circumstances:
    """How a reader said something: through what, the words that the form showed, from which IP address.

    notice: the privacy notice as it was then.
    """

    source: str = ""
    text: str = ""
    ip: str | None = None
    notice: str = ""


class ConsentText(models.Model):
    """Words that a form showed, kept once however many readers agreed to them."""

    digest = models.CharField(max_length=64, unique=True)
    words = models.TextField()

    def __str__(self) -> str:
        return self.words

    @classmethod
    def of(cls, words: str) -> "ConsentText | None":
        """Return the row of these words, made if they are new; None for no words."""
        if not words:
            return None
        return cls.objects.get_or_create(digest=sha256(words.encode()).hexdigest(), defaults={"words": words})[0]


class ConsentQuerySet(models.QuerySet["Consent"]):
    def add(self, subscriber: Linked, kind: str, how: Circumstances, now: datetime) -> "Consent":
        """Append a line about a reader, with the address they have at this moment."""
        return self.add_all([(subscriber.pk, subscriber.address_hash)], kind, how, now)[0]

    def add_all(
        self, readers: Iterable[tuple[int, str]], kind: str, how: Circumstances, now: datetime
    ) -> "list[Consent]":
        """Append a line about each reader. readers: their numbers, and the hashes of their addresses."""
        common: dict[str, Any] = {"text": ConsentText.of(how.text), "notice": ConsentText.of(how.notice), "ip": how.ip}
        common |= {"kind": kind, "at": now, "source": how.source[:200]}
        return self.bulk_create(Consent(subscriber_id=pk, address_hash=who, **common) for pk, who in readers)

    def forget_networks(self, now: datetime) -> int:
        """Delete the IP addresses that have been kept for IP_KEPT; of nothing else does the record lose anything."""
        return self.filter(at__lte=now - IP_KEPT, ip__isnull=False).update(ip=None)

    def take_over(self, heir: Linked, other: Linked) -> None:
        """Append the lines of a row that is about to be deleted to the one that goes on instead."""
        lines = list(self.filter(subscriber_id=other.pk))
        for line in lines:
            line.pk, line.subscriber_id = None, heir.pk
        self.bulk_create(lines)

    def add_imported(self, hashes: Iterable[str], kind: "Consent.Kind", source: str) -> None:
        """Append a line for each reader whom an import made one, or ended, by one statement.

        Its moment is the one that the file knows, which stands in the reader's row by now.
        """
        hashes = list(hashes)
        if not hashes:
            return
        moment = "unsubscribed_at" if kind == Consent.Kind.WITHDREW else "confirmed_at"
        marks = ", ".join(["%s"] * len(hashes))
        # Names of our own columns; every value is a parameter.
        statement = f"""
            INSERT INTO {Consent._meta.db_table} (subscriber_id, kind, at, source, address_hash)
            SELECT id, %s, {moment}, %s, address_hash FROM subscribers_subscriber
             WHERE address_hash IN ({marks}) AND {moment} IS NOT NULL
        """  # noqa: S608  # nosec B608
        with connection.cursor() as cursor:
            cursor.execute(statement, [kind.value, source, *hashes])


class Consent(models.Model):
    """One line of the record of a subscription; the database refuses to change it.

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
    # Not protected by the database: it goes with age, as the law asks of what is no longer needed.
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


BEFORE: list[Callable[[Any], None]] = []  # what rooms above do about a reader (Subscriber) who is being erased
TAKEN_OVER: list[Callable[[Any, Any], None]] = []  # what they do about two who become one


def before(act: Callable[[Any], None]) -> None:
    """Have something done before a reader is erased, in the same transaction."""
    if act not in BEFORE:
        BEFORE.append(act)


def before_taking_over(act: Callable[[Any, Any], None]) -> None:
    """Have `act(reader, other)` done before a reader gets the address of another, whose row is forgotten then."""
    if act not in TAKEN_OVER:
        TAKEN_OVER.append(act)


class Forgotten(models.Model):
    """The number of a reader who was erased. Whoever has struck it out everywhere deletes the row."""

    number = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return str(self.number)
