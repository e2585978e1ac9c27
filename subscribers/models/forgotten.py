"""Readers who are no more: a fact for whoever keeps their numbers where the database does not see them."""

from collections.abc import Callable
from typing import Any

from django.db import models

BEFORE: list[Callable[[Any], None]] = []  # what rooms above do about a reader (Subscriber) who is being erased
TAKEN_OVER: list[Callable[[Any, Any], None]] = []  # what they do about two who become one


def before(act: Callable[[Any], None]) -> None:
    """Have something done before a reader is erased, in the same transaction."""
    if act not in BEFORE:
        BEFORE.append(act)


def before_taking_over(act: Callable[[Any, Any], None]) -> None:
    """Have `act(reader, other)` done before a reader gets the address of another, whose row is forgotten then."""
    if act not in TAKEN_OVER:
        TAKEN_OVER.append(act)


class Forgotten(models.Model):
    """The number of a reader who was erased. Whoever has struck it out everywhere deletes the row."""

    number = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return str(self.number)
