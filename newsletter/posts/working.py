"""How the text of a post is stored: readers see no change of a published post before somebody updates it.

Whoever saves checks a PostForm and calls `store_text` and `store_rest` in one transaction: the form of the desk does,
and programs do (newsletter/api).
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils import timezone

from newsletter.posts.forms import PostForm
from newsletter.posts.models import Post, Revision, Tag, WorkingCopy, tag_names
from newsletter.posts.models.renderings import Rendering
from newsletter.posts.models.revisions import COPIED
from newsletter.posts.saving import StaleText
from newsletter.posts.search.index import index_post
from newsletter.publication import changes
from newsletter.publication.changes import Change

MAY_PUBLISH = "posts.publish_post"
# Of a published post these change with the next save: they are no text.
AT_ONCE = {"published_at", "is_web_only", "is_unlisted"}
LOGGED_EACH = timedelta(hours=1)  # a text that saves itself is in the history once in this time


def store_text(post: Post, form: PostForm, *, is_shown: bool, write: Callable[[], None], now: datetime) -> None:
    """Store the text of a valid form, unless somebody else has saved since it was checked. Raises StaleText.

    post: with its working copy laid over it, and what was typed over that. is_shown: readers see it from now on, if
        its date has come; without it a published post stays as they see it. write: saves the row.
    """
    stored = Post.objects.filter(pk=post.pk).first() if post.pk else None
    if stored:
        keep_versions(stored, post.pending, now)
    if stored and not is_shown and stored.is_published(now) and post.is_published(now):
        if AT_ONCE & set(form.changed_data):
            fields = {name: getattr(post, name) for name in AT_ONCE}
            Post.objects.filter(pk=post.pk).update(**fields, updated_at=now)
        _unless_stale(WorkingCopy.objects.keep(post, form.cleaned_data["tag_names_typed"], now=now))
    else:
        _store(post, write, now)
    Revision.objects.record(post.pk, post, at=now)
    if not post.pending and post.is_published(now):
        Revision.objects.mark([post], what="published", at=now)


def _store(post: Post, write: Callable[[], None], now: datetime) -> None:
    if post.pk:
        _unless_stale(WorkingCopy.objects.drop(post))
        same = Post.objects.filter(pk=post.pk, updated_at=post.updated_at)
        _unless_stale(same.update(updated_at=now) > 0)
    try:
        with transaction.atomic():
            write()
    except IntegrityError as error:  # the first save of this page is under way twice
        raise StaleText from error


def store_rest(form: PostForm) -> None:
    """Store what stands beside the text, once its row is there: pictures, tags, the index of the search."""
    post = form.instance
    post.note_pictures()
    if not post.pending:
        post.tags.set(Tag.objects.named(form.cleaned_data["tag_names"]))
        index_post(post)
        Rendering.objects.outdated().forget()


def take_back(posts: Sequence[Post], now: datetime) -> int:
    """Make drafts of those that have a date, with their newest text; return how many these were."""
    same = Post.objects.filter(pk__in=[post.pk for post in posts])
    with transaction.atomic():
        Revision.objects.mark(same.published(now), what="published", at=now)
        done = same.withdraw(now)
        for copy in WorkingCopy.objects.filter(post__in=same).select_for_update():
            _lay_in(copy)
        Change.objects.log(Change.What.WITHDRAWN, [post for post in posts if post.published_at])
    return done


def _lay_in(copy: WorkingCopy) -> None:
    """Let a working copy be the text of its post; a draft has one text."""
    post = Post.objects.get(pk=copy.post_id)
    for name in COPIED:
        setattr(post, name, getattr(copy, name))
    post.save(update_fields=COPIED)
    post.tags.set(Tag.objects.named(tag_names(copy.tag_names)))
    copy.delete()
    post.note_pictures()
    index_post(post)


def keep_versions(stored: Post, pending: WorkingCopy | None, now: datetime) -> None:
    """Write down what is stored before it is overwritten, if nothing has; what readers saw is kept for good."""
    if stored.is_published(now):
        Revision.objects.mark([stored], what="published", at=stored.published_at or now)
    shown = pending or stored
    Revision.objects.make_sure(stored.pk, shown, saved_at=shown.updated_at)


def put_back(post: Post, version: Revision, now: datetime) -> None:
    """Let the text of an earlier version be the text of `post` again, as a new version. Raises StaleText.

    post: with its working copy laid over it. Readers of a published post see it when it is updated.
    """
    stored = Post.objects.get(pk=post.pk)
    keep_versions(stored, post.pending, now)
    tags = post.pending.tag_names if post.pending else "、".join(stored.tags.values_list("name", flat=True))
    post.title, post.summary, post.body = version.title, version.summary, version.body
    if stored.is_published(now):
        _unless_stale(WorkingCopy.objects.keep(post, tags, now=now))
    else:
        _unless_stale(WorkingCopy.objects.drop(post))
        post.save()
        post.tags.set(Tag.objects.named(tag_names(tags)))
        index_post(post)
    post.note_pictures()
    Revision.objects.record(post.pk, post, at=now)


def give_up(post: Post, now: datetime) -> None:
    """Let the form of a published post show again what readers see; what was changed stays a version."""
    stored = Post.objects.get(pk=post.pk)
    keep_versions(stored, post.pending, now)
    _unless_stale(WorkingCopy.objects.drop(post))
    post.note_pictures()
    Revision.objects.record(post.pk, stored, at=now)


def _unless_stale(is_stored: bool) -> None:
    if not is_stored:
        raise StaleText


def was_logged_lately(row: Model) -> bool:
    """Return whether the last change in the history of `row` is by whoever acts now, and not an hour old."""
    last = Change.objects.of(row).order_by("-at").first()
    is_mine = last is not None and last.by == changes.current_actor().by
    return is_mine and last is not None and last.at > timezone.now() - LOGGED_EACH
