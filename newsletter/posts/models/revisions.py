"""Revisions, working copies and patterns of posts."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Protocol

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from newsletter.posts.models.images import Image
from newsletter.posts.text.diff import count_changed_characters
from newsletter.publication import changes

if TYPE_CHECKING:
    from newsletter.posts.models.posts import Post


# (age, strftime format): from this age on, only the last version of each period is kept.
# Each period contains the next one whole, so repeated thinning keeps the same versions as thinning once.
THINNING_STEPS: Final = (
    (timedelta(days=365), "%Y-%m"),
    (timedelta(days=7), "%Y-%m-%d"),
    (timedelta(days=1), "%Y-%m-%d %H"),
    (timedelta(hours=1), "%Y-%m-%d %H:%M"),
)


def times_to_keep(times: Iterable[datetime], now: datetime) -> set[datetime]:
    """Which of the aware `times` to keep: up to an hour old all, up to a day the last per minute, to a week per hour,
    to a year per day, older ones per month, in UTC. Always the newest.
    """
    known = set(times)
    last = {format_: _last_of_each_period(known, format_) for _age, format_ in THINNING_STEPS}
    return {time for time in known if (format_ := _period(now - time)) is None or time in last[format_]}


def next_thinning(time: datetime, now: datetime) -> datetime | None:
    """When a version saved at `time` next changes its period; None after the last."""
    return min((time + age for age, _format in THINNING_STEPS if time + age > now), default=None)


def _period(age: timedelta) -> str | None:
    return next((format_ for least, format_ in THINNING_STEPS if age >= least), None)


def _last_of_each_period(times: set[datetime], format_: str) -> set[datetime]:
    return set({f"{time.astimezone(UTC):{format_}}": time for time in sorted(times)}.values())


NO_FORM_ID = "-"  # a form without an id: its refused texts do not replace each other


class PostText(Protocol):
    """Anything with the text of a post: Post, WorkingCopy, Revision."""

    title: str
    summary: str
    body: str


class RevisionQuerySet(models.QuerySet["Revision"]):
    def saved_for(self, post: int) -> "RevisionQuerySet":
        """Saved versions of a post, newest first."""
        return self.with_refused(post).filter(refused_page="")

    def with_refused(self, post: int) -> "RevisionQuerySet":
        """Saved and refused versions of a post, newest first."""
        return self.filter(post=post).order_by("-saved_at", "-pk")

    def before(self, one: "Revision") -> "RevisionQuerySet":
        """Older versions of the same post, newest first."""
        return self.saved_for(one.post_id).filter(
            Q(saved_at__lt=one.saved_at) | Q(saved_at=one.saved_at, pk__lt=one.pk)
        )

    def record(self, post: int, text: PostText, *, at: datetime) -> "Revision":
        """Record a saved text with the current actor; an unchanged text adds no version."""
        last = self.saved_for(post).first()
        if last and last.digest == digest(text):
            return last
        return self._add(post, text, last, at=at, **changes.current_actor()._asdict())

    def refuse(self, post: int, text: PostText, *, form_id: str, at: datetime) -> "Revision":
        """Keep a text that lost against another save: one per form, the last."""
        made = Revision.build(post, text, self.saved_for(post).first(), saved_at=at, refused_page=form_id or NO_FORM_ID)
        made.by, made.via = changes.current_actor()
        if form_id:
            made.pk = self.with_refused(post).filter(refused_page=form_id).values_list("pk", flat=True).first()
        made.save()
        return made

    def drop_refused(self, post: int, *, form_id: str) -> None:
        """Delete the refused text of a form that was saved after all."""
        if form_id:
            self.filter(post=post, refused_page=form_id).delete()

    def ensure_recorded(self, post: int, text: PostText, *, saved_at: datetime) -> None:
        """Record a stored text that has no version yet; its author is unknown."""
        if not self.saved_for(post).filter(digest=digest(text)).exists():
            last = self.saved_for(post).filter(saved_at__lte=saved_at).first()
            self._add(post, text, last, at=saved_at, by="", via="")

    def mark(self, posts: Iterable[Any], *, what: str, at: datetime) -> None:
        """Mark the current text of these posts, so that thinning keeps it. what: "published" or "mailed"."""
        wanted = {(post.pk, digest(post)): post for post in posts}
        some = self.filter(refused_page="", post__in={post for post, _digest in wanted})
        some = some.filter(digest__in={digest for _post, digest in wanted})
        found = set(some.values_list("post", "digest"))
        now = timezone.now()
        self.bulk_create(
            Revision.build(post.pk, post, None, saved_at=post.updated_at, thin_at=next_thinning(post.updated_at, now))
            for key, post in wanted.items()
            if key not in found
        )
        one_of = Q(pk__in=[])
        for post, its_digest in wanted:
            one_of |= Q(post=post, digest=its_digest, refused_page="")
        self.filter(one_of, **{f"{what}_at": None}).update(**{f"{what}_at": at})

    def due(self, now: datetime) -> list[int]:
        return list(self.filter(thin_at__lte=now).order_by().values_list("post", flat=True).distinct())

    def thin(self, post: int, now: datetime) -> int:
        """Delete the versions of a post that are too old for their period; return how many."""
        rows = list(self.saved_for(post).values_list("pk", "saved_at", "published_at", "mailed_at"))
        times = times_to_keep((at for _pk, at, *_rest in rows), now)
        left = {pk: at for pk, at, published, mailed in rows if at in times or published or mailed}
        done, _rows = self.filter(pk__in=[pk for pk, *_rest in rows if pk not in left]).delete()
        looks: dict[datetime | None, list[int]] = {}
        for pk, at in left.items():
            looks.setdefault(next_thinning(at, now), []).append(pk)
        for look, pks in looks.items():
            self.filter(pk__in=pks).exclude(thin_at=look).update(thin_at=look)
        return done

    def _add(self, post: int, text: PostText, last: "Revision | None", *, at: datetime, **who: str) -> "Revision":
        made = Revision.build(post, text, last, saved_at=at, thin_at=next_thinning(at, at), **who)
        made.save(force_insert=True)
        return made


def digest(text: PostText) -> str:
    return sha256("\0".join([text.title, text.summary, text.body]).encode()).hexdigest()[:32]


class Revision(models.Model):
    """A saved or refused text of a post. The form shows the newest saved one."""

    post = models.ForeignKey("posts.Post", models.CASCADE, related_name="revisions")
    saved_at = models.DateTimeField(_("saved"))
    by = models.CharField(max_length=changes.NAME_LENGTH, blank=True)  # a user's name; empty: unknown, or no user
    via = models.CharField(max_length=10, blank=True, choices=changes.Via)
    added = models.PositiveIntegerField(default=0)  # characters, since the version before
    removed = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=32)
    published_at = models.DateTimeField(null=True)  # when readers first saw it
    mailed_at = models.DateTimeField(null=True)  # when an issue with it was approved
    # Id of the form whose text was refused because of another save; empty: saved.
    refused_page = models.CharField(max_length=32, blank=True, default="")
    thin_at = models.DateTimeField(null=True)  # when thinning looks at it again
    title = models.CharField(max_length=120, blank=True)
    summary = models.CharField(max_length=200, blank=True)
    body = models.TextField(blank=True)

    objects = RevisionQuerySet.as_manager()

    class Meta:
        ordering = ["-saved_at", "-pk"]
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        default_permissions = ()  # who may change a post may look at its versions
        indexes = [
            models.Index(fields=["post", "saved_at"], name="revisions_of_a_post"),
            models.Index(fields=["thin_at"], condition=Q(thin_at__isnull=False), name="revisions_to_thin"),
        ]

    def __str__(self) -> str:
        return f"{self.title} {self.saved_at:%Y-%m-%d %H:%M}"

    @classmethod
    def build(cls, post: int, text: PostText, last: "Revision | None", **fields: Any) -> "Revision":
        words = {"title": text.title, "summary": text.summary, "body": text.body}
        made = cls(post_id=post, digest=digest(text), **words, **fields)
        made.added, made.removed = made.counts_since(last)
        return made

    def counts_since(self, last: "Revision | None") -> tuple[int, int]:
        """Characters added and removed since another version, in title, summary and text."""
        if last is None:
            return len(self.title) + len(self.summary) + len(self.body), 0
        both = [
            count_changed_characters(getattr(last, name), getattr(self, name)) for name in ("title", "summary", "body")
        ]
        return sum(added for added, _removed in both), sum(removed for _added, removed in both)


COPIED_FIELDS = ("title", "words", "summary", "cover_id", "body")  # of a post, by its working copy


class WorkingCopyQuerySet(models.QuerySet["WorkingCopy"]):
    def overlay(self, post: "Post") -> None:
        """Set the fields of `post` from its working copy, if any, and `post.pending_copy` to the copy."""
        self.apply_to_posts([post])

    def apply_to_posts(self, posts: Sequence["Post"]) -> None:
        copies = {copy.post_id: copy for copy in self.filter(post__in=[post.pk for post in posts])}
        for post in posts:
            post.pending_copy = copies.get(post.pk)
            for name in COPIED_FIELDS if post.pending_copy else ():
                setattr(post, name, getattr(post.pending_copy, name))

    def store(self, post: "Post", tag_names: str, *, now: datetime) -> bool:
        """Store the fields of `post` as its working copy; False if that changed since `post.pending_copy` was read."""
        fields: dict[str, Any] = {name: getattr(post, name) for name in COPIED_FIELDS}
        fields |= {"tag_names": tag_names, "updated_at": now}
        if seen := post.pending_copy:
            is_stored = bool(self.filter(post=post.pk, updated_at=seen.updated_at).update(**fields))
        else:
            is_stored = self.get_or_create(post_id=post.pk, defaults=fields)[1]
        post.pending_copy = WorkingCopy(post_id=post.pk, **fields)
        return is_stored

    def discard(self, post: "Post") -> bool:
        """Delete the working copy; False if it has changed since `post.pending_copy` was read."""
        some, seen = self.filter(post=post.pk), post.pending_copy
        post.pending_copy = None
        if seen is None:
            return not some.exists()
        return bool(some.filter(updated_at=seen.updated_at).delete()[0])


class WorkingCopy(models.Model):
    """Unpublished changes of a published post; readers see the post until it is updated."""

    post = models.OneToOneField("posts.Post", models.CASCADE, primary_key=True, related_name="working_copy")
    title = models.CharField(max_length=120, blank=True)
    words = models.CharField(max_length=60, blank=True)
    summary = models.CharField(max_length=200, blank=True)
    tag_names = models.TextField(blank=True)  # as typed; new tags are created when the post is updated
    cover = models.ForeignKey(Image, models.SET_NULL, null=True, related_name="+")
    updated_at = models.DateTimeField()
    body = models.TextField(blank=True)

    objects = WorkingCopyQuerySet.as_manager()

    class Meta:
        verbose_name = _("working copy")
        verbose_name_plural = _("working copies")
        default_permissions = ()  # who may change a post may change its working copy

    def __str__(self) -> str:
        return self.title


class PatternQuerySet(models.QuerySet["Pattern"]):
    def keep(self, post: "Post", tag_names: str) -> tuple["Pattern", bool]:
        """Store a post as the pattern of its title; return the row and whether it is new."""
        fields = {"body": post.body, "summary": post.summary, "tag_names": tag_names}
        return self.update_or_create(title=post.title, defaults=fields)


class Pattern(models.Model):
    """A template for new posts; later changes do not reach posts made from it."""

    title = models.CharField(
        _("title"), max_length=120, unique=True, help_text=_("A new post begins with this title, too.")
    )
    body = models.TextField(_("text"), help_text=_("Markdown."))
    summary = models.CharField(_("summary"), max_length=200, blank=True)
    tag_names = models.CharField(_("tags"), max_length=500, blank=True, help_text=_("Separated by commas."))

    objects = PatternQuerySet.as_manager()

    class Meta:
        ordering = ["title"]
        verbose_name = _("pattern")
        verbose_name_plural = _("patterns")
        default_permissions = ()  # who may write posts may keep patterns

    def __str__(self) -> str:
        return self.title

    def initial(self) -> dict[str, str]:
        return {"title": self.title, "body": self.body, "summary": self.summary, "tag_names": self.tag_names}
