"""Results of rehearsals, stored with a hash of what was rehearsed, so that any edit invalidates them."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from newsletter.issues.models import Issue
from newsletter.mail import reach

OK, INFO, WARNING, ERROR = "ok", "info", "warning", "error"
STUCK_AFTER = timedelta(minutes=3)  # without progress for so long, its worker is dead


@dataclass(frozen=True)
class RehearsalRemark:
    """One finding of a rehearsal. level: OK, INFO, WARNING or ERROR. hint: what to do; url: the desk's page for it."""

    topic: str
    level: str
    text: str
    hint: str = ""
    url: str = ""


class RehearsalStatus(StrEnum):
    """Only VALID lets an issue be scheduled without a question."""

    NONE = "none"
    RUNNING = "running"
    STUCK = "stuck"  # no worker continues it
    OUTDATED = "outdated"  # something was edited since
    FAULTY = "faulty"  # it found an error
    VALID = "valid"


def rehearsal_digest(content_hash: str, segment: str) -> str:
    """The hash of a letter (FrozenLetter.content_hash), its segment, and what would keep it from readers."""
    missing = [part.gap for part in reach.missing_parts()]
    return sha256("\x00".join([content_hash, segment, *missing]).encode()).hexdigest()


class RehearsalQuerySet(models.QuerySet["Rehearsal"]):
    def latest_of(self, issue: Issue, segment: str = "") -> "Rehearsal | None":
        """The last rehearsal for this segment, valid or not."""
        return self.filter(issue=issue, segment=segment).order_by("-pk").first()

    def standing(self, issue: Issue, segment: str, content_hash: str, now: datetime) -> RehearsalStatus:
        latest = self.latest_of(issue, segment)
        return latest.standing(rehearsal_digest(content_hash, segment), now) if latest else RehearsalStatus.NONE


class Rehearsal(models.Model):
    """One rehearsal of an issue: everything but sending it."""

    class Topic(models.TextChoices):
        """In display order."""

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

    def standing(self, digest: str, now: datetime) -> RehearsalStatus:
        if self.digest != digest:
            return RehearsalStatus.OUTDATED
        if self.finished_at is None:
            return RehearsalStatus.STUCK if now - self.told_at > STUCK_AFTER else RehearsalStatus.RUNNING
        return RehearsalStatus.FAULTY if self.worst == ERROR else RehearsalStatus.VALID

    def begin(self, now: datetime) -> bool:
        """Claim it for one worker; return False if another was first, or if it is finished."""
        waiting = Rehearsal.objects.filter(pk=self.pk, begun_at__isnull=True, finished_at__isnull=True)
        return bool(waiting.update(begun_at=now, told_at=now))

    def progress(self, asked: int, now: datetime) -> None:
        Rehearsal.objects.filter(pk=self.pk).update(asked=asked, told_at=now)

    def finish(self, remarks: list[RehearsalRemark], now: datetime) -> None:
        """Add the remarks about other sites, and close it."""
        self.remarks = [*self.remarks, *map(asdict, remarks)]
        self.asked, self.finished_at, self.told_at = len(self.links), now, now
        self.save(update_fields=["remarks", "asked", "finished_at", "told_at"])

    def by_topic(self) -> list[tuple[Any, list[dict[str, str]]]]:
        """Remarks by topic label: topics with an error first, then those with a warning."""
        grouped = [(topic.label, [one for one in self.remarks if one["topic"] == topic]) for topic in self.Topic]
        severity = {ERROR: 0, WARNING: 1}
        shown = [(label, remarks) for label, remarks in grouped if remarks]
        return sorted(shown, key=lambda topic: min(severity.get(one["level"], 2) for one in topic[1]))
