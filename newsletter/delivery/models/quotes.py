"""Passages of replies that the author would like to quote, and what their readers said to that."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.delivery.models.replies import Reply
from newsletter.mail import tokens
from subscribers.models import Subscriber

PASSAGE_MAX, NAME_MAX = 1_500, 40  # characters
ASKED_FOR = timedelta(days=60)  # how long a reader may say yes
PURPOSE = "quote"


class QuoteQuerySet(models.QuerySet["Quote"]):
    def allowed(self) -> "QuoteQuerySet":
        return self.filter(state=Quote.State.ALLOWED)

    def opened_by(self, token: str) -> "Quote | None":
        """Return the quote whose reader was mailed this token."""
        found = self.filter(pk=tokens.number_of(token) or 0).select_related("issue").first()
        return found if found and tokens.opens(token, PURPOSE, found.salt) else None

    def ask(self, reply: Reply, passage: str, now: datetime, by: str) -> bool:
        """Have the reader asked; return False if they were asked about the same words before."""
        digest = sha256(" ".join(passage.split()).encode()).hexdigest()[:32]
        row: dict[str, Any] = {"passage": passage, "asked_at": now, "due_at": now, "by": by, "reply": reply}
        _row, is_new = self.get_or_create(subscriber=reply.subscriber, digest=digest, defaults=row)
        return is_new


class Quote(models.Model):
    """A passage that its reader is asked about. It is erased with them, from the page of the issue as well."""

    class State(models.TextChoices):
        ASKED = "asked", pgettext_lazy("a quote", "asked")
        ALLOWED = "allowed", pgettext_lazy("a quote", "allowed")
        DECLINED = "declined", pgettext_lazy("a quote", "declined")
        WITHDRAWN = "withdrawn", pgettext_lazy("a quote", "taken back")

    subscriber = models.ForeignKey(Subscriber, on_delete=models.DB_CASCADE, related_name="quotes")
    reply = models.ForeignKey(Reply, on_delete=models.DB_SET_NULL, null=True, related_name="quotes")
    issue = models.ForeignKey("issues.Issue", on_delete=models.DB_SET_NULL, null=True, related_name="quotes")
    passage = models.TextField(max_length=PASSAGE_MAX)
    digest = models.CharField(max_length=32, help_text="of the words: nobody is asked twice")
    salt = models.CharField(max_length=20, default=tokens.new_salt)
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    name = models.CharField(max_length=NAME_MAX, blank=True, help_text="as the reader is to be called; empty: a reader")
    by = models.CharField(max_length=150, blank=True)
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    placed_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    response = models.CharField(max_length=200, blank=True, help_text="what the server answered")

    objects = QuoteQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["placed_at", "pk"]  # as an issue shows them
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "digest"], name="a_reader_is_asked_once"),
            models.CheckConstraint(
                condition=Q(issue=None) | Q(state="allowed"), name="only_what_is_allowed_stands_in_an_issue"
            ),
        ]
        indexes = [models.Index("id", name="quotes_to_place", condition=Q(state="allowed", issue=None))]
        verbose_name = _("quote of a reader")
        verbose_name_plural = _("quotes of readers")

    def __str__(self) -> str:
        return self.passage[:80]

    @property
    def token(self) -> str:
        return tokens.sign(PURPOSE, self.pk, self.salt)

    def can_be_allowed(self, now: datetime) -> bool:
        is_open = self.state in {self.State.ASKED, self.State.DECLINED, self.State.WITHDRAWN}
        return is_open and now < self.asked_at + ASKED_FOR

    @property
    def is_out(self) -> bool:
        """Return whether readers have it already."""
        return bool(self.issue and self.issue.sent_at)
