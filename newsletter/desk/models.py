"""Background jobs and failed logins."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.mail.mail_queue import CLOCK_SLACK
from newsletter.publication.changes import NAME_LENGTH, TITLE_MAX, Change

FILES_LIFETIME = timedelta(days=1)  # files with addresses in them
EXPORTS_LIFETIME = timedelta(days=7)  # uploads with posts


class FailureCount(models.Model):
    """Failed logins of a name, a network or a browser within the current window."""

    who = models.CharField(max_length=32, primary_key=True)  # a digest: accounts/login_attempts.py
    failures = models.PositiveSmallIntegerField()
    closes_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("failed attempts")
        verbose_name_plural = _("failed attempts")

    def __str__(self) -> str:
        return f"{self.failures} until {self.closes_at:%F %T}"


class JobQuerySet(models.QuerySet[Any]):
    def waiting(self, now: datetime) -> Self:
        """Unleased jobs with work to do, oldest first.

        A lease that ends later than possible comes from a wrong clock and is ignored.
        """
        latest = now + self.model.LEASE + CLOCK_SLACK
        is_free = Q(lease_until__isnull=True) | Q(lease_until__lt=now) | Q(lease_until__gt=latest)
        return self.filter(is_free, state__in=self.model.ACTIVE_STATES).order_by("begun_at", "pk")

    def with_expired_files(self, now: datetime) -> Self:
        before = now - self.model.KEPT
        old = Q(ended_at__lt=before) | Q(ended_at__isnull=True, created_at__lt=before)
        return self.filter(old).exclude(folder="").exclude(state__in=self.model.ACTIVE_STATES)


class JobLost(Exception):
    """The worker has lost the job: it was stopped, or its lease has ended."""


class Job(models.Model):
    """A resumable background job: its owner, its files, and the lease of its worker."""

    ACTIVE_STATES: tuple[str, ...]
    KEPT: timedelta  # its files, after its end
    LEASE: timedelta
    SUBDIR: str  # below DATA_DIR
    PROGRESS_FIELDS: tuple[str, ...]  # columns that a step may change

    state = models.CharField(max_length=8)
    folder = models.CharField(max_length=40, blank=True, help_text="where its files are; empty once they are gone")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    by = models.CharField(max_length=NAME_LENGTH, help_text="a user's name")
    created_at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True, help_text="a worker has it until then")
    worker = models.CharField(max_length=32, blank=True)
    tries = models.PositiveSmallIntegerField(default=0, help_text="turns since the last one that achieved something")
    error = models.CharField(max_length=500, blank=True, help_text="why it failed")

    objects = JobQuerySet.as_manager()

    class Meta:
        abstract = True

    def is_only_tried(self) -> bool:
        """Whether it is a dry run."""
        raise NotImplementedError

    @property
    def is_at_work(self) -> bool:
        return self.state in self.ACTIVE_STATES

    def has_files(self, now: datetime) -> bool:
        """Files can be downloaded for some time after its end."""
        return bool(self.folder) and (self.ended_at or self.created_at) > now - self.KEPT

    def move(self, before: Any, **values: Any) -> bool:
        """Update it if it is in one of the states `before`; return whether it was."""
        moved = type(self).objects.filter(pk=self.pk, state__in=before).update(**values)
        if moved:
            self.refresh_from_db()
        return bool(moved)

    def stop(self, now: datetime) -> bool:
        """Stop it before its worker's next step; committed steps stay."""
        return self.move(self.ACTIVE_STATES, state="stopped", ended_at=now, lease_until=None, worker="")

    def renew_lease(self, now: datetime, **values: Any) -> None:
        """Renew the lease and store the progress. Raises JobLost."""
        mine = type(self).objects.filter(pk=self.pk, state=self.state, worker=self.worker)
        if not mine.update(lease_until=now + self.LEASE, **values):
            raise JobLost

    def end(self, now: datetime) -> None:
        """Mark it as done; a dry run as tried."""
        self.state, self.ended_at = ("tried", None) if self.is_only_tried() else ("done", now)
        self.lease_until, self.worker, self.error = None, "", ""
        self.save(update_fields=["state", "ended_at", "lease_until", "worker", "error"])


class Errand(Job):
    """A background job on many readers: its progress and result."""

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

    ACTIVE_STATES = (State.TRYING, State.RUNNING)
    KEPT, LEASE, SUBDIR = FILES_LIFETIME, timedelta(minutes=1), "readers"
    PROGRESS_FIELDS = ("cursor", "position", "counts", "problems", "size")

    kind = models.CharField(max_length=12, choices=Kind)
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    about = models.CharField(max_length=500, help_text="which readers, in words, as its author saw it")
    chosen = models.JSONField(default=dict, help_text="which readers, for selection.py; of an import, its columns")
    options = models.JSONField(default=dict, help_text="tag, until, reason; of an import, how its readers agreed")

    total = models.PositiveBigIntegerField(null=True, help_text="readers that were counted, or bytes of a file")
    cursor = models.PositiveBigIntegerField(default=0, help_text="last reader, or row of a file, that is done with")
    position = models.PositiveBigIntegerField(default=0, help_text="of `total`, what is done with")
    counts = models.JSONField(default=dict, help_text="how many came to which end")
    problems = models.JSONField(default=list, help_text="the first lines of a file that were refused, and why")
    size = models.PositiveBigIntegerField(
        default=0, help_text="bytes of the file that it writes, as far as it is valid"
    )

    class Meta:
        default_permissions = ()
        ordering = ["-pk"]
        verbose_name = _("work on readers")
        verbose_name_plural = _("work on readers")
        indexes = [
            models.Index(
                fields=["id"], name="errands_at_work", condition=Q(state__in=["trying", "running"])
            )  # beat asks every few seconds
        ]

    def __str__(self) -> str:
        return f"{self.title}: {self.about}"

    def is_only_tried(self) -> bool:
        return self.state == self.State.TRYING

    @property
    def title(self) -> Promise | str:
        tag = self.options.get("tag", "")
        kind = self.get_kind_display()
        return _("%(kind)s “%(tag)s”") % {"kind": kind, "tag": tag} if tag else kind

    def begin(self, now: datetime, state: "Errand.State", **values: Any) -> bool:
        """Start a worker from the beginning of the file: a dry run, or after that the import itself."""
        before = [self.State.DRAFT, self.State.TRIED] if state == self.State.TRYING else [self.State.TRIED]
        anew: dict[str, Any] = {"cursor": 0, "position": 0, "size": 0, "counts": {}, "problems": [], "tries": 0}
        return self.move(before, state=state, begun_at=now, **anew, **values)

    def forget_words(self) -> None:
        """Remove the selection; a search term, perhaps an address, is redacted in the log too."""
        is_of_file = self.kind in {Errand.Kind.IMPORT, Errand.Kind.BAR}  # without a search
        if not is_of_file and (term := self.chosen["term"]):
            self.about = self.about.replace(term["text"], "…") if term["text"] in self.about else "…"
            Change.objects.of(self).update(title=str(self)[:TITLE_MAX])
        self.chosen = {}
        self.save(update_fields=["about", "chosen"])


class PostImport(Job):
    """Import of posts from another program's file: first a dry run, then for real."""

    class State(models.TextChoices):
        READY = "ready", pgettext_lazy("of an import of posts", "not begun")
        WORKING = "working", pgettext_lazy("of an import of posts", "at work")
        TRIED = "tried", pgettext_lazy("of an import of posts", "tried, nothing written yet")
        DONE = "done", pgettext_lazy("of an import of posts", "done")
        STOPPED = "stopped", pgettext_lazy("of an import of posts", "stopped")
        FAILED = "failed", pgettext_lazy("of an import of posts", "did not get any further")

    ACTIVE_STATES = (State.WORKING,)
    KEPT, SUBDIR = EXPORTS_LIFETIME, "imports"
    LEASE = timedelta(minutes=3)  # fetching many pictures for one post takes long
    PROGRESS_FIELDS = ("stage", "cursor", "total", "program", "site", "counts", "totals", "links", "issues")

    class Stage(models.TextChoices):
        """`cursor` and `total` count within the current stage."""

        FOLDER = "folder", _("a folder of Markdown")
        POSTS = "posts", _("posts")
        LINKS = "links", _("links between posts")
        ISSUES = "issues", _("issues of the archive")

    state = models.CharField(max_length=8, choices=State, default=State.READY)
    is_trial = models.BooleanField(default=True)
    stage = models.CharField(max_length=6, choices=Stage, default=Stage.FOLDER)
    name = models.CharField(max_length=200, help_text="of the file, as its author calls it")
    program = models.CharField(max_length=40, blank=True, help_text="that wrote the file; empty until it was converted")
    file = models.CharField(max_length=20, help_text="what the export is called there")
    site = models.CharField(max_length=200, blank=True, help_text="where the posts were read until now")
    fetches = models.BooleanField(default=False, help_text="whether the web is asked for pictures")
    as_issues = models.BooleanField(default=False, help_text="whether what was mailed becomes issues of the archive")

    total = models.PositiveIntegerField(default=0, help_text="texts of the file")
    cursor = models.PositiveIntegerField(default=0, help_text="texts that this stage is done with")
    counts = models.JSONField(default=dict, help_text="how many texts came to which end, and of which kind they are")
    totals = models.JSONField(default=dict, help_text="by the names of the account: how many before, and after")
    links = models.PositiveIntegerField(default=0, help_text="between posts, which lead to the new place now")
    issues = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ()
        ordering = ["-pk"]
        verbose_name = _("import of posts")
        verbose_name_plural = _("imports of posts")
        indexes = [models.Index(fields=["id"], name="post_imports_at_work", condition=Q(state="working"))]

    def __str__(self) -> str:
        return f"{self.program}: {self.name}" if self.program else self.name

    def is_only_tried(self) -> bool:
        return self.is_trial


class PostImportEntry(models.Model):
    """The outcome of one text of an import."""

    post_import = models.ForeignKey(PostImport, on_delete=models.CASCADE, related_name="entries")
    place = models.PositiveIntegerField(help_text="in the file")
    name = models.CharField(max_length=300, help_text="what the file calls it")
    source = models.CharField(max_length=220, help_text="what a second import knows it by; empty if it was rejected")
    title = models.CharField(max_length=120, blank=True)
    outcome = models.CharField(max_length=9)
    kind = models.CharField(max_length=5, blank=True, help_text="post, page or draft")
    post = models.ForeignKey("posts.Post", null=True, on_delete=models.SET_NULL, related_name="+")
    account = models.JSONField(default=dict, help_text="reason, before, after, remarks and unnamed differences")
    losses = models.PositiveIntegerField(default=0)
    differs = models.BooleanField(default=False)

    mailed_at = models.DateTimeField(null=True, help_text="of what can become an issue of the archive")
    subject = models.CharField(max_length=200, blank=True)
    preheader = models.CharField(max_length=150, blank=True)
    number = models.PositiveIntegerField(null=True, help_text="of its issue; none, and there is none")

    class Meta:
        default_permissions = ()
        ordering = ["place"]
        verbose_name = _("text of an import")
        verbose_name_plural = _("texts of imports")
        constraints = [models.UniqueConstraint(fields=["post_import", "place"], name="one_entry_for_each_text")]

    def __str__(self) -> str:
        return self.title or self.name
