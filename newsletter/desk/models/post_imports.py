"""Posts that come in from another program: how far they are, and the account of it."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.publication.changes import NAME_LENGTH

EXPORTS_KEPT = timedelta(days=7)  # exports of other programs, from which posts come


class PostImportQuerySet(models.QuerySet["PostImport"]):
    def waiting(self, now: datetime) -> "PostImportQuerySet":
        """Return those that have something to do and no worker, the first that was begun first."""
        is_free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        return self.filter(is_free, state=PostImport.State.WORKING).order_by("begun_at", "pk")

    def with_old_files(self, now: datetime) -> "PostImportQuerySet":
        """Return those whose file has had its days, and that no worker needs any more."""
        old = Q(ended_at__lt=now - EXPORTS_KEPT) | Q(ended_at__isnull=True, created_at__lt=now - EXPORTS_KEPT)
        return self.filter(old).exclude(folder="").exclude(state=PostImport.State.WORKING)


class PostImport(models.Model):
    """Posts that come in by a file from another program: first tried, which writes nothing, then done."""

    class State(models.TextChoices):
        READY = "ready", pgettext_lazy("of an import of posts", "not begun")
        WORKING = "working", pgettext_lazy("of an import of posts", "at work")
        TRIED = "tried", pgettext_lazy("of an import of posts", "tried, nothing written yet")
        DONE = "done", pgettext_lazy("of an import of posts", "done")
        STOPPED = "stopped", pgettext_lazy("of an import of posts", "stopped")
        FAILED = "failed", pgettext_lazy("of an import of posts", "did not get any further")

    class Stage(models.TextChoices):
        """What is being done; the numbers of done and to do are those of the stage."""

        POSTS = "posts", _("posts")
        LINKS = "links", _("links between posts")
        ISSUES = "issues", _("issues of the archive")

    state = models.CharField(max_length=8, choices=State, default=State.READY)
    is_trial = models.BooleanField(default=True)
    stage = models.CharField(max_length=6, choices=Stage, default=Stage.POSTS)
    name = models.CharField(max_length=200, help_text="of the file, as its author calls it")
    program = models.CharField(max_length=40)
    folder = models.CharField(max_length=40, help_text="where its files are; empty once they are gone")
    file = models.CharField(max_length=20, help_text="what the export is called there")
    kept = models.PositiveBigIntegerField(default=0, help_text="bytes of the file of old pages, as far as it is valid")
    site = models.CharField(max_length=200, blank=True, help_text="where the posts were read until now")
    fetches = models.BooleanField(default=False, help_text="whether the web is asked for pictures")
    as_issues = models.BooleanField(default=False, help_text="whether what was mailed becomes issues of the archive")

    total = models.PositiveIntegerField(default=0, help_text="texts of the file")
    cursor = models.PositiveIntegerField(default=0, help_text="texts that this stage is done with")
    counts = models.JSONField(default=dict, help_text="how many texts came to which end, and of which kind they are")
    totals = models.JSONField(default=dict, help_text="by the names of the account: how many before, and after")
    links = models.PositiveIntegerField(default=0, help_text="between posts, which lead to the new place now")
    issues = models.PositiveIntegerField(default=0)

    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    by = models.CharField(max_length=NAME_LENGTH, help_text="a user's name")
    created_at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True, help_text="a worker has it until then")
    worker = models.CharField(max_length=32, blank=True)
    tries = models.PositiveSmallIntegerField(default=0, help_text="turns since the last one that achieved something")
    error = models.CharField(max_length=500, blank=True, help_text="why it did not get any further")

    objects = PostImportQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["-pk"]
        verbose_name = _("import of posts")
        verbose_name_plural = _("imports of posts")
        indexes = [models.Index(fields=["id"], name="post_imports_at_work", condition=Q(state="working"))]

    def __str__(self) -> str:
        return f"{self.program}: {self.name}"

    @property
    def is_at_work(self) -> bool:
        return self.state == self.State.WORKING

    def has_file(self, now: datetime) -> bool:
        """Return whether the export is still here: for some days after the end."""
        return bool(self.folder) and (self.ended_at or self.created_at) > now - EXPORTS_KEPT

    def move(self, before: Any, **values: Any) -> bool:
        """Change it if it is in one of these states; return whether it was."""
        moved = PostImport.objects.filter(pk=self.pk, state__in=before).update(**values)
        if moved:
            self.refresh_from_db()
        return bool(moved)


class PostImportEntry(models.Model):
    """What becomes of one text of an import: a line of its account."""

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
    keys = models.JSONField(default=list, help_text="under which links of the old site may name it")
    old_at = models.PositiveBigIntegerField(default=0, help_text="where in the file of old pages its own begins")
    old_size = models.PositiveIntegerField(default=0, help_text="bytes")

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
