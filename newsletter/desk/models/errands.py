"""Work on many readers, filters under a name, and failures at the doors."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.publication.changes import NAME_LENGTH, TITLE_MAX, Change

FILES_KEPT = timedelta(days=1)  # files with addresses in them


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


class SavedFilter(models.Model):
    """A combination of filters and a search above the list of readers, under a name, for everybody who sees readers."""

    name = models.CharField(pgettext_lazy("of a filter", "name"), max_length=40, unique=True)
    query = models.CharField(max_length=1000, help_text="as an address line has it, its names in order")

    class Meta:
        default_permissions = ()
        ordering = ["name"]
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")

    def __str__(self) -> str:
        return self.name


class ErrandQuerySet(models.QuerySet["Errand"]):
    def waiting(self, now: datetime) -> "ErrandQuerySet":
        """Return those that have something to do and no worker, the first that began first."""
        is_free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        return self.filter(is_free, state__in=Errand.AT_WORK).order_by("pk")

    def with_old_files(self, now: datetime) -> "ErrandQuerySet":
        """Return those whose files have had their day, and that no worker needs any more."""
        old = Q(ended_at__lt=now - FILES_KEPT) | Q(ended_at__isnull=True, created_at__lt=now - FILES_KEPT)
        return self.filter(old).exclude(folder="").exclude(state__in=Errand.AT_WORK)

    def with_old_words(self, now: datetime) -> "ErrandQuerySet":
        """Return those that have known for a day after their end whom their author looked for."""
        return self.filter(ended_at__lt=now - FILES_KEPT).exclude(chosen={}).exclude(state__in=Errand.AT_WORK)


class Errand(models.Model):
    """Work on many readers that is done in the background: how far it is, and what was done."""

    class Kind(models.TextChoices):
        TAG = "tag", _("Give a tag")
        UNTAG = "untag", _("Take a tag away")
        PAUSE = "pause", _("Pause")
        UNSUBSCRIBE = "unsubscribe", _("Unsubscribe")
        SUPPRESS = "suppress", _("Never mail again")
        EXPORT = "export", _("Export as a file")
        IMPORT = "import", _("Import from a file")
        BAR = "bar", _("Import a suppression list")

    class State(models.TextChoices):
        DRAFT = "draft", _("not begun")  # an import: which column is what
        TRYING = "trying", _("being tried")  # an import: nothing is written
        TRIED = "tried", _("tried, not begun")
        RUNNING = "running", _("at work")
        DONE = "done", pgettext_lazy("of an errand", "done")
        STOPPED = "stopped", pgettext_lazy("of an errand", "stopped")
        FAILED = "failed", pgettext_lazy("of an errand", "failed")

    AT_WORK = (State.TRYING, State.RUNNING)

    kind = models.CharField(max_length=12, choices=Kind)
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    about = models.CharField(max_length=500, help_text="which readers, in words, as its author saw it")
    chosen = models.JSONField(default=dict, help_text="which readers, for selection.py; of an import, its columns")
    options = models.JSONField(default=dict, help_text="tag, until, reason; of an import, how its readers agreed")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    by = models.CharField(max_length=NAME_LENGTH, help_text="a user's name")

    total = models.PositiveBigIntegerField(null=True, help_text="readers that were counted, or bytes of a file")
    cursor = models.PositiveBigIntegerField(default=0, help_text="last reader, or row of a file, that is done with")
    position = models.PositiveBigIntegerField(default=0, help_text="of `total`, what is done with")
    counts = models.JSONField(default=dict, help_text="how many came to which end")
    problems = models.JSONField(default=list, help_text="the first lines of a file that were refused, and why")
    folder = models.CharField(max_length=40, blank=True, help_text="where its files are; empty once they are gone")
    size = models.PositiveBigIntegerField(
        default=0, help_text="bytes of the file that it writes, as far as it is valid"
    )

    created_at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True, help_text="a worker has it until then")
    worker = models.CharField(max_length=32, blank=True)
    tries = models.PositiveSmallIntegerField(default=0, help_text="turns since the last one that achieved something")
    error = models.CharField(max_length=500, blank=True, help_text="why it failed")

    objects = ErrandQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["-pk"]
        verbose_name = _("work on readers")
        verbose_name_plural = _("work on readers")
        indexes = [
            models.Index(
                fields=["id"], name="errands_at_work", condition=Q(state__in=["trying", "running"])
            ),  # beat asks every few seconds
        ]

    def __str__(self) -> str:
        return f"{self.title}: {self.about}"

    @property
    def is_at_work(self) -> bool:
        return self.state in self.AT_WORK

    @property
    def title(self) -> Promise | str:
        """Return what is done, with the tag."""
        tag = self.options.get("tag", "")
        return (
            _("%(kind)s “%(tag)s”") % {"kind": self.get_kind_display(), "tag": tag} if tag else self.get_kind_display()
        )

    def stop(self, now: datetime) -> bool:
        """End it before the next transaction of its worker; what was done stays."""
        return self._move(self.AT_WORK, state=self.State.STOPPED, ended_at=now, lease_until=None, worker="")

    def begin(self, now: datetime, state: "Errand.State", **values: Any) -> bool:
        """Let a worker begin, from the start of the file: to try it, or, once it was tried, to write it."""
        before = [self.State.DRAFT, self.State.TRIED] if state == self.State.TRYING else [self.State.TRIED]
        anew: dict[str, Any] = {"cursor": 0, "position": 0, "size": 0, "counts": {}, "problems": [], "tries": 0}
        return self._move(before, state=state, begun_at=now, **anew, **values)

    def forget_words(self) -> None:
        """Forget which readers were meant. What was searched for, perhaps an address, goes from the record too."""
        is_of_file = self.kind in {Errand.Kind.IMPORT, Errand.Kind.BAR}  # those were chosen by no search
        if not is_of_file and (term := self.chosen["term"]):
            self.about = self.about.replace(term["text"], "…") if term["text"] in self.about else "…"
            Change.objects.of(self).update(title=str(self)[:TITLE_MAX])
        self.chosen = {}
        self.save(update_fields=["about", "chosen"])

    def has_files(self, now: datetime) -> bool:
        """Return whether its files may be had: for a day after its end."""
        return bool(self.folder) and (self.ended_at or self.created_at) > now - FILES_KEPT

    def _move(self, before: Any, **values: Any) -> bool:
        moved = Errand.objects.filter(pk=self.pk, state__in=before).update(**values)
        if moved:
            self.refresh_from_db()
        return bool(moved)
