"""A save of a post as its form on the desk does it: the same form, the same storing, the same lines in the record."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.utils import timezone

from newsletter.api.entrance import ApiRequest, demand_right
from newsletter.api.forms import problem_of
from newsletter.api.problems import Error, Problem
from newsletter.posts.forms import PostForm
from newsletter.posts.models import Post, WorkingCopy
from newsletter.posts.saving import ELSEWHERE, StaleText
from newsletter.posts.working import AT_ONCE, MAY_PUBLISH, store_rest, store_text
from newsletter.publication.changes import Change

NAMES = {"tag_names": "tags"}  # of fields of the form, as the API has them


def save(request: ApiRequest, post: Post, changes: Mapping[str, Any], *, is_shown: bool = False) -> Post:
    """Store what is to change of a post, new or not, and return it. Raises a Problem.

    is_shown: readers see it from now on, with what was changed before and not published.
    """
    is_new = post.pk is None
    form = _form(post, changes)
    if not form.is_valid():
        raise Problem("changed") if form.has_error("__all__", ELSEWHERE) else problem_of(form, NAMES)
    if not (is_new or is_shown or form.changed_data):
        return post
    _refuse_unless_allowed(request, post)
    _store(request, form, is_new=is_new, is_shown=is_shown)
    return post


def _form(post: Post, changes: Mapping[str, Any]) -> PostForm:
    """Return the form of a post, filled in with what it shows, and `changes` over that."""
    unbound = PostForm(instance=post)
    shown = {name: unbound.get_initial_for_field(field, name) for name, field in unbound.fields.items()}
    shown["published_at"] = _written(post.published_at)
    typed = {name: value for name, value in changes.items() if name not in {"tags", "published_at"}}
    if "tags" in changes:
        typed["tag_names"] = "、".join(changes["tags"])
    if "published_at" in changes:
        typed["published_at"] = _written(changes["published_at"])
    form = PostForm(
        {name: value if value is not None else "" for name, value in (shown | typed).items()}, instance=post
    )
    _refuse_frozen_words(form, changes)
    return form


def _written(at: Any) -> str:
    return at.isoformat(timespec="seconds") if at else ""


def _refuse_frozen_words(form: PostForm, changes: Mapping[str, Any]) -> None:
    field = form.fields["words"]
    if field.disabled and changes.get("words", form.instance.words) != form.instance.words:
        raise Problem("invalid", errors=[Error(str(field.help_text), pointer="/words")])


def _refuse_unless_allowed(request: ApiRequest, post: Post) -> None:
    """Let a post that has a date be changed only by who may publish, as the desk does."""
    if post.published_at is not None or (post.pk and Post.objects.filter(pk=post.pk).exclude(published_at=None)):
        demand_right(request, MAY_PUBLISH)


def _store(request: ApiRequest, form: PostForm, *, is_new: bool, is_shown: bool) -> None:
    post: Post = form.instance
    if is_new:
        post.created_by = request.user
    try:
        store_text(post, form, is_shown=is_shown, write=partial(form.save, commit=True), now=timezone.now())
    except StaleText as error:
        raise Problem("changed") from error
    store_rest(form)
    fields = [name for name in form.changed_data if not form.fields[name].widget.is_hidden]
    if is_new or fields:
        what, detail = (Change.What.ADDED, {}) if is_new else (Change.What.CHANGED, {"fields": fields})
        Change.objects.log(what, [post], detail)
    if is_shown:
        Change.objects.log(Change.What.PUBLISHED, [post])


def is_about_publishing(changes: Mapping[str, Any]) -> bool:
    """Return whether a change asks for what only who publishes decides."""
    return bool(AT_ONCE & changes.keys())


def laid_over(post: Post) -> Post:
    """Return a post with what was changed in it and is not published yet."""
    WorkingCopy.objects.lay_over(post)
    return post
