"""Events after hand-over, append-only, and the inbound mails and requests that reported them."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import ClassVar

from django.db import connection, models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

MESSAGES_KEPT_FOR = timedelta(days=30)  # messages that were applied: mails contain addresses
REQUESTS_KEPT_FOR = timedelta(days=2)  # requests of a provider, once parsed: a mailing has millions
PARSED_WITHIN = timedelta(minutes=1)  # a parse that takes longer has died
PARSE_TRIES = 2
DELETED_AT_ONCE = 2_000
STORE_SQL = """INSERT INTO delivery_arrival (source, key, body, about, received_at, state, what, note)
    VALUES (%s, %s, %s, %s, %s, %s, '', '') ON CONFLICT (source, key) DO NOTHING"""


def _abandoned(now: datetime) -> Q:
    """Messages whose parse has died; a start in the future was written while the clock was ahead."""
    return Q(begun_at__lt=now - PARSED_WITHIN) | Q(begun_at__gt=now + PARSED_WITHIN)


class InboundMessageQuerySet(models.QuerySet["InboundMessage"]):
    def waiting(self) -> "InboundMessageQuerySet":
        """Those not parsed yet, oldest first."""
        return self.filter(state=InboundMessage.State.WAITING).order_by("pk")

    def unproven(self) -> "InboundMessageQuerySet":
        """Those that name a reader without proof, newest first."""
        return self.filter(state=InboundMessage.State.UNPROVEN).order_by("-pk")

    def claim(self, keys: list[int], now: datetime) -> list["InboundMessage"]:
        """Claim waiting messages among `keys`; return them. Requests are not marked, so two workers may parse one."""
        with transaction.atomic():
            skip = connection.features.has_select_for_update_skip_locked
            free = self.waiting().filter(Q(begun_at=None) | _abandoned(now), pk__in=keys)
            mine = list(free.filter(begun__lt=PARSE_TRIES).select_for_update(skip_locked=skip))
            mails = [one for one in mine if one.source == InboundMessage.MAIL]
            if mails:  # only mails are counted: parsing a request cannot crash a worker
                self.filter(pk__in=[one.pk for one in mails]).update(begun=F("begun") + 1, begun_at=now)
        for one in mails:
            one.begun, one.begun_at = one.begun + 1, now
        return mine

    def release(self, keys: list[int]) -> None:
        if keys:
            self.waiting().filter(pk__in=keys).update(begun=0, begun_at=None)

    def give_up(self, now: datetime) -> int:
        """Mark messages as unreadable whose parse has died PARSE_TRIES times; return how many."""
        dead = self.waiting().filter(_abandoned(now), begun__gte=PARSE_TRIES)
        values = {"state": InboundMessage.State.UNREADABLE, "what": InboundMessage.Kind.UNKNOWN, "applied_at": now}
        values["note"] = "its reading was begun twice and never ended"
        return dead.update(**values) if dead.exists() else 0  # an UPDATE without rows would still lock SQLite

    def accept_unproven(self) -> int:
        """Enqueue unproven messages again, to be applied as proven; return how many."""
        return self.unproven().update(state=InboundMessage.State.WAITING, is_believed=True, begun=0, begun_at=None)

    def dismiss(self) -> int:
        """Mark unproven messages as applied without effect; return how many."""
        return self.unproven().update(state=InboundMessage.State.APPLIED, note="dismissed: it proves nothing")

    def forget(self, before: datetime) -> int:
        """Delete messages applied before that moment, requests already after REQUESTS_KEPT_FOR; return how many."""
        old = self.filter(applied_at__lt=before)
        requests_before = before + MESSAGES_KEPT_FOR - REQUESTS_KEPT_FOR
        requests = self.filter(applied_at__lt=requests_before, what=InboundMessage.Kind.REQUEST)
        keys = [*old.values_list("pk", flat=True)[:DELETED_AT_ONCE]]
        keys += requests.values_list("pk", flat=True)[:DELETED_AT_ONCE]
        return self.filter(pk__in=keys).delete()[0] if keys else 0

    def store(self, source: str, body: bytes, now: datetime, *, about: Mapping[str, object] | None = None) -> bool:
        """Store a message until it is applied; return False if it is stored already, by the hash of its body."""
        at = connection.ops.adapt_datetimefield_value(now)
        key, state = sha256(body).hexdigest(), InboundMessage.State.WAITING
        values = [source, key, body, json.dumps(dict(about or {})), at, state]
        with connection.cursor() as cursor:  # a fifth of the ORM's cost: they arrive in storms
            cursor.execute(STORE_SQL, values)
            return bool(cursor.rowcount)


class InboundMessage(models.Model):
    """An inbound mail or a provider's request: stored raw at first, parsed and applied later (events/applying.py)."""

    class State(models.TextChoices):
        WAITING = "waiting", _("not read yet")
        APPLIED = "applied", _("read and applied")
        UNREADABLE = "unreadable", _("not understood")
        UNPROVEN = "unproven", _("reported by a mail that proves nothing")

    class Kind(models.TextChoices):
        BOUNCE = "bounce", _("returned mail")
        COMPLAINT = "complaint", _("complaint")
        LEAVING = "leaving", _("leaving by mail")
        AUTO_REPLY = "auto-reply", _("automatic reply")
        CHALLENGE = "challenge", _("asks us to prove that we are a person")
        REPLY = "reply", _("reply by a person")
        NOTICE = "notice", _("notice of a mail server")  # no failure: delayed, relayed, delivered
        REQUEST = "request", _("request of a provider")
        UNKNOWN = "unknown", _("not understood, or not all of it")

    MAIL: ClassVar = "mail"  # the source of mails; that of requests is the provider's name

    source = models.CharField(max_length=30)
    # SHA-256 of the body: nothing is stored twice.
    key = models.CharField(max_length=64, help_text="the provider's own id, or a hash: nothing is stored twice")
    body = models.BinaryField(help_text="octet by octet as it came")
    about = models.JSONField(default=dict, help_text="of a mail: its envelope; of a request: headers that matter")
    received_at = models.DateTimeField()

    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    what = models.CharField(max_length=10, choices=Kind, blank=True)
    note = models.CharField(max_length=500, blank=True, help_text="why it was not understood, or changed nothing")
    begun = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="how often somebody began to read it")
    begun_at = models.DateTimeField(null=True)
    is_believed = models.BooleanField(default=False, db_default=False, help_text="taken as proven by the author")
    applied_at = models.DateTimeField(null=True)
    mailing_id = models.BigIntegerField(null=True, help_text="of the copy that it is about, where that is certain")
    seq = models.IntegerField(null=True)

    objects = InboundMessageQuerySet.as_manager()

    class Meta:
        db_table = "delivery_arrival"
        constraints = [models.UniqueConstraint(fields=["source", "key"], name="nothing_arrives_twice")]
        indexes = [
            models.Index(fields=["id"], name="arrivals_to_apply", condition=Q(state="waiting")),
            models.Index(fields=["what", "id"], name="arrivals_by_kind"),
            models.Index(fields=["applied_at"], name="arrivals_to_forget"),
            models.Index(fields=["mailing_id", "seq"], name="arrivals_by_copy", condition=Q(mailing_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.key}: {self.what or self.state}"


class Event(models.Model):
    """A report about a delivery by its provider, a mail server or its reader. Append-only."""

    class Kind(models.TextChoices):
        """Anymail's names."""

        SENT = "sent", _("accepted by the provider")
        DELIVERED = "delivered", _("delivered to the reader's server")
        DEFERRED = "deferred", _("put off by the reader's server")
        BOUNCED = "bounced", _("was sent back")
        REJECTED = "rejected", _("refused by the provider itself")
        FAILED = "failed", _("not sent by the provider")
        COMPLAINED = "complained", _("called unwanted by the reader")
        UNSUBSCRIBED = "unsubscribed", _("left through the provider, or by mail")
        AUTORESPONDED = "autoresponded", _("answered by a machine")
        OPENED = "opened", _("opened")
        CLICKED = "clicked", _("a link was followed")
        UNKNOWN = "unknown", _("unknown to this program")

    class BounceType(models.TextChoices):
        """What a bounce means for the address."""

        HARD = "hard", _("there is no such address")
        SOFT = "soft", _("the address takes no mail at the moment")
        POLICY = "policy", _("the receiver refuses us, or the letter")

    source = models.CharField(max_length=30, help_text="“mail”, or the name of a provider")
    source_id = models.CharField(max_length=128, help_text="the provider's own id of it, or a hash")
    kind = models.CharField(max_length=14, choices=Kind)
    verdict = models.CharField(max_length=6, choices=BounceType, blank=True)
    # No foreign key to the delivery, whose primary key is composite.
    mailing_id = models.BigIntegerField(null=True)
    seq = models.IntegerField(null=True)
    address_hash = models.CharField(max_length=32, blank=True, help_text="of the address that it is about")
    # Of a bounce: the domain of the receiver, which is that of the reader's address.
    domain = models.CharField(max_length=100, blank=True, help_text="which receiver said so, of one that came back")
    words = models.CharField(max_length=500, blank=True, help_text="the server's own, without addresses")
    at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "source_id"], name="an_event_is_kept_once")]
        indexes = [
            models.Index(fields=["mailing_id", "seq"], name="events_by_copy"),
            models.Index(fields=["address_hash", "at"], name="events_by_address", condition=~Q(address_hash="")),
            models.Index(fields=["mailing_id", "domain"], name="events_by_receiver", condition=Q(verdict="policy")),
            models.Index(fields=["mailing_id", "verdict"], name="events_that_came_back", condition=~Q(verdict="")),
            models.Index(fields=["mailing_id"], name="events_of_complaint", condition=Q(kind="complained")),
            models.Index(fields=["mailing_id", "seq"], name="events_of_arrival", condition=Q(kind="delivered")),
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}/{self.seq}: {self.kind} {self.verdict}".rstrip()


class EventCount(models.Model):
    """The number of a mailing's events of a kind whose rows were deleted (events/thinning.py)."""

    mailing_id = models.BigIntegerField()
    kind = models.CharField(max_length=14, choices=Event.Kind)
    verdict = models.CharField(max_length=6, choices=Event.BounceType, blank=True)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mailing_id", "kind", "verdict"], name="thinned_events_are_counted_once")
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}: {self.kind} {self.verdict} {self.count}"


class MailFetch(models.Model):
    """The result of the last fetch from the mailbox; one row."""

    looked_at = models.DateTimeField(null=True, help_text="when it answered last")
    failing_since = models.DateTimeField(null=True)
    problem = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.problem or "ok"

    @classmethod
    def record_success(cls, now: datetime) -> None:
        cls.objects.update_or_create(pk=1, defaults={"looked_at": now, "failing_since": None, "problem": ""})

    @classmethod
    def record_failure(cls, problem: str, now: datetime) -> None:
        """Store the problem, and the time of the first failure in a row."""
        row, _is_new = cls.objects.get_or_create(pk=1)
        row.failing_since, row.problem = row.failing_since or now, problem[:200]
        row.save(update_fields=["failing_since", "problem"])
