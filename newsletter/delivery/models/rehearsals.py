"""What a rehearsal found: kept with a hash of what was rehearsed, so that any edit voids it."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from newsletter.issues.models import Issue

OK, INFO, WARNING, ERROR = "ok", "info", "warning", "error"
PATIENCE = timedelta(minutes=3)  # a worker that has written nothing for so long is dead, or there is none


@dataclass(frozen=True)
class Remark:
    """One thing that a rehearsal found: what it is about, how grave, what is so, and what to do."""

    topic: str
    level: str
    text: str
    hint: str = ""


class Standing(StrEnum):
    """What a rehearsal is worth now; only VALID lets an issue be scheduled without a question."""

    NONE = "none"
    RUNNING = "running"
    STUCK = "stuck"  # no worker goes on with it
    OUTDATED = "outdated"  # something was edited since
    FAULTY = "faulty"  # it found an error
    VALID = "valid"


def digest_of(content_hash: str, segment: str) -> str:
    """Return what stands for a letter (subject, content, sender: FrozenLetter) and the rule of its audience."""
    return sha256(f"{content_hash}\x00{segment}".encode()).hexdigest()


class RehearsalQuerySet(models.QuerySet["Rehearsal"]):
    def latest_of(self, issue: Issue, segment: str = "") -> "Rehearsal | None":
        """Return the last rehearsal for this audience, valid or not."""
        return self.filter(issue=issue, segment=segment).order_by("-pk").first()

    def standing(self, issue: Issue, segment: str, content_hash: str, now: datetime) -> Standing:
        """Return what the last rehearsal for this audience is worth for the letter as it is now."""
        latest = self.latest_of(issue, segment)
        return latest.standing(digest_of(content_hash, segment), now) if latest else Standing.NONE


class Rehearsal(models.Model):
    """One rehearsal of an issue: everything but the sending."""

    class Topic(models.TextChoices):
        """What a remark is about, in the order in which they are shown."""

        AUDIENCE = "audience", _("Readers")
        SIZE = "size", _("Size")
        READERS = "copies", _("Copies")
        HEADERS = "headers", _("Headers")
        TEXT = "text", _("Text part")
        LINKS = "links", _("Links")
        PICTURES = "pictures", _("Pictures")
        FORMAT = "format", _("Format check")
        SENDER = "sender", _("Sender and DNS")

    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="rehearsals")
    segment = models.CharField(max_length=201, blank=True, help_text="as in Mailing")
    digest = models.CharField(max_length=64, help_text="of what was rehearsed: digest_of")
    started_at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True, help_text="when a worker began to look outside")
    told_at = models.DateTimeField(help_text="when the last progress was made")
    finished_at = models.DateTimeField(null=True)
    links = models.JSONField(default=list, help_text="the addresses of others that are asked")
    asked = models.PositiveIntegerField(default=0)
    remarks = models.JSONField(default=list)
    copies = models.JSONField(default=list, help_text="the hardest readers, as their copies were written")

    objects = RehearsalQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("rehearsal")
        verbose_name_plural = _("rehearsals")

    def __str__(self) -> str:
        return f"{self.issue}: {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def worst(self) -> str:
        found = {remark["level"] for remark in self.remarks}
        return next((level for level in (ERROR, WARNING, INFO) if level in found), OK)

    def standing(self, digest: str, now: datetime) -> Standing:
        """Return what it is worth for a letter and audience with this digest."""
        if self.digest != digest:
            return Standing.OUTDATED
        if self.finished_at is None:
            return Standing.STUCK if now - self.told_at > PATIENCE else Standing.RUNNING
        return Standing.FAULTY if self.worst == ERROR else Standing.VALID

    def begin(self, now: datetime) -> bool:
        """Take it for one worker; return False if another was first, or if it is over."""
        waiting = Rehearsal.objects.filter(pk=self.pk, begun_at__isnull=True, finished_at__isnull=True)
        return bool(waiting.update(begun_at=now, told_at=now))

    def progress(self, asked: int, now: datetime) -> None:
        Rehearsal.objects.filter(pk=self.pk).update(asked=asked, told_at=now)

    def finish(self, remarks: list[Remark], now: datetime) -> None:
        """Add what was found outside, and close it."""
        self.remarks = [*self.remarks, *map(asdict, remarks)]
        self.asked, self.finished_at, self.told_at = len(self.links), now, now
        self.save(update_fields=["remarks", "asked", "finished_at", "told_at"])

    def by_topic(self) -> list[tuple[Any, list[dict[str, str]]]]:
        """Return the remarks under the label of their topic: topics with an error first, then those with a warning."""
        grouped = [(topic.label, [one for one in self.remarks if one["topic"] == topic]) for topic in self.Topic]
        return sorted(((label, found) for label, found in grouped if found), key=lambda topic: _calm(topic[1]))


def _calm(remarks: list[dict[str, str]]) -> int:
    """Return 0 if one of these is an error, 1 if one is a warning, otherwise 2."""
    levels = {one["level"] for one in remarks}
    return next((place for place, level in enumerate((ERROR, WARNING)) if level in levels), 2)
