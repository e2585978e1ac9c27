"""What is stored of a text beside the post: earlier states, the next one, and texts that new posts begin with."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Protocol

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from newsletter.posts.models.images import Image
from newsletter.posts.text.differences import counts
from newsletter.publication import changes

if TYPE_CHECKING:
    from newsletter.posts.models.posts import Post


# How old a version is, and of which length of time only the last one is kept from then on, named by strftime.
# Each length holds the one before it whole: to thin often keeps the same as to thin once.
STEPS: Final = (
    (timedelta(days=365), "%Y-%m"),
    (timedelta(days=7), "%Y-%m-%d"),
    (timedelta(days=1), "%Y-%m-%d %H"),
    (timedelta(hours=1), "%Y-%m-%d %H:%M"),
)


def kept_times(times: Iterable[datetime], now: datetime) -> set[datetime]:
    """Return which of `times` are kept at `now`; all are aware.

    All of the last hour; then the last of each minute for a day, of each hour for a week, of each day for a year, and
    of each month after that, by UTC. The newest is always kept.
    """
    known = set(times)
    last = {format_: _last_of_each(known, format_) for _age, format_ in STEPS}
    return {time for time in known if (format_ := _step(now - time)) is None or time in last[format_]}


def look_again_at(time: datetime, now: datetime) -> datetime | None:
    """Return when a version of `time` is next to be thought of; None when it was for the last time."""
    return min((time + age for age, _format in STEPS if time + age > now), default=None)


def _step(age: timedelta) -> str | None:
    return next((format_ for least, format_ in STEPS if age >= least), None)


def _last_of_each(times: set[datetime], format_: str) -> set[datetime]:
    return set({f"{time.astimezone(UTC):{format_}}": time for time in sorted(times)}.values())


UNNAMED = "-"  # a page without a name: its texts do not replace each other
SIZE_MAX = 20_000_000  # characters that the versions of one post hold together; beyond it they are thinned as if older
OLDER = (timedelta(), timedelta(hours=1), timedelta(days=1), timedelta(days=7), timedelta(days=365))


class Text(Protocol):
    """What has the text of a post: the post itself, its working copy, a revision."""

    title: str
    summary: str
    body: str


class RevisionQuerySet(models.QuerySet["Revision"]):
    def of(self, post: int) -> "RevisionQuerySet":
        """Return what was saved of a post, the newest first."""
        return self.with_refused(post).filter(refused_page="")

    def with_refused(self, post: int) -> "RevisionQuerySet":
        """Return what was saved and what was refused, the newest first."""
        return self.filter(post=post).order_by("-saved_at", "-pk")

    def before(self, one: "Revision") -> "RevisionQuerySet":
        """Return those of the same post that are older, the newest first."""
        return self.of(one.post_id).filter(Q(saved_at__lt=one.saved_at) | Q(saved_at=one.saved_at, pk__lt=one.pk))

    def record(self, post: int, text: Text, *, at: datetime) -> "Revision":
        """Write down that `text` was saved by whoever acts now; the same text twice in a row is one version."""
        last = self.of(post).first()
        if last and last.digest == digest(text):
            return last
        return self._add(post, text, last, at=at, **changes.current_actor()._asdict())

    def refuse(self, post: int, text: Text, *, page: str, at: datetime) -> "Revision":
        """Keep for good what was not saved because of another save; of each page that typed it, the last state."""
        made = Revision.of(post, text, self.of(post).first(), saved_at=at, refused_page=page or UNNAMED)
        made.by, made.via = changes.current_actor()
        if page:
            made.pk = self.with_refused(post).filter(refused_page=page).values_list("pk", flat=True).first()
        made.save()
        return made

    def drop_refused(self, post: int, *, page: str) -> None:
        """Forget what was refused of a page whose text has been saved after all."""
        if page:
            self.filter(post=post, refused_page=page).delete()

    def make_sure(self, post: int, text: Text, *, saved_at: datetime) -> None:
        """Write down a stored text that nothing has written down yet; by whom it is, is not known."""
        if not self.of(post).filter(digest=digest(text)).exists():
            self._add(post, text, self.of(post).filter(saved_at__lte=saved_at).first(), at=saved_at, by="", via="")

    def mark(self, posts: Iterable[Any], *, what: str, at: datetime) -> None:
        """Keep the text that these posts have now for good. what: "published" or "mailed"; posts are read from rows."""
        wanted = {(post.pk, digest(post)): post for post in posts}
        some = self.filter(refused_page="", post__in={post for post, _digest in wanted})
        some = some.filter(digest__in={digest for _post, digest in wanted})
        found = set(some.values_list("post", "digest"))
        now = timezone.now()
        self.bulk_create(
            Revision.of(post.pk, post, None, saved_at=post.updated_at, thin_at=look_again_at(post.updated_at, now))
            for key, post in wanted.items()
            if key not in found
        )
        one_of = Q(pk__in=[])
        for post, its_digest in wanted:
            one_of |= Q(post=post, digest=its_digest, refused_page="")
        self.filter(one_of, **{f"{what}_at": None}).update(**{f"{what}_at": at})

    def due(self, now: datetime) -> list[int]:
        """Return the posts of which some version is old enough to be thought of again."""
        return list(self.filter(thin_at__lte=now).order_by().values_list("post", flat=True).distinct())

    def thin(self, post: int, now: datetime) -> int:
        """Delete the versions of a post that its rules of age no longer keep; return how many."""
        rows = list(self.of(post).values_list("pk", "saved_at", "published_at", "mailed_at", "characters"))
        kept = _kept(rows, now)
        left = [(pk, at) for pk, at, *_rest in rows if pk in kept]
        done, _rows = self.filter(pk__in=[pk for pk, *_rest in rows if pk not in kept]).delete()
        self._count_again(rows, kept)
        looks: dict[datetime | None, list[int]] = {}
        for pk, at in left:
            looks.setdefault(look_again_at(at, now), []).append(pk)
        for look, pks in looks.items():
            self.filter(pk__in=pks).exclude(thin_at=look).update(thin_at=look)
        return done

    def _count_again(self, rows: Sequence[tuple[Any, ...]], kept: set[int]) -> None:
        """Compare those with the one before them anew whose neighbour is gone."""
        pks = [pk for pk, *_rest in rows]  # the newest first
        for place, pk in enumerate(pks[:-1]):
            if pk in kept and pks[place + 1] not in kept:
                one = self.get(pk=pk)
                one.added, one.removed = one.counts_since(self.before(one).first())
                one.save(update_fields=["added", "removed"])

    def _add(self, post: int, text: Text, last: "Revision | None", *, at: datetime, **who: str) -> "Revision":
        made = Revision.of(post, text, last, saved_at=at, thin_at=look_again_at(at, at), **who)
        made.save(force_insert=True)
        return made


def _kept(rows: Sequence[tuple[Any, ...]], now: datetime) -> set[int]:
    """Return the keys of those to keep: by age, and as if they were older while together they are too long."""
    kept: set[int] = set()
    for older in OLDER:
        times = kept_times((at for _pk, at, *_rest in rows), now + older)
        kept = {pk for pk, at, published, mailed, _length in rows if at in times or published or mailed}
        if sum(length for pk, *_rest, length in rows if pk in kept) <= SIZE_MAX:
            break
    return kept


def digest(text: Text) -> str:
    """Return what two texts have in common only if they are equal."""
    return sha256("\0".join([text.title, text.summary, text.body]).encode()).hexdigest()[:32]


class Revision(models.Model):
    """A state in which the text of a post was saved, or refused. The newest that was saved is what its form shows."""

    post = models.ForeignKey("posts.Post", models.CASCADE, related_name="revisions")
    saved_at = models.DateTimeField(_("saved"))
    by = models.CharField(max_length=changes.NAME_LENGTH, blank=True)  # a user's name; empty: unknown, or no user
    via = models.CharField(max_length=10, blank=True, choices=changes.Via)
    added = models.PositiveIntegerField(default=0)  # characters, since the version before
    removed = models.PositiveIntegerField(default=0)
    characters = models.PositiveIntegerField()  # of the text
    digest = models.CharField(max_length=32)
    published_at = models.DateTimeField(null=True)  # since when readers have seen it, if they have
    mailed_at = models.DateTimeField(null=True)  # when an issue with it was approved
    # Of a text that was refused because somebody else had saved meanwhile: the name of the page that typed it.
    refused_page = models.CharField(max_length=32, blank=True, default="")
    thin_at = models.DateTimeField(null=True)  # when its age is to be looked at again
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
    def of(cls, post: int, text: Text, last: "Revision | None", **fields: Any) -> "Revision":
        """Return a version that is not stored yet. last: the one before it."""
        words = {"title": text.title, "summary": text.summary, "body": text.body}
        made = cls(post_id=post, characters=len(text.body), digest=digest(text), **words, **fields)
        made.added, made.removed = made.counts_since(last)
        return made

    def counts_since(self, last: "Revision | None") -> tuple[int, int]:
        """Return how many characters of title, summary and text were added and removed since another version."""
        if last is None:
            return len(self.title) + len(self.summary) + len(self.body), 0
        both = [counts(getattr(last, name), getattr(self, name)) for name in ("title", "summary", "body")]
        return sum(added for added, _removed in both), sum(removed for _added, removed in both)


COPIED = ("title", "words", "summary", "cover_id", "body")  # that a working copy has in place of the post's own


class WorkingCopyQuerySet(models.QuerySet["WorkingCopy"]):
    def lay_over(self, post: "Post") -> None:
        """Put what was changed but not published, if anything, into `post`, and the copy itself into `post.pending`."""
        self.lay_over_all([post])

    def lay_over_all(self, posts: Sequence["Post"]) -> None:
        copies = {copy.post_id: copy for copy in self.filter(post__in=[post.pk for post in posts])}
        for post in posts:
            post.pending = copies.get(post.pk)
            for name in COPIED if post.pending else ():
                setattr(post, name, getattr(post.pending, name))

    def keep(self, post: "Post", tag_names: str, *, now: datetime) -> bool:
        """Store the fields of `post` as its working copy, over `post.pending`, the one that was read before.

        Return False if another save has come between.
        """
        fields: dict[str, Any] = {name: getattr(post, name) for name in COPIED}
        fields |= {"tag_names": tag_names, "updated_at": now}
        if seen := post.pending:
            is_stored = bool(self.filter(post=post.pk, updated_at=seen.updated_at).update(**fields))
        else:
            is_stored = self.get_or_create(post_id=post.pk, defaults=fields)[1]
        post.pending = WorkingCopy(post_id=post.pk, **fields)
        return is_stored

    def drop(self, post: "Post") -> bool:
        """Delete `post.pending`, which is published or given up; return False if another save has come between."""
        some, seen = self.filter(post=post.pk), post.pending
        post.pending = None
        if seen is None:
            return not some.exists()
        return bool(some.filter(updated_at=seen.updated_at).delete()[0])


class WorkingCopy(models.Model):
    """The next state of a published post; readers see the post itself until it is updated."""

    post = models.OneToOneField("posts.Post", models.CASCADE, primary_key=True, related_name="working_copy")
    title = models.CharField(max_length=120, blank=True)
    words = models.CharField(max_length=60, blank=True)
    summary = models.CharField(max_length=200, blank=True)
    tag_names = models.TextField(blank=True)  # as they were typed: a new tag is made when the post is updated
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
        """Keep title, text, summary and tags of `post` under its title; return the row and whether it is new."""
        fields = {"body": post.body, "summary": post.summary, "tag_names": tag_names}
        return self.update_or_create(title=post.title, defaults=fields)


class Pattern(models.Model):
    """A text that new posts begin with; changing it changes none of the posts that began with it."""

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

    def beginning(self) -> dict[str, str]:
        return {"title": self.title, "body": self.body, "summary": self.summary, "tag_names": self.tag_names}
