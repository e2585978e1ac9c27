"""Webhooks and their calls."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.api.hooks import signing
from newsletter.publication.changes import Change


class HookEventType(models.TextChoices):
    CONFIRMED = "reader.confirmed", _("A reader has confirmed, or come back")
    LEFT = "reader.left", _("A reader has left")
    SUPPRESSED = "reader.suppressed", _("No mail goes to a reader any more")
    PUBLISHED = "post.published", _("A post is public")
    SCHEDULED = "issue.scheduled", _("An issue is scheduled, or moved to another time")
    BEGUN = "issue.begun", _("An issue begins to go out")
    PAUSED = "issue.paused", _("An issue has stopped")
    SENT = "issue.sent", _("An issue is sent")
    RESULT = "issue.result_ready", _("The result of an issue is there")
    TEST = "webhook.test", _("A test")


READER_EVENTS = (HookEventType.CONFIRMED, HookEventType.LEFT, HookEventType.SUPPRESSED)
MAILING_EVENTS = (HookEventType.SCHEDULED, HookEventType.BEGUN, HookEventType.PAUSED, HookEventType.SENT)
EVENT_CHOICES = [choice for choice in HookEventType.choices if choice[0] != HookEventType.TEST]  # offered to authors

HOOKS_MAX = 10
CALL_RETENTION = timedelta(days=45)  # how long calls can be seen and replayed
RESPONSE_TEXT_MAX = 1024  # characters


class HookQuerySet(models.QuerySet["Hook"]):
    def ready(self, now: datetime) -> "HookQuerySet":
        """Unleased hooks with a call to make now."""
        waiting = Call.objects.filter(hook=OuterRef("pk"), state=Call.State.WAITING)
        is_free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
        is_due = Q(retry_at__isnull=True) | Q(retry_at__lte=now)
        return self.filter(is_free, is_due, Exists(waiting), off="").order_by("pk")

    def leased(self, now: datetime) -> "HookQuerySet":
        return self.filter(lease_until__gt=now)


class Hook(models.Model):
    """The URL of another program that is called on events."""

    class Off(models.TextChoices):
        AUTHOR = "author", _("switched off at the desk")
        GONE = "gone", _("switched off: it says that it is gone for good (410)")
        FAILING = "failing", _("switched off: it took nothing for three days")

    url = models.URLField(pgettext_lazy("of a webhook", "address"), max_length=500)
    note = models.CharField(_("what it is for"), max_length=80, blank=True)
    shows_addresses = models.BooleanField(_("with the mail address of the reader"), default=False)
    secret = models.CharField(max_length=100, default=signing.new_secret)
    old_secret = models.CharField(max_length=100, blank=True)
    old_secret_until = models.DateTimeField(null=True)
    off = models.CharField(max_length=10, choices=Off, blank=True, db_default="", help_text="why; empty: it is on")

    # Delivery state.
    failures = models.PositiveSmallIntegerField(default=0, help_text="in a row")
    failing_since = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True, help_text="a worker has it until then")
    worker = models.CharField(max_length=32, blank=True)
    test = models.BigIntegerField(null=True, help_text="the call that goes first while it waits")
    restored_at = models.DateTimeField(null=True, help_text="the restore after which older calls were held back")
    created_at = models.DateTimeField()

    objects = HookQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["pk"]
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")

    def __str__(self) -> str:
        return self.note or self.host

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or self.url

    def valid_secrets(self, now: datetime) -> list[str]:
        is_replaced = self.old_secret and self.old_secret_until and self.old_secret_until > now
        return [self.secret, self.old_secret] if is_replaced else [self.secret]

    def rotate(self, now: datetime) -> None:
        """Replace the secret; the former one also signs for a day."""
        self.old_secret, self.old_secret_until = self.secret, now + signing.OLD_SECRET_FOR
        self.secret = signing.new_secret()
        self.save(update_fields=["secret", "old_secret", "old_secret_until"])
        Change.objects.log(Change.Action.CHANGED, [self], {"fields": ["secret"]})

    def switch_off(self) -> None:
        """Stop calls. Pending ones stay; events meanwhile are not recorded."""
        if Hook.objects.filter(pk=self.pk, off="").update(off=Hook.Off.AUTHOR):
            Change.objects.log(Change.Action.CHANGED, [self], {"fields": ["off"]})

    def switch_on(self, now: datetime) -> None:
        """Resume pending calls at once. Events while it was off stay unrecorded."""
        values = {"off": "", "failures": 0, "failing_since": None, "retry_at": None}
        if Hook.objects.filter(pk=self.pk).exclude(off="").update(**values):
            self.events.update(since=now)
            Change.objects.log(Change.Action.CHANGED, [self], {"fields": ["off"]})

    @transaction.atomic
    def send_test(self, now: datetime) -> None:
        """Send a test before all pending calls. It is not retried; success ends the hook's backoff."""
        call = Call.objects.create(hook=self, event=HookEventType.TEST, at=now)
        Hook.objects.filter(pk=self.pk).update(retry_at=None, test=call.pk)

    def subscribe_to(self, events: Iterable[str], now: datetime) -> None:
        """Subscribe to exactly these events; to new ones from now on."""
        chosen = set(events)
        self.events.exclude(event__in=chosen).delete()
        known = set(self.events.values_list("event", flat=True))
        HookEvent.objects.bulk_create(
            HookEvent(hook=self, event=event, since=now) for event in HookEventType.values if event in chosen - known
        )
        self.events.update(event=F("event"))  # invalidates cached pages that name the host: see apps.py


class HookEvent(models.Model):
    """A subscription of a hook to an event, and since when."""

    hook = models.ForeignKey(Hook, on_delete=models.CASCADE, related_name="events")
    event = models.CharField(max_length=20, choices=HookEventType)
    since = models.DateTimeField(help_text="what happened before is not told")

    class Meta:
        default_permissions = ()
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["event", "hook"], name="a_hook_wants_an_event_once")]

    def __str__(self) -> str:
        return f"{self.hook_id}: {self.event}"


def new_message_id() -> str:
    return f"msg_{secrets.token_hex(16)}"


class CallQuerySet(models.QuerySet["Call"]):
    def waiting(self) -> "CallQuerySet":
        return self.filter(state=Call.State.WAITING)

    def about_reader(self, number: int) -> "CallQuerySet":
        return self.filter(event__in=READER_EVENTS, about=number)

    def replay(self) -> int:
        """Repeat those that can be, with the same ids; return how many."""
        possible = self.filter(state__in=Call.REPLAYABLE_STATES).exclude(about=None, event__startswith="reader.")
        return possible.update(state=Call.State.WAITING, settled_at=None)

    def next_of(self, hook: Hook) -> "Call | None":
        """The next call: a test first, else the oldest."""
        mine = self.waiting().filter(hook=hook).order_by("pk")
        return mine.filter(pk=Subquery(Hook.objects.filter(pk=hook.pk).values("test")[:1])).first() or mine.first()


class Call(models.Model):
    """One event for one hook. Written by a trigger in the event's transaction; see triggers.py.

    Of a reader only the key is stored: the address, if it is sent, is read when the call is made.
    """

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("of a call", "waits")
        SENT = "sent", pgettext_lazy("of a call", "taken")
        FAILED = "failed", pgettext_lazy("of a call", "not taken")  # tests only: not retried
        HELD = "held", pgettext_lazy("of a call", "held back")  # from before a restore
        VOID = "void", pgettext_lazy("of a call", "not sent: it is about nothing that is there")

    REPLAYABLE_STATES = (State.SENT, State.FAILED, State.HELD)

    hook = models.ForeignKey(Hook, on_delete=models.DB_CASCADE, related_name="calls", db_index=False)
    event = models.CharField(max_length=20, choices=HookEventType)
    about = models.BigIntegerField(null=True, help_text="number of the reader, post, step of a mailing, or issue")
    detail = models.CharField(max_length=20, db_default="", blank=True, help_text="the reason of a suppression")
    at = models.DateTimeField(help_text="when it happened")
    message_id = models.CharField(max_length=40, default=new_message_id, help_text="the same at each try")
    state = models.CharField(max_length=8, choices=State, db_default=State.WAITING)

    tries = models.PositiveSmallIntegerField(db_default=0)
    tried_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True, help_text="of HTTP")
    answer = models.TextField(db_default="", blank=True, help_text="its beginning")
    trouble = models.CharField(max_length=200, db_default="", blank=True, help_text="why there was no answer")
    milliseconds = models.PositiveIntegerField(null=True)

    objects = CallQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["pk"]
        verbose_name = _("call of a webhook")
        verbose_name_plural = _("calls of webhooks")
        indexes = [
            models.Index(fields=["hook", "state", "id"], name="calls_of_a_hook"),
            models.Index(fields=["settled_at"], name="calls_to_forget", condition=Q(settled_at__isnull=False)),
            models.Index(fields=["about"], name="calls_by_reader", condition=Q(event__in=[*READER_EVENTS])),
        ]

    def __str__(self) -> str:
        return f"{self.message_id}: {self.event}"

    def settle(self, state: "Call.State", now: datetime) -> None:
        """Mark as settled; the worker removes the key of an erased reader."""
        self.state, self.settled_at = state, now
        self.save(update_fields=["state", "settled_at"])

    def record_try(self, now: datetime, **result: object) -> None:
        values = {"tries": F("tries") + 1, "tried_at": now, **result}
        Call.objects.filter(pk=self.pk).update(**values)
