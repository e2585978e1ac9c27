"""The audit log of posts, issues and settings, and the current actor.

Each entry point sets the actor; without one it is the engine: tasks and their threads.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, NamedTuple

from django.db import models
from django.db.models import TextChoices
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

NAME_LENGTH = 150  # of a user's name: django.contrib.auth


class Via(TextChoices):
    DESK = "desk", _("on the desk")
    MAIL_LINK = "letter", _("by a link in a letter")
    COMMAND = "command", _("from the command line")
    API = "api", _("by the API")
    ENGINE = "engine", _("by itself")


class Actor(NamedTuple):
    """by: a user name, "" without an account; text, so that it outlives the account."""

    by: str
    via: Via


_ENGINE = Actor("", Via.ENGINE)
_actor: ContextVar[Actor] = ContextVar("actor", default=_ENGINE)


def current_actor() -> Actor:
    return _actor.get()


@contextmanager
def acting_as(name: str, via: Via) -> Iterator[None]:
    token = _actor.set(Actor(name[:NAME_LENGTH], via))
    try:
        yield
    finally:
        _actor.reset(token)


TITLE_MAX = 200


class ChangeManager(models.Manager["Change"]):
    def log(
        self,
        what: "Change.Action",
        rows: Iterable[models.Model],
        detail: Mapping[str, Any] | None = None,
        *,
        at: datetime | None = None,
    ) -> None:
        """Log an action of the current actor on each of `rows`. Nothing else writes changes."""
        common = {"what": what, "detail": dict(detail or {}), "at": at or timezone.now(), **current_actor()._asdict()}
        self.bulk_create(
            Change(about=row._meta.label_lower, key=row.pk, title=str(row)[:TITLE_MAX], **common) for row in rows
        )

    def of(self, row: models.Model) -> "models.QuerySet[Change]":
        return self.filter(about=row._meta.label_lower, key=row.pk)


class Change(models.Model):
    """One action on a post, an issue or a setting; outlives its object and the actor's account."""

    class Action(models.TextChoices):
        ADDED = "added", _("added")
        CHANGED = "changed", _("changed")
        PUBLISHED = "published", _("published")
        WITHDRAWN = "withdrawn", _("made a draft again")
        DELETED = "deleted", _("deleted")
        RESTORED = "restored", _("taken out of the trash")

    about = models.CharField(max_length=60, help_text="the kind of object, as app.model")
    key = models.BigIntegerField(help_text="its primary key; no foreign key, for it may be gone")
    title = models.CharField(max_length=TITLE_MAX, help_text="what it was called")
    at = models.DateTimeField()
    by = models.CharField(max_length=NAME_LENGTH, blank=True, help_text="a user's name")
    via = models.CharField(max_length=10, choices=Via)
    what = models.CharField(max_length=10, choices=Action)
    detail = models.JSONField(
        default=dict, help_text="fields: names of those that changed; put_in, taken_out, arranged: titles of posts"
    )

    objects = ChangeManager()

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["about", "key", "at"], name="changes_of_a_row")]

    def __str__(self) -> str:
        return f"{self.about} {self.key}: {self.what}"
