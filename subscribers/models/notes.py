"""Notes, readers' sentences, last pauses and invitations."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.publication.changes import NAME_LENGTH
from subscribers.addresses import one_line

LENGTH_MAX = 2000  # characters


class Note(models.Model):
    """A note of the author about a reader."""

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
    def store(self, reader: Any, kind: str, text: str, now: datetime, *, issue: int | None = None) -> bool:
        """Store a sentence, replacing an unanswered one of the same kind and issue; return False if it is empty."""
        words = "\n".join(filter(None, map(one_line, text[:SENTENCE_LENGTH_MAX].splitlines()))).strip()
        if not words:
            return False
        same = self.filter(subscriber_id=reader.pk, kind=kind, issue=issue, answered_at=None)
        if not same.update(text=words, at=now):
            self.create(subscriber_id=reader.pk, kind=kind, issue=issue, text=words, at=now)
        return True

    def how_heard(self, readers: Iterable[int]) -> dict[int, str]:
        """The last HEARD sentence by reader; one query."""
        said = self.filter(subscriber__in=list(readers), kind=Sentence.Kind.HEARD).order_by("pk")
        return dict(said.values_list("subscriber_id", "text"))


class Sentence(models.Model):
    """A sentence of a reader. issue: its number, if it is about one."""

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


IS_OPEN = Q(settled_at__isnull=True)


class PauseManager(models.Manager["Pause"]):
    def begin(self, readers: Collection[int], until: datetime, now: datetime) -> None:
        """Start pauses, or extend open ones; settled ones are replaced."""
        of_these = self.filter(subscriber__in=readers)
        fresh = {"until": until, "due_at": None, "tries": 0}
        of_these.filter(IS_OPEN).update(**fresh)
        of_these.exclude(IS_OPEN).update(began_at=now, settled_at=None, **fresh)
        new = [Pause(subscriber_id=pk, began_at=now, until=until) for pk in readers]
        self.bulk_create(new, ignore_conflicts=True)

    def end(self, readers: Collection[int], now: datetime) -> None:
        """End running pauses early."""
        self.filter(IS_OPEN, subscriber__in=readers, until__gt=now).update(until=now)

    def forget(self, readers: Collection[int]) -> None:
        self.filter(subscriber__in=readers).delete()


class Pause(models.Model):
    """The last pause of a reader; open until the mail about missed issues is settled."""

    subscriber = models.OneToOneField("subscribers.Subscriber", on_delete=models.DB_CASCADE, related_name="last_pause")
    began_at = models.DateTimeField(_("paused"))
    until = models.DateTimeField(_("paused until"), help_text="as they chose, or when they came back before")
    due_at = models.DateTimeField(null=True, help_text="when a mail that was put off is tried again")
    tries = models.PositiveSmallIntegerField(default=0)
    settled_at = models.DateTimeField(
        null=True, help_text="when they were told what they missed, or had missed nothing"
    )

    objects = PauseManager()

    class Meta:
        default_permissions = ()  # whoever may see a reader may see this
        indexes = [models.Index("until", name="pauses_to_tell_of", condition=IS_OPEN)]
        verbose_name = _("pause")
        verbose_name_plural = _("pauses")

    def __str__(self) -> str:
        return f"{self.subscriber_id}: {self.began_at} – {self.until}"


class InvitationManager(models.Manager["Invitation"]):
    def note(self, newcomer: int, by: int) -> None:
        """Store who invited a new sign-up; the first link counts."""
        self.get_or_create(newcomer_id=newcomer, defaults={"by_id": by})

    def settle(self, newcomer: int, *, is_new: bool) -> None:
        """Delete the invitation, and count it for the inviter if the reader is new."""
        found = self.filter(newcomer=newcomer).values_list("pk", "by").first()
        if found is None:
            return
        pk, by = found
        if self.filter(pk=pk).delete()[0] and is_new:
            Invited.objects.get_or_create(subscriber_id=by)
            Invited.objects.filter(subscriber=by).update(readers=F("readers") + 1)


class Invitation(models.Model):
    """The inviter of an unconfirmed sign-up; deleted on confirmation, or with the sign-up."""

    newcomer = models.OneToOneField(
        "subscribers.Subscriber", on_delete=models.DB_CASCADE, related_name="invitation_waiting"
    )
    by = models.ForeignKey("subscribers.Subscriber", on_delete=models.DB_CASCADE, related_name="invitations_waiting")

    objects = InvitationManager()

    class Meta:
        default_permissions = ()
        verbose_name = _("invitation of a reader")
        verbose_name_plural = _("invitations of readers")

    def __str__(self) -> str:
        return str(self.newcomer_id)


class Invited(models.Model):
    """The number of confirmed readers who came by a reader's link."""

    subscriber = models.OneToOneField(
        "subscribers.Subscriber", on_delete=models.DB_CASCADE, primary_key=True, related_name="invited"
    )
    readers = models.PositiveIntegerField(_("readers"), default=0)

    class Meta:
        default_permissions = ()
        verbose_name = _("readers invited by a reader")
        verbose_name_plural = _("readers invited by readers")

    def __str__(self) -> str:
        return f"{self.subscriber_id}: {self.readers}"
