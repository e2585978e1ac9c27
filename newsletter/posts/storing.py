"""Stores the text of a post. Changes of a published post go to its working copy until it is updated.

The desk and the API validate a PostForm and call `store_text` and `store_relations` in one transaction.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils import timezone

from newsletter.posts.forms import PostForm
from newsletter.posts.json_saves import StaleTextError
from newsletter.posts.models import Post, Revision, Series, Tag, WorkingCopy, parse_tag_names
from newsletter.posts.models.renderings import Rendering
from newsletter.posts.models.revisions import COPIED_FIELDS
from newsletter.posts.search.index import index_post
from newsletter.publication import changes
from newsletter.publication.changes import Change

PUBLISH_PERMISSION = "posts.publish_post"
# Not part of the text: saved at once, even on a published post.
UNVERSIONED_FIELDS = {"published_at", "is_web_only", "is_unlisted", "is_page", "series", "series_number"}
LOG_INTERVAL = timedelta(hours=1)  # at most one audit entry for autosaves in this time


def store_text(post: Post, form: PostForm, *, update_live: bool, save_row: Callable[[], None], now: datetime) -> None:
    """Store the text of a valid form. Raises StaleTextError if somebody else has saved since the form was validated.

    post: with its working copy overlaid, and the typed values set.
        update_live: update the post itself; without it, a published post gets a working copy.
        save_row: saves the row.
    """
    stored = Post.objects.filter(pk=post.pk).first() if post.pk else None
    form.set_series()
    if stored:
        record_revisions(stored, post.pending_copy, now)
    if stored and not update_live and stored.is_published(now) and post.is_published(now):
        if {"place", *UNVERSIONED_FIELDS} & set(form.changed_data):
            fields = {name: getattr(post, name) for name in ("planned_at", *UNVERSIONED_FIELDS)}
            Post.objects.filter(pk=post.pk).update(**fields, updated_at=now)
        _require_stored(WorkingCopy.objects.store(post, form.cleaned_data["tag_names_typed"], now=now))
    else:
        _store(post, save_row, now)
    Revision.objects.record(post.pk, post, at=now)
    if not post.pending_copy and post.is_published(now):
        Revision.objects.mark([post], what="published", at=now)
    if stored and post.series and stored.series_id != post.series_id:
        Series.objects.delete_half_typed(stored.series_id, post.series.title)


def _store(post: Post, save_row: Callable[[], None], now: datetime) -> None:
    if post.pk:
        _require_stored(WorkingCopy.objects.discard(post))
        same = Post.objects.filter(pk=post.pk, updated_at=post.updated_at)
        _require_stored(same.update(updated_at=now) > 0)
    try:
        with transaction.atomic():
            save_row()
    except IntegrityError as error:  # two requests make the first save of the same form
        raise StaleTextError from error


def store_relations(form: PostForm) -> None:
    """Store pictures, tags and the search index, once the row is saved."""
    post = form.instance
    post.update_picture_links()
    if not post.pending_copy:
        post.tags.set(Tag.objects.get_or_create_named(form.cleaned_data["tag_names"]))
        index_post(post)
        Rendering.objects.outdated().purge()


def withdraw_posts(posts: Sequence[Post], now: datetime) -> int:
    """Turn published and scheduled posts into drafts, with the text of their working copies; return how many."""
    same = Post.objects.filter(pk__in=[post.pk for post in posts])
    with transaction.atomic():
        Revision.objects.mark(same.published(now), what="published", at=now)
        done = same.withdraw(now)
        for copy in WorkingCopy.objects.filter(post__in=same).select_for_update():
            _apply_copy(copy)
        Change.objects.log(Change.Action.WITHDRAWN, [post for post in posts if post.published_at])
    return done


def _apply_copy(copy: WorkingCopy) -> None:
    """Move a working copy into its post; drafts have none."""
    post = Post.objects.get(pk=copy.post_id)
    for name in COPIED_FIELDS:
        setattr(post, name, getattr(copy, name))
    post.save(update_fields=COPIED_FIELDS)
    post.tags.set(Tag.objects.get_or_create_named(parse_tag_names(copy.tag_names)))
    copy.delete()
    post.update_picture_links()
    index_post(post)


def record_revisions(stored: Post, pending: WorkingCopy | None, now: datetime) -> None:
    """Record the stored text as a version before it is overwritten; a published one is marked to be kept."""
    if stored.is_published(now):
        Revision.objects.mark([stored], what="published", at=stored.published_at or now)
    shown = pending or stored
    Revision.objects.ensure_recorded(stored.pk, shown, saved_at=shown.updated_at)


def restore_version(post: Post, version: Revision, now: datetime) -> None:
    """Store the text of an earlier version as a new version. Raises StaleTextError.

    post: with its working copy overlaid. On a published post the working copy is changed.
    """
    stored = Post.objects.get(pk=post.pk)
    record_revisions(stored, post.pending_copy, now)
    tags = post.pending_copy.tag_names if post.pending_copy else "、".join(stored.tags.values_list("name", flat=True))
    post.title, post.summary, post.body = version.title, version.summary, version.body
    if stored.is_published(now):
        _require_stored(WorkingCopy.objects.store(post, tags, now=now))
    else:
        _require_stored(WorkingCopy.objects.discard(post))
        post.save()
        post.tags.set(Tag.objects.get_or_create_named(parse_tag_names(tags)))
        index_post(post)
    post.update_picture_links()
    Revision.objects.record(post.pk, post, at=now)


def discard_working_copy(post: Post, now: datetime) -> None:
    """Delete the working copy of a published post; its text stays a version."""
    stored = Post.objects.get(pk=post.pk)
    record_revisions(stored, post.pending_copy, now)
    _require_stored(WorkingCopy.objects.discard(post))
    post.update_picture_links()
    Revision.objects.record(post.pk, stored, at=now)


def _require_stored(is_stored: bool) -> None:
    if not is_stored:
        raise StaleTextError


def was_logged_recently(row: Model) -> bool:
    """Whether the newest audit entry of `row` is the current actor's and younger than LOG_INTERVAL."""
    last = Change.objects.of(row).order_by("-at").first()
    is_mine = last is not None and last.by == changes.current_actor().by
    return is_mine and last is not None and last.at > timezone.now() - LOG_INTERVAL
