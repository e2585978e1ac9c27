"""Texts of the author's own that new posts begin with."""

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from newsletter.posts.models.posts import Post


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
        """Return what the form of a new post begins with."""
        return {"title": self.title, "body": self.body, "summary": self.summary, "tag_names": self.tag_names}
