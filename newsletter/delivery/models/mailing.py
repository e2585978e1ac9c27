"""Mailings with their history, alerts for the author, and the state of rate limits."""

import logging
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from django.db import connection, models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from newsletter.delivery.models.deliveries import Batch
from newsletter.issues.models import Issue
from newsletter.mail import reach, tokens
from newsletter.mail.mail_queue import CLOCK_SLACK
from newsletter.publication import changes
from subscribers.departures import fsync_folder


class MailingStep(models.Model):
    """An entry of a mailing's history, written in the transaction of the change. Append-only."""

    class Kind(models.TextChoices):
        APPROVED = "approved", _("approved")
        MOVED = "moved", _("moved to another time")
        AT_ONCE = "at once", _("hold ended")
        BEGUN = "begun", _("begun")
        PAUSED = "paused", _("paused")
        RESUMED = "resumed", _("resumed")
        REPLACED = "replaced", _("text replaced")
        SWITCHED = "switched", _("provider switched")
        COUNTED_AS_SENT = "counted", _("uncertain copies counted as sent")
        SEND_AGAIN = "again", _("uncertain copies to be sent again")
        REFUSALS_ACCEPTED = "believed", _("refused addresses suppressed")
        REFUSALS_DOUBTED = "doubted", _("refused addresses not believed")
        FINISHED = "finished", _("finished")
        CANCELLED = "cancelled", _("cancelled")
        WITHHELD = "withheld", _("text taken out of the public list")
        SHOWN = "shown", _("text shown in the public list again")

    mailing = models.ForeignKey("delivery.Mailing", on_delete=models.CASCADE, related_name="steps")
    at = models.DateTimeField()
    what = models.CharField(max_length=10, choices=Kind)
    detail = models.CharField(max_length=500, blank=True, help_text="a reason, a hash, a provider or a number of rows")
    send_at = models.DateTimeField(null=True, help_text="when the mailing is to begin, where the step says so")
    by = models.CharField(max_length=changes.NAME_LENGTH, blank=True, help_text="a user's name, where an account acted")
    via = models.CharField(max_length=10, choices=changes.Via, blank=True, help_text="empty in rows older than this")

    class Meta:
        db_table = "delivery_step"
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.mailing_id}: {self.what} {self.detail}".rstrip()


class AlertQuerySet(models.QuerySet["Alert"]):
    def announce(self, mailing: Any, at: datetime) -> None:
        """Enqueue the mail that says when a mailing leaves; replaces an announcement that was not mailed yet."""
        former = self.filter(mailing=mailing, kind=Alert.Kind.ANNOUNCED, ended_at__isnull=True)
        former.update(ended_at=at, due_at=None)
        self.create(mailing=mailing, kind=Alert.Kind.ANNOUNCED, at=at, due_at=at)


class Alert(models.Model):
    """Something about a mailing that its author gets one mail about."""

    class Kind(models.TextChoices):
        STOPPED = "stopped", _("stopped by its provider")
        LATE = "late", _("too late to begin by itself")
        UNATTENDED = "unattended", _("no worker took it up")
        UNCERTAIN = "uncertain", _("uncertain copies")
        FAILING = "failing", _("many copies fail")
        REFUSED = "refused", _("refused by a receiver")
        FINISHED = "finished", _("finished")
        ANNOUNCED = "announced", _("a program has scheduled it")

    mailing = models.ForeignKey("delivery.Mailing", on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=10, choices=Kind)
    detail = models.CharField(max_length=500, blank=True, help_text="the provider's words")
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, help_text="when a pause ended: the next one is told again")

    notified_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, help_text="when the mail about it is due")
    tries = models.PositiveSmallIntegerField(default=0)

    objects = AlertQuerySet.as_manager()

    class Meta:
        db_table = "delivery_happening"
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["mailing", "kind"], condition=Q(ended_at__isnull=True), name="the_author_is_told_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}: {self.kind}"


log = logging.getLogger(__name__)

# Until the next local midnight, on a day of 25 hours; a longer wait was written while the clock was ahead.
WAIT_MAX = timedelta(hours=25) + CLOCK_SLACK


@dataclass(frozen=True)
class MailingCounts:
    """Deliveries of a mailing by state; the six numbers add up to the total."""

    queued: int = 0  # including deferred
    sending: int = 0  # handed over, no reply yet
    sent: int = 0
    failed: int = 0
    uncertain: int = 0
    skipped: int = 0
    deferred: int = field(default=0, compare=False)  # among the queued

    @property
    def total(self) -> int:
        return self.queued + self.sending + self.sent + self.failed + self.uncertain + self.skipped

    @property
    def finished(self) -> int:
        return self.total - self.queued - self.sending


# Polled by open pages: the ORM would take six times as long to build this statement as it takes to run.
# Deferred are all remaining rows of a batch after its first pass, and in the first pass those before the cursor without
# a result; after a crash, some rows behind the cursor have one.
_COUNTS = f"""
    SELECT COALESCE(SUM(sent), 0), COALESCE(SUM(failed), 0), COALESCE(SUM(uncertain), 0), COALESCE(SUM(skipped), 0),
           COALESCE(SUM(in_flight), 0),
           COALESCE(SUM(CASE WHEN pass_no > 1 THEN hi - lo - sent - failed - uncertain - skipped - in_flight
                             WHEN cursor - lo > sent + failed + uncertain + skipped + in_flight
                             THEN cursor - lo - sent - failed - uncertain - skipped - in_flight ELSE 0 END), 0)
      FROM {Batch._meta.db_table} WHERE mailing_id = %s
"""  # noqa: S608  # nosec B608  # our own table name; the id is a parameter


def sync_commit() -> None:
    """Have the last commit survive a power cut: SQLite syncs its write-ahead log only now and then.

    Closing a descriptor of that file ends no lock: SQLite locks the database and the -shm file.
    """
    log_path = Path(f"{connection.settings_dict['NAME']}-wal")
    if connection.vendor == "sqlite" and log_path.exists():  # without a log, each commit is synced
        with log_path.open("rb") as file:
            os.fsync(file.fileno())
        fsync_folder(log_path.parent)


class MailingQuerySet(models.QuerySet["Mailing"]):
    def open(self) -> "MailingQuerySet":
        """Those that may still send something."""
        return self.filter(state__in=Mailing.OPEN_STATES)

    def due(self, now: datetime) -> "MailingQuerySet":
        return self.filter(state=Mailing.State.SCHEDULED, send_at__lte=now).order_by("send_at", "pk")

    def ready(self, now: datetime) -> "MailingQuerySet":
        """Those that a lane could work on now, oldest first."""
        may_ask = Q(retry_at__isnull=True) | Q(retry_at__lte=now) | Q(retry_at__gt=now + WAIT_MAX)
        batches = Batch.objects.ready(now).filter(mailing=OuterRef("pk"))
        return self.filter(may_ask, Exists(batches), state=Mailing.State.SENDING).order_by("pk")


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

    class Cause(models.TextChoices):
        AUTHOR = "author", _("somebody at the desk paused it")
        LATE = "late", _("it was too late to begin by itself")
        DOWNTIME = "downtime", _("nothing was running for a while")
        PROVIDER = "provider", _("the mail server refuses it")
        SILENT = "silent", _("the mail server takes mails and never answers")
        RECEIVER = "receiver", _("a receiver refuses it")
        ADDRESSES = "addresses", _("the mail server says of too many addresses that they do not exist")
        ERROR = "error", _("an error of the program")
        QUOTE = "quote", _("a reader has taken back a quote in it")
        NOBODY = "nobody", _("it would reach nobody")

    OPEN_STATES: ClassVar = [State.SCHEDULED, State.SENDING, State.PAUSED]

    issue = models.ForeignKey(Issue, on_delete=models.PROTECT, related_name="mailings", verbose_name=_("issue"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.ISSUE)
    number = models.PositiveSmallIntegerField(default=1, help_text="counts the mailings of one kind within the issue")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.SCHEDULED)
    reason = models.CharField(_("reason"), max_length=500, blank=True, help_text="why it is paused or cancelled")
    paused_by = models.CharField(max_length=10, choices=Cause, blank=True, help_text="empty while it is not paused")

    approved_at = models.DateTimeField(_("approved"))
    send_at = models.DateTimeField(_("begins"), help_text="the slot; never before the hold has passed")
    planned_at = models.DateTimeField(_("audience fixed"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    # When the provider fails, the whole mailing waits.
    retry_at = models.DateTimeField(null=True, blank=True)
    provider_failures = models.PositiveSmallIntegerField(default=0)

    # Frozen at approval: what was previewed is what is sent.
    sender_name = models.CharField(max_length=80)
    sender_email = models.EmailField()
    reply_to = models.EmailField(blank=True)
    subject = models.CharField(max_length=200)
    html = models.TextField()
    text = models.TextField()
    content_hash = models.CharField(max_length=64)

    segment = models.CharField(
        max_length=201, blank=True, help_text="“+tag”: its readers alone; “-tag”: all others; empty: everybody"
    )
    note = models.TextField(blank=True, help_text="what a correction corrects, in Markdown")
    total = models.PositiveIntegerField(_("readers"), default=0)
    counts_links = models.BooleanField(default=False, db_default=False, help_text="its links lead over this site")
    mailer = models.CharField(max_length=20, default="bulk", help_text="its name in settings.MAILERS")
    token_salt = models.CharField(
        max_length=tokens.SALT_LENGTH,
        default=tokens.new_salt,
        editable=False,
        help_text="what the tokens of its return paths are bound to; empty in mailings older than this",
    )
    counted_at = models.DateTimeField(null=True, help_text="empty while its copies are to be counted by their domains")
    copies_deleted_at = models.DateTimeField(null=True, help_text="since then nobody knows who had a copy")
    thinned_at = models.DateTimeField(null=True, help_text="empty while each of its events is a row of its own")

    objects = MailingQuerySet.as_manager()

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
        return str(_("%(issue)s (%(state)s)") % {"issue": self.issue, "state": self.get_state_display()})

    def record(
        self, what: MailingStep.Kind, detail: str = "", at: datetime | None = None, *, send_at: datetime | None = None
    ) -> None:
        """Add a step with the current actor; call it in the transaction of the change, which will survive a power cut.

        If a program has set `send_at`, the author gets a mail with a link that cancels the mailing.
        """
        actor = changes.current_actor()
        step = self.steps.create(
            what=what, detail=detail[:500], at=at or timezone.now(), send_at=send_at, **actor._asdict()
        )
        if send_at and actor.via == changes.Via.API:
            Alert.objects.announce(self, step.at)
        number = self.issue.number
        transaction.on_commit(sync_commit, robust=True)
        transaction.on_commit(lambda: log.info("issue %d, mailing %s", number, step), robust=True)

    def _move(self, what: MailingStep.Kind, among: "list[Mailing.State]", **values: Any) -> bool:
        """Update the row if its state is in `among`, and add a step; return False otherwise."""
        with transaction.atomic():
            if moved := bool(Mailing.objects.filter(pk=self.pk, state__in=among).update(**values)):
                self.record(what, str(values.get("reason", "")), send_at=values.get("send_at"))
        self.refresh_from_db()
        return moved

    def pause(self, reason: str = "", cause: Cause = Cause.PROVIDER) -> bool:
        """Stop before the next message; return False if it is neither scheduled nor being sent."""
        among = [self.State.SCHEDULED, self.State.SENDING]
        return self._move(MailingStep.Kind.PAUSED, among, state=self.State.PAUSED, reason=reason, paused_by=cause)

    def resume(self, now: datetime, hold: timedelta) -> bool:
        """Continue. A mailing that has not begun gets its hold again.

        Returns False if it is not paused, if it would reach nobody (newsletter.mail.reach), or if it contains a quote
        that was withdrawn: replace the text first.
        """
        if reach.obstacle(self.mailer) or Mailing.objects.filter(pk=self.pk, paused_by=self.Cause.QUOTE).exists():
            return False
        values = {"state": self.State.SCHEDULED, "send_at": max(self.send_at, now + hold)}
        if self.planned_at:
            values = {"state": self.State.SENDING, "retry_at": None, "provider_failures": 0}
        return self._move(MailingStep.Kind.RESUMED, [self.State.PAUSED], reason="", paused_by="", **values)

    def cancel(self, now: datetime, reason: str = "") -> bool:
        """Send nothing more, ever. Returns False if it was already over."""
        values = {"state": self.State.CANCELLED, "finished_at": now, "reason": reason, "counted_at": None}
        return self._move(MailingStep.Kind.CANCELLED, self.OPEN_STATES, paused_by="", **values)

    def was_open_at(self, at: datetime) -> bool:
        """Whether it is open, or was cancelled after that time: then a click of that time was about this mailing."""
        was_cancelled = self.state == self.State.CANCELLED and self.finished_at is not None and self.finished_at > at
        return self.state in self.OPEN_STATES or was_cancelled

    def has_planned_successor(self) -> bool:
        """Whether a later mailing of the issue has its audience. A correction has none: each goes to all."""
        later = Mailing.objects.filter(issue_id=self.issue_id, kind=self.kind, number__gt=self.number)
        return self.kind == self.Kind.ISSUE and later.filter(planned_at__isnull=False).exists()

    def switch(self, mailer: str, provider: str) -> bool:
        """Use another mailer for the rest of a paused mailing. provider: its name for the author."""
        paused = Mailing.objects.filter(pk=self.pk, state=self.State.PAUSED).exclude(mailer=mailer)
        with transaction.atomic():
            if switched := bool(paused.update(mailer=mailer)):
                self.record(MailingStep.Kind.SWITCHED, provider)
        return switched

    def finish(self, now: datetime) -> bool:
        undone = self.batches.exclude(state=Batch.State.DONE)
        if undone.exists():
            return False
        with transaction.atomic():
            self.lock()
            if undone.all().exists():  # the author has reopened one meanwhile
                return False
            values = {"state": self.State.SENT, "finished_at": now, "reason": "", "counted_at": None}
            return self._move(MailingStep.Kind.FINISHED, [self.State.SENDING], **values)

    def lock(self) -> None:
        """Lock the row until the transaction ends: nobody else closes, reopens or counts the mailing.

        Lock order: the mailing before its batches.
        """
        Mailing.objects.select_for_update(no_key=True).filter(pk=self.pk).values_list("pk").first()

    @property
    def why_paused(self) -> str:
        """The reason of a pause as a sentence; "" if it is not paused."""
        if self.paused_by == self.Cause.SILENT:
            text = gettext(
                "The mail server takes mails and never answers, so nobody knows whether they arrive: %(reason)s"
            )
            return text % {"reason": self.reason}
        if self.paused_by != self.Cause.AUTHOR:
            return self.reason if self.paused_by else ""
        name = self.steps.filter(what=MailingStep.Kind.PAUSED).order_by("pk").values_list("by", flat=True).last()
        return gettext("Paused by %(name)s.") % {"name": name} if name else gettext("Paused on the desk.")

    @property
    def dead_are_confirmed(self) -> bool:
        """Whether the author has confirmed that the refused addresses do not exist."""
        decisions = [MailingStep.Kind.REFUSALS_ACCEPTED, MailingStep.Kind.REFUSALS_DOUBTED]
        last = self.steps.filter(what__in=decisions).last()
        return last is not None and last.what == MailingStep.Kind.REFUSALS_ACCEPTED

    def wait_for_provider(self, now: datetime, reason: str) -> None:
        """Back off: 5 seconds, doubled by each failure in a row, at most 5 minutes."""
        seconds = min(5 * 2 ** min(self.provider_failures, 10), 300)
        retry_at, failures = now + timedelta(seconds=seconds), F("provider_failures") + 1
        self._update_backoff(retry_at=retry_at, provider_failures=failures, reason=reason[:500])

    def wait_until(self, at: datetime, reason: str) -> None:
        """Send nothing before `at`; not a provider failure."""
        self._update_backoff(retry_at=at, provider_failures=0, reason=reason[:500])

    def reset_backoff(self) -> None:
        """Reset the backoff: a message was accepted or refused."""
        if self.provider_failures or self.retry_at:
            self._update_backoff(retry_at=None, provider_failures=0, reason="")

    def is_waiting(self, now: datetime) -> bool:
        return self.retry_at is not None and now < self.retry_at <= now + WAIT_MAX

    def _update_backoff(self, **values: object) -> None:
        """Update the backoff while the mailing is being sent: a pause has a reason of its own.

        Does not reload the content: a lane compares what it has compiled with the current hash.
        """
        Mailing.objects.filter(pk=self.pk, state=self.State.SENDING).update(**values)
        self.refresh_from_db(fields=["state", "reason", "retry_at", "provider_failures"])

    def counts(self) -> MailingCounts:
        """Counts from the batches, a few thousand rows at most, never from the deliveries."""
        with connection.cursor() as cursor:
            cursor.execute(_COUNTS, [self.pk])
            sent, failed, uncertain, skipped, sending, deferred = map(int, cursor.fetchone())
        queued = self.total - sending - sent - failed - uncertain - skipped
        return MailingCounts(queued, sending, sent, failed, uncertain, skipped, deferred)


class RateLimitState(models.Model):
    """The state of one rate limit, shared by all workers. Times are Unix times by the database's clock."""

    key = models.CharField(max_length=300, primary_key=True)
    free_at = models.FloatField(default=0, help_text="until when the line is taken")
    taken_at = models.FloatField(
        default=0, help_text="when somebody last asked: a clock is behind it only if it was set back"
    )
    measured = models.FloatField(default=0, help_text="messages a second of the last seconds before that")
    slowed_from = models.FloatField(default=0, help_text="messages a second when the provider asked for less; 0: never")
    slowed_to = models.FloatField(default=0)
    slowed_at = models.FloatField(default=0)
    counted_on = models.DateField(null=True, help_text="the local day of a daily ceiling")
    counted = models.PositiveIntegerField(default=0, help_text="messages of that day")

    class Meta:
        db_table = "delivery_pace"

    def __str__(self) -> str:
        return self.key
