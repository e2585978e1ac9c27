"""An article on the web, its tags and its pictures."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise  # noqa: F401


class Tag(models.Model):
    """A subject that posts have in common."""

    name = models.CharField(_("name"), max_length=40, unique=True)
    slug = models.SlugField(_("address"), max_length=60, unique=True, help_text=_("Latin letters, digits and hyphens."))

    class Meta:
        ordering = ["name"]
        verbose_name = _("tag")
        verbose_name_plural = _("tags")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("posts:tag", args=[self.slug])


class Image(models.Model):
    """A picture that was uploaded once and is served for ever at an address made of its content."""

    digest = models.CharField(max_length=16, unique=True, editable=False)
    name = models.CharField(_("file name"), max_length=80)
    alt = models.CharField(
        _("alternative text"), max_length=200, help_text=_("What the picture says, for those who do not see it.")
    )
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    created_at = models.DateTimeField(_("uploaded"), auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")

    def __str__(self) -> str:
        return self.alt or self.name

    def get_absolute_url(self) -> str:
        return f"/media/{self.digest}/{self.name}"


class PostQuerySet(models.QuerySet["Post"]):
    def published(self, now: datetime) -> "PostQuerySet":
        """Return the posts that readers may see, newest first."""
        return self.filter(published_at__lte=now).order_by("-published_at", "-pk")


class Post(models.Model):
    """An article: a draft without a date, scheduled with a date to come, else published."""

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
    tags = models.ManyToManyField(Tag, verbose_name=_("tags"), blank=True, related_name="posts")
    published_at = models.DateTimeField(
        _("published"), null=True, blank=True, db_index=True, help_text=_("Empty: draft. In the future: scheduled.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = PostQuerySet.as_manager()

    class Meta:
        ordering = ["-published_at", "-pk"]
        verbose_name = _("post")
        verbose_name_plural = _("posts")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("posts:post", args=[f"{self.pk}-{self.words}" if self.words else str(self.pk)])

    def is_published(self, now: datetime) -> bool:
        return self.published_at is not None and self.published_at <= now
