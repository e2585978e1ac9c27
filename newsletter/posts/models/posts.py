"""Posts, tags, and the search documents of both."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Count, Max, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from newsletter.mail import tokens
from newsletter.mail.characters import nfc, without_hidden
from newsletter.posts.models.images import Image
from newsletter.posts.models.renderings import Rendering
from newsletter.posts.proofreading import check
from newsletter.posts.proofreading.check import HINTS
from newsletter.posts.text import prose
from newsletter.publication.models import Publication
from newsletter.publication.pictures.cards import Card
from newsletter.publication.trash import OutOfTrash

if TYPE_CHECKING:
    from newsletter.posts.proofreading.rules import ProofFinding


BODY_MAX = 500_000  # characters: a novel; the slowest text of this length still renders within seconds
TAG_NAME_MAX = 40
SERIES_TITLE_MAX = 80
PREVIEW_LIFETIME = timedelta(days=30)  # of a link to a draft
# Hint for SQL that reads the dates of many rows of `posts_post p`. SQLite reads rows from the start, so it would read
# every long text before the dates; its planner does not choose the index by itself.
DATES_INDEX_HINT = {"sqlite": "INDEXED BY dates_of_posts", "postgresql": ""}
LISTED_SQL = "p.published_at <= %s AND NOT p.is_unlisted"  # PostQuerySet.listed for `posts_post p`


def post_path(number: int, words: str) -> str:
    return reverse("posts:post", args=[f"{number}-{words}" if words else str(number)])


def parse_tag_names(typed: str) -> list[str]:
    names = (" ".join(name.split()).lstrip("#＃").strip() for name in re.split(r"[,，、;；\n]", without_hidden(typed)))
    return list(dict.fromkeys(nfc(name) for name in names if name))


def free_slug(rows: "models.QuerySet[Any]", *preferred: str) -> str:
    """The first of `preferred` that is a slug, with a number if one of `rows` has it.

    The last must have Latin letters: a Chinese name makes no slug.
    """
    base = next(filter(None, map(slugify, preferred)))[:50]
    taken = set(rows.filter(slug__startswith=base).values_list("slug", flat=True))
    return next(slug for slug in (base if n == 1 else f"{base}-{n}" for n in count(1)) if slug not in taken)


def _slug_field() -> "models.SlugField[str, str]":
    label, hint = pgettext_lazy("of a page", "address"), _("Latin letters, digits and hyphens.")
    return models.SlugField(label, max_length=60, unique=True, help_text=hint)


class TagQuerySet(models.QuerySet["Tag"]):
    def in_use(self, now: datetime) -> "TagQuerySet":
        """Tags of listed posts with `post_count`, most used first."""
        is_listed = Q(posts__published_at__lte=now, posts__is_unlisted=False, posts__trashed_at=None)
        counted = self.annotate(post_count=Count("posts", filter=is_listed))
        return counted.filter(post_count__gt=0).order_by("-post_count", "name")

    def get_or_create_named(self, names: Iterable[str], slugs: Mapping[str, str] | None = None) -> list["Tag"]:
        """The tags of these names, compared without case.

        slugs: preferred slug of a new tag, by name; used if it is free.
        """
        wanted = slugs or {}
        tags = (self.filter(name__iexact=name).first() or self._make(name, wanted.get(name, "")) for name in names)
        return list(dict.fromkeys(tags))

    def _make(self, name: str, wanted: str) -> "Tag":
        return self.create(name=name, slug=free_slug(self, wanted if wanted.isascii() else "", name, "tag"))


class Tag(models.Model):
    """A subject that posts have in common."""

    name = models.CharField(_("name"), max_length=TAG_NAME_MAX, unique=True)
    slug = _slug_field()

    objects = TagQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name = _("tag")
        verbose_name_plural = _("tags")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("posts:tag", args=[self.slug])


UPLOAD_MARK = "](#upload-"  # stands in a text for a picture that is still being uploaded: static/desk/pictures.js


class SeriesQuerySet(models.QuerySet["Series"]):
    def in_use(self, now: datetime) -> "SeriesQuerySet":
        is_listed = Q(posts__published_at__lte=now, posts__is_unlisted=False)
        return self.filter(is_listed).order_by("title").distinct()

    def delete_half_typed(self, former: int | None, title: str) -> None:
        """Delete a series without posts whose title was `title` while it was typed, as it saved itself."""
        half = self.filter(pk__in=[former], posts=None, description="").first()
        if half and title.startswith(half.title):
            half.delete()

    def get_or_create_titled(self, title: str) -> "Series":
        """The series with this title, compared without case."""
        found = self.filter(title__iexact=title).first()
        return found or self.create(title=title, slug=free_slug(self, title, "series"))


class Series(models.Model):
    """Posts that are read in the order of their numbers."""

    title = models.CharField(_("title"), max_length=SERIES_TITLE_MAX, unique=True)
    slug = _slug_field()
    description = models.CharField(
        _("description"), max_length=200, blank=True, help_text=_("What it is about: shown on its page.")
    )

    objects = SeriesQuerySet.as_manager()

    class Meta:
        ordering = ["title"]
        verbose_name = _("series")
        verbose_name_plural = pgettext_lazy("several", "series")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("posts:series", args=[self.slug])

    def next_number(self, post: "Post") -> int:
        return Post.with_trash.exclude(pk=post.pk).series_length(self.pk) + 1


class PostQuerySet(models.QuerySet["Post"]):
    def published(self, now: datetime) -> "PostQuerySet":
        """Posts that readers may open, newest first; see `listed` for those that pages link to."""
        return self.filter(published_at__lte=now).order_by("-published_at", "-pk")

    def listed(self, now: datetime) -> "PostQuerySet":
        """Posts shown in lists, feeds, search and sitemap, newest first: published and not unlisted."""
        return self.published(now).filter(is_unlisted=False)

    def series_length(self, series_id: int | None) -> int:
        """The highest number of these posts in a series; 0 without a series."""
        if series_id is None:
            return 0
        last: int | None = self.filter(series=series_id).aggregate(last=Max("series_number"))["last"]
        return last or 0

    def series_neighbours(self, post: "Post") -> "tuple[Post | None, Post | None]":
        """Previous and next of these posts in the series of `post`, without their texts; None at the ends."""
        others = self.filter(series=post.series_id).order_by("series_number").defer("body")
        before = others.filter(series_number__lt=post.series_number)
        return before.last(), others.filter(series_number__gt=post.series_number).first()

    def pages(self) -> "PostQuerySet":
        return self.filter(is_page=True).order_by("title", "pk")

    def found_by_engines(self, now: datetime) -> "PostQuerySet":
        """Posts and pages that search engines may show."""
        return self.published(now).exclude(is_unlisted=True, is_page=False)

    def scheduled(self, now: datetime) -> "PostQuerySet":
        return self.filter(published_at__gt=now).order_by("published_at", "pk")

    def drafts(self) -> "PostQuerySet":
        return self.filter(published_at__isnull=True).order_by("-updated_at", "-pk")

    def emptied(self) -> "PostQuerySet":
        """Drafts whose author has taken out all that was typed."""
        return self.drafts().filter(title="", body="", summary="")

    def visible_to(self, user: Any) -> "PostQuerySet":
        """All posts for staff who may publish, otherwise their own."""
        return self if user.has_perm("posts.publish_post") else self.filter(created_by=user.pk)

    def next_change_at(self, now: datetime) -> datetime | None:
        """When the next scheduled post becomes public; None without one."""
        return self.scheduled(now).values_list("published_at", flat=True).first()

    def publish(self, now: datetime) -> int:
        """Publish drafts and scheduled posts that have a title and a text with all pictures; return how many."""
        waiting = self.filter(Q(published_at__isnull=True) | Q(published_at__gt=now))
        incomplete = Q(title="") | Q(body="") | Q(body__contains=UPLOAD_MARK)
        return waiting.exclude(incomplete).update(published_at=now, planned_at=None, updated_at=now)

    def withdraw(self, now: datetime) -> int:
        """Turn published and scheduled posts back into drafts; return how many."""
        return self.filter(published_at__isnull=False).update(published_at=None, planned_at=None, updated_at=now)

    def previewed(self, token: str, now: datetime) -> "Post | None":
        """The post of a preview token; None if the preview is closed or expired."""
        post = self.filter(pk=tokens.unverified_id(token) or 0, preview_until__gt=now).first()
        return post if post and tokens.is_valid(token, "preview", post.preview_round) else None


class Post(models.Model):
    """An article: a draft without `published_at`, scheduled if it lies in the future, else published."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        SCHEDULED = "scheduled", _("scheduled")
        PUBLISHED = "published", _("published")

    title = models.CharField(_("title"), max_length=120)
    words = models.SlugField(
        _("words in the address"),
        max_length=60,
        blank=True,
        help_text=_("A few Latin words: /p/128-words/. May be empty."),
    )
    body = models.TextField(_("text"), help_text=_("Markdown."))
    summary = models.CharField(
        _("summary"),
        max_length=200,
        blank=True,
        help_text=_("Shown in lists and search results. Empty: the first sentences."),
    )
    cover = models.ForeignKey(
        Image, verbose_name=_("cover picture"), null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    pictures = models.ManyToManyField(Image, editable=False, related_name="posts")  # see record_pictures
    tags = models.ManyToManyField(Tag, verbose_name=_("tags"), blank=True, related_name="posts")
    published_at = models.DateTimeField(
        _("published"), null=True, blank=True, help_text=_("Empty: draft. In the future: scheduled.")
    )
    planned_at = models.DateTimeField(null=True, editable=False)  # chosen on the desk, not scheduled yet
    is_web_only = models.BooleanField(
        _("only on the web"), default=False, help_text=_("It waits for no issue, and none is proposed for it.")
    )
    is_unlisted = models.BooleanField(
        _("unlisted"),
        default=False,
        help_text=_("Anyone with its address can read it. No list, feed or search shows it, and no issue carries it."),
    )
    series = models.ForeignKey(
        Series, verbose_name=_("series"), null=True, blank=True, on_delete=models.SET_NULL, related_name="posts"
    )
    series_number = models.PositiveSmallIntegerField(
        _("number in the series"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    is_page = models.BooleanField(
        _("page"),
        default=False,
        db_default=False,
        help_text=_("Stands for itself, without a date, such as your books. Unlisted, but search engines find it."),
    )
    preview_until = models.DateTimeField(null=True, editable=False)  # of the preview link
    created_by = models.ForeignKey("auth.User", models.SET_NULL, null=True, editable=False, related_name="+")
    # Id of the form that created it, so that a repeated first save makes no second post.
    document = models.CharField(max_length=32, blank=True, editable=False)
    source = models.CharField(max_length=200, blank=True, editable=False)  # importer and the id there
    source_digest = models.CharField(max_length=32, blank=True, editable=False)  # of the imported source
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    trashed_at = models.DateTimeField(null=True, editable=False)

    _rendered: tuple[str, Rendering] | None = None  # (body, its rendering)
    pending_copy: Any = None  # the working copy overlaid on this instance, which must then not be saved

    objects = OutOfTrash.from_queryset(PostQuerySet)()
    with_trash = PostQuerySet.as_manager()

    class Meta:
        ordering = ["-published_at", "-pk"]
        verbose_name = _("post")
        verbose_name_plural = _("posts")
        permissions = [("publish_post", "Can publish posts, and change those of others")]
        indexes = [
            models.Index(
                fields=["id", "published_at", "updated_at", "is_unlisted", "trashed_at"], name="dates_of_posts"
            ),
            models.Index(fields=["published_at", "id", "is_unlisted", "trashed_at"], name="posts_by_date"),
            models.Index(fields=["updated_at", "published_at", "trashed_at"], name="changes_of_posts"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["source"], condition=~Q(source=""), name="a_source_is_imported_once"),
            models.UniqueConstraint(fields=["series", "series_number"], name="a_number_of_a_series_is_one_post"),
            models.UniqueConstraint(fields=["document"], condition=~Q(document=""), name="a_page_makes_one_post"),
            models.UniqueConstraint(
                fields=["words"], condition=Q(is_page=True) & ~Q(words=""), name="pages_have_different_addresses"
            ),
            models.CheckConstraint(condition=Q(is_page=False) | Q(is_unlisted=True), name="no_list_shows_a_page"),
        ]

    def __str__(self) -> str:
        return self.title or gettext("(no title yet)")

    def get_absolute_url(self) -> str:
        if self.is_page and self.words:
            return reverse("posts:page", args=[self.words])
        return post_path(self.pk, self.words)

    @property
    def preview_card(self) -> Card:
        """The preview picture of links on other sites."""
        publication = Publication.objects.current()
        day = date_format(timezone.localtime(self.published_at)) if self.published_at and not self.is_page else ""
        return Card(self.title, publication.name, detail=day, accent=publication.accent)

    @property
    def preview_card_url(self) -> str:
        return reverse("posts:card", args=[self.pk, self.preview_card.digest])

    @property
    def was_mailed(self) -> bool:
        """Whether it was in a sent issue: mails then link to its URL."""
        return self.issues.filter(sent_at__isnull=False).exists()

    def open_preview(self, now: datetime) -> None:
        """Start a new preview link; one that was closed before stays closed."""
        self.preview_until = now + PREVIEW_LIFETIME
        Post.objects.filter(pk=self.pk).update(preview_until=self.preview_until)

    def close_preview(self) -> None:
        self.preview_until = None
        Post.objects.filter(pk=self.pk).update(preview_until=None)

    def update_picture_links(self) -> None:
        """Link the post to its cover and the pictures in its text, and to those of its working copy."""
        names = ("body", "working_copy__body", "cover__digest", "working_copy__cover__digest")
        *texts, cover, next_cover = Post.objects.values_list(*names).get(pk=self.pk)
        shown = Image.objects.within(*(text or "" for text in texts))
        self.pictures.set(shown | Image.objects.filter(digest__in={cover, next_cover} - {None}))

    @property
    def preview_token(self) -> str:
        return tokens.sign("preview", self.pk, self.preview_round)

    @property
    def preview_round(self) -> str:
        """Part of the signed token: links of another round are invalid."""
        return self.preview_until.isoformat() if self.preview_until else ""

    @property
    def rendering(self) -> Rendering:
        if self._rendered is None or self._rendered[0] != self.body:
            self._rendered = self.body, Rendering.objects.for_sources([self.body])[self.body]
        return self._rendered[1]

    @property
    def html(self) -> SafeString:
        return mark_safe(self.rendering.html)  # noqa: S308  # nosec B308, B703  # sanitised by the renderer

    @property
    def excerpt(self) -> str:
        return self.summary or self.rendering.excerpt

    def reading_minutes(self, publication: Publication) -> int:
        return prose.minutes_to_read(self.rendering.han_count, self.rendering.word_count, publication)

    def findings(self, publication: Publication) -> "list[ProofFinding]":
        """Run the format check with the publication's rules; takes some milliseconds."""
        terms = check.house_terms(publication.name, publication.terms)
        return check.check_text(self.body, terms=terms, off=publication.checks_off)

    def objections(self, publication: Publication) -> int:
        return sum(one.rule not in HINTS for one in self.findings(publication))

    def is_published(self, now: datetime) -> bool:
        return self.published_at is not None and self.published_at <= now and self.trashed_at is None

    def state(self, now: datetime) -> State:
        if self.published_at is None:
            return self.State.DRAFT
        return self.State.PUBLISHED if self.is_published(now) else self.State.SCHEDULED


def attach_renderings(posts: Iterable[Post]) -> list[Post]:
    found = list(posts)
    renderings = Rendering.objects.for_sources(post.body for post in found)
    for post in found:
        post._rendered = post.body, renderings[post.body]
    return found


def attach_covers[T: Any](rows: Iterable[T]) -> list[T]:
    """Set `cover` on posts or issues by at most one query."""
    found = list(rows)
    numbers = {row.cover_id for row in found if row.cover_id}
    covers = Image.objects.in_bulk(numbers) if numbers else {}
    for row in found:
        row.cover = covers.get(row.cover_id or 0)
    return found


class SearchDocument(models.Model):
    """A searchable text: as shown, and folded for matching."""

    kind = models.CharField(max_length=20)
    key = models.PositiveBigIntegerField()
    post = models.OneToOneField(Post, null=True, on_delete=models.CASCADE, related_name="search_document")
    published_at = models.DateTimeField(null=True)  # for posts the search uses Post.published_at
    url = models.CharField(max_length=300)
    title = models.TextField()
    tags = models.TextField(blank=True)
    summary = models.TextField(blank=True)
    folded_title = models.TextField()
    folded_tags = models.TextField(blank=True)
    folded_summary = models.TextField(blank=True)
    # Long columns last: SQLite reads rows from the start.
    body = models.TextField(blank=True)
    folded = models.TextField()
    tokens = models.TextField(blank=True)

    class Meta:
        verbose_name = _("search entry")
        verbose_name_plural = _("search entries")
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="a_document_is_found_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
