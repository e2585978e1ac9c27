"""Readers who are no more: a fact for whoever keeps their numbers where the database does not see them."""

from django.db import models


class Forgotten(models.Model):
    """The number of a reader who was erased. Whoever has struck it out everywhere deletes the row."""

    number = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return str(self.number)
