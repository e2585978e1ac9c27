"""Readers who are no more: a fact for whoever keeps their numbers where the database does not see them."""

from collections.abc import Callable
from typing import Any

from django.db import models

BEFORE: list[Callable[[Any], None]] = []  # what rooms above do about a reader (Subscriber) who is being erased


def before(act: Callable[[Any], None]) -> None:
    """Have something done before a reader is erased, in the same transaction."""
    if act not in BEFORE:
        BEFORE.append(act)


class Forgotten(models.Model):
    """The number of a reader who was erased. Whoever has struck it out everywhere deletes the row."""

    number = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return str(self.number)
