"""Reminders to the author about a slot, with the author's answer, and result letters. author/ sends the mails."""

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from newsletter.issues.models import Issue
from newsletter.mail import tokens

MISSED_MAILED_FOR = timedelta(days=14)  # later the next slot matters more


def keep_drafts(collector: Any, field: Any, reminders: "ReminderQuerySet", using: str) -> None:
    """on_delete: keep draft reminders of a deleted issue, which record for which slots a draft was proposed."""
    drafts = reminders.filter(kind=Reminder.Kind.DRAFT)
    models.SET_NULL(collector, field, drafts, using)
    models.CASCADE(collector, field, reminders.exclude(kind=Reminder.Kind.DRAFT), using)


class ReminderQuerySet(models.QuerySet["Reminder"]):
    def worth_mailing(self, now: datetime) -> "ReminderQuerySet":
        """Those still worth mailing: before their slot, or up to MISSED_MAILED_FOR after a missed one."""
        return self.filter(Q(slot_at__gt=now) | Q(kind=Reminder.Kind.MISSED, slot_at__gt=now - MISSED_MAILED_FOR))

    def unanswered(self) -> "ReminderQuerySet":
        """Letters without an answer whose slot is not recorded as missed."""
        missed = Reminder.objects.filter(kind=Reminder.Kind.MISSED).values("slot_at")
        return self.filter(kind=Reminder.Kind.LETTER, answer="").exclude(slot_at__in=missed)

    def answered(self, *answers: str) -> "ReminderQuerySet":
        return self.filter(kind=Reminder.Kind.LETTER, answer__in=answers)


class Reminder(models.Model):
    """A mail to the author about a slot: a draft is due, the letter is to be approved, or nothing was sent."""

    class Kind(models.TextChoices):
        DRAFT = "draft", _("a draft is due")
        LETTER = "letter", _("the letter, to be approved")
        MISSED = "missed", _("nothing was sent at the slot")

    class Response(models.TextChoices):
        APPROVED = "approved", _("approved")
        MOVED = "moved", _("moved by a week")
        SKIPPED = "skipped", _("skipped")

    class Reason(models.TextChoices):
        OFF_RHYTHM = "off_rhythm", _("the rhythm was moved, and this time is no slot any more")
        UNTOLD = "untold", _("the letter to approve could not be mailed to anybody")
        EDITED = "edited", _("the issue was changed after the letter to approve")
        OBSTACLE = "obstacle", _("the issue could not be sent as it was")
        UNSHOWN = "unshown", _("readers would not get everything as it was typed, and nobody has acknowledged that")
        TOO_SOON = "too_soon", _("another issue is too close to it")
        DOWN = "down", _("nothing was running at that time")
        UNANSWERED = "unanswered", _("nobody approved it")

    kind = models.CharField(max_length=10, choices=Kind)
    slot_at = models.DateTimeField()
    issue = models.ForeignKey(Issue, null=True, on_delete=keep_drafts, related_name="reminders")

    # What the letter showed: an approval is valid for this content only.
    content_hash = models.CharField(max_length=64, blank=True)
    text = models.TextField(blank=True)

    answer = models.CharField(max_length=10, choices=Response, blank=True)
    answered_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=10, choices=Reason, blank=True)
    detail = models.TextField(blank=True, help_text="sentences for the author, in the publication's language")
    moved_to = models.DateTimeField(null=True, help_text="the slot instead of this one")

    at = models.DateTimeField()
    notified_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, help_text="when the mail is due")
    tries = models.PositiveSmallIntegerField(default=0)
    token_salt = models.CharField(
        max_length=tokens.SALT_LENGTH,
        default=tokens.new_salt,
        editable=False,
        help_text="empty in rows whose mail left before tokens were bound to it",
    )

    objects = ReminderQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["slot_at", "kind"], name="one_reminder_of_a_kind_for_a_slot"),
            models.CheckConstraint(condition=Q(kind="draft") | Q(issue__isnull=False), name="a_letter_is_of_an_issue"),
            models.CheckConstraint(condition=~Q(kind="missed") | ~Q(reason=""), name="what_was_missed_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.slot_at:%Y-%m-%d %H:%M}"

    def store_answer(self, answer: "Reminder.Response", now: datetime, *, moved_to: datetime | None = None) -> bool:
        """Store the author's answer; return False if there was one already."""
        open_now = Reminder.objects.filter(pk=self.pk, answer="")
        given = bool(open_now.update(answer=answer, answered_at=now, moved_to=moved_to))
        self.refresh_from_db(fields=["answer", "answered_at", "moved_to"])
        return given


RESULT_EXPIRES_AFTER = timedelta(days=14)  # later the next issue matters more


class ResultLetterQuerySet(models.QuerySet["ResultLetter"]):
    def worth_mailing(self, now: datetime) -> "ResultLetterQuerySet":
        return self.filter(at__gt=now - RESULT_EXPIRES_AFTER)

    def unsent(self) -> "ResultLetterQuerySet":
        """Those still to be sent, and those given up."""
        return self.filter(notified_at__isnull=True, due_at__isnull=False)


class ResultLetter(models.Model):
    """The mail with an issue's result. Without `due_at` none is sent: older than this feature, or switched off."""

    issue = models.OneToOneField(Issue, on_delete=models.CASCADE, primary_key=True, related_name="result_letter")
    mailing = models.ForeignKey("delivery.Mailing", on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    notified_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, help_text="when the mail is due; empty if there is none to send")
    tries = models.PositiveSmallIntegerField(default=0)

    objects = ResultLetterQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"result of {self.issue_id}"
