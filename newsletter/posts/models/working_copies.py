"""What an author has changed in a published post, and readers do not see yet."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from newsletter.posts.models.images import Image

if TYPE_CHECKING:
    from newsletter.posts.models.posts import Post

FIELDS = ("title", "words", "summary", "cover_id", "body")  # that a working copy has in place of the post's own


class WorkingCopyQuerySet(models.QuerySet["WorkingCopy"]):
    def lay_over(self, post: "Post") -> None:
        """Put what was changed but not published, if anything, into `post`, and the copy itself into `post.pending`."""
        self.lay_over_all([post])

    def lay_over_all(self, posts: Sequence["Post"]) -> None:
        """Do the same for many posts, by one query."""
        copies = {copy.post_id: copy for copy in self.filter(post__in=[post.pk for post in posts])}
        for post in posts:
            post.pending = copies.get(post.pk)
            for name in FIELDS if post.pending else ():
                setattr(post, name, getattr(post.pending, name))

    def keep(self, post: "Post", tag_names: str, *, now: datetime) -> bool:
        """Store the fields of `post` as its working copy, over `post.pending`, the one that was read before.

        Return False if another save has come between.
        """
        fields: dict[str, Any] = {name: getattr(post, name) for name in FIELDS}
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
