"""Who acts, and from where: named once at each entrance, and read by whatever writes history.

Whoever names nobody is the engine: tasks, and the threads that a task starts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

NAME_LENGTH = 150  # of a user's name: django.contrib.auth


class Via(TextChoices):
    """From where something was done."""

    DESK = "desk", _("on the desk")
    LETTER = "letter", _("by a link in a letter")
    COMMAND = "command", _("from the command line")
    API = "api", _("by the API")
    ENGINE = "engine", _("by itself")


class Actor(NamedTuple):
    """by: a user's name, "" if no account was needed. It is kept as text, so that it outlives the account."""

    by: str
    via: Via


_ENGINE = Actor("", Via.ENGINE)
_actor: ContextVar[Actor] = ContextVar("actor", default=_ENGINE)


def current() -> Actor:
    return _actor.get()


@contextmanager
def acting(name: str, via: Via) -> Iterator[None]:
    """Let what is done within be done by `name`, who came by `via`."""
    token = _actor.set(Actor(name[:NAME_LENGTH], via))
    try:
        yield
    finally:
        _actor.reset(token)
