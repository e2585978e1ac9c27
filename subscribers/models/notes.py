"""What the author notes about a reader, and what a reader says to the author."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.publication.changes import NAME_LENGTH
from subscribers.addresses import one_line

LENGTH_MAX = 2000  # characters


class Note(models.Model):
    """A note of the author about a reader. It is erased with the reader, by the database."""

    subscriber = models.ForeignKey("subscribers.Subscriber", on_delete=models.DB_CASCADE, related_name="notes")
    at = models.DateTimeField(_("when"))
    by = models.CharField(_("by"), max_length=NAME_LENGTH, blank=True, help_text="a user's name")
    text = models.TextField(_("note"), max_length=LENGTH_MAX)

    class Meta:
        default_permissions = ()  # whoever may change a reader may write notes about them
        ordering = ["pk"]
        verbose_name = _("note")
        verbose_name_plural = _("notes")

    def __str__(self) -> str:
        return self.text[:80]


SENTENCE_LENGTH_MAX = 500  # characters


class SentenceManager(models.Manager["Sentence"]):
    def say(self, reader: Any, kind: str, text: str, now: datetime, *, issue: int | None = None) -> bool:
        """Keep a sentence instead of an earlier one about the same thing; return False if there are no words.

        What the author has answered already stays; then a new one stands beside it.
        """
        words = "\n".join(filter(None, map(one_line, text[:SENTENCE_LENGTH_MAX].splitlines()))).strip()
        if not words:
            return False
        same = self.filter(subscriber_id=reader.pk, kind=kind, issue=issue, answered_at=None)
        if not same.update(text=words, at=now):
            self.create(subscriber_id=reader.pk, kind=kind, issue=issue, text=words, at=now)
        return True

    def heard(self, readers: Iterable[int]) -> dict[int, str]:
        """Return how each of some thousand readers heard of the newsletter, the last they said; one query."""
        said = self.filter(subscriber__in=list(readers), kind=Sentence.Kind.HEARD).order_by("pk")
        return dict(said.values_list("subscriber_id", "text"))


class Sentence(models.Model):
    """A sentence of one reader; erased with them by the database. issue: its number, if it is about one."""

    class Kind(models.TextChoices):
        FEEDBACK = "feedback", pgettext_lazy("a sentence", "about an issue")
        LEFT = "left", pgettext_lazy("a sentence", "when leaving")
        HEARD = "heard", pgettext_lazy("a sentence", "how they heard of it")

    subscriber = models.ForeignKey("subscribers.Subscriber", on_delete=models.DB_CASCADE, related_name="sentences")
    kind = models.CharField(_("what about"), max_length=10, choices=Kind)
    issue = models.PositiveIntegerField(_("issue"), null=True)
    text = models.TextField(_("sentence"), max_length=SENTENCE_LENGTH_MAX)
    at = models.DateTimeField(_("when"))
    answered_at = models.DateTimeField(_("answered"), null=True)

    objects = SentenceManager()

    class Meta:
        default_permissions = ()  # whoever may see readers may read what they say
        ordering = ["-pk"]
        indexes = [
            models.Index("id", name="sentences_to_answer", condition=Q(answered_at=None)),
            models.Index("issue", name="sentences_by_issue", condition=Q(issue__isnull=False)),
        ]
        verbose_name = _("sentence of a reader")
        verbose_name_plural = _("sentences of readers")

    def __str__(self) -> str:
        return self.text[:80]
