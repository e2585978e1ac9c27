"""The ledger: one sending of an issue, its readers' copies, and the batches that workers hold."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from newsletter.issues.models import Issue
from subscribers.models import Subscriber


class Mailing(models.Model):
    """One sending of an issue."""

    class Kind(models.TextChoices):
        ISSUE = "issue", _("issue")
        CORRECTION = "correction", _("correction")

    class State(models.TextChoices):
        SCHEDULED = "scheduled", _("scheduled")
        SENDING = "sending", _("being sent")
        PAUSED = "paused", _("paused")
        SENT = "sent", _("sent")
        CANCELLED = "cancelled", _("cancelled")

    issue = models.ForeignKey(Issue, on_delete=models.PROTECT, related_name="mailings", verbose_name=_("issue"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.ISSUE)
    number = models.PositiveSmallIntegerField(default=1, help_text="counts the mailings of one kind within the issue")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.SCHEDULED)
    reason = models.CharField(_("reason"), max_length=500, blank=True, help_text="why it is paused or cancelled")

    approved_at = models.DateTimeField(_("approved"))
    send_at = models.DateTimeField(_("begins"), help_text="the slot; never before the hold has passed")
    planned_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    # Frozen when the author approves: what was previewed is what is sent.
    subject = models.CharField(max_length=200)
    html = models.TextField()
    text = models.TextField()
    content_hash = models.CharField(max_length=64)
    issue_version = models.PositiveIntegerField()

    total = models.PositiveIntegerField(_("readers"), default=0)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("mailing")
        verbose_name_plural = _("mailings")
        constraints = [
            models.UniqueConstraint(fields=["issue", "kind", "number"], name="mailings_of_an_issue_are_numbered"),
            models.UniqueConstraint(
                fields=["issue", "kind"],
                condition=Q(state__in=["scheduled", "sending", "paused"]),
                name="one_open_mailing_per_issue",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.issue} ({self.get_state_display()})"


class Delivery(models.Model):
    """One reader's copy of one mailing."""

    class State(models.IntegerChoices):
        QUEUED = 0, _("queued")
        SENT = 1, _("sent")
        FAILED = 2, _("failed")
        DEFERRED = 3, _("deferred")
        UNCERTAIN = 4, _("uncertain")
        SKIPPED = 5, _("skipped")

    pk = models.CompositePrimaryKey("mailing_id", "seq")
    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, db_index=False, related_name="deliveries")
    seq = models.IntegerField()
    subscriber = models.ForeignKey(
        Subscriber, null=True, on_delete=models.SET_NULL, db_index=False, related_name="deliveries"
    )
    state = models.SmallIntegerField(choices=State, default=State.QUEUED)
    attempts = models.SmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    provider_id = models.CharField(max_length=200, default="")
    reply = models.CharField(max_length=500, default="", help_text="the provider's last words, or why it was skipped")

    class Meta:
        constraints = [
            # No index may hold the state: it would be written twice a message.
            models.UniqueConstraint(fields=["subscriber", "mailing"], name="one_copy_per_subscriber"),
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}/{self.seq}"


class Batch(models.Model):
    """Up to 500 deliveries that one worker holds at a time; all queueing happens here."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        LEASED = "leased", _("leased")
        DONE = "done", _("done")

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="batches")
    no = models.PositiveIntegerField()
    lo = models.PositiveIntegerField()  # first seq
    hi = models.PositiveIntegerField()  # behind the last seq
    cursor = models.PositiveIntegerField()  # rows from here on were certainly not handed over in this pass
    pass_no = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=6, choices=State, default=State.OPEN)
    token = models.PositiveIntegerField(default=0)  # grows with every claim: an older holder is refused
    worker = models.CharField(max_length=80, default="")
    lease_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)

    sent = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    uncertain = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mailing", "no"], name="batches_of_a_mailing_are_numbered"),
            models.CheckConstraint(
                condition=Q(cursor__gte=F("lo"), cursor__lte=F("hi")), name="cursor_stays_in_its_batch"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}/{self.no}"
