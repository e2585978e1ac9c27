"""List health: bounces and complaints of the last issues, for the desk's page.

Each number is one query for all issues together. Bounces have their own index, because a mailing can have a million
other events.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Substr

from newsletter.delivery.events.parsed import BounceType, EventKind, MessageKind
from newsletter.delivery.events.rules import BOUNCE_WINDOW
from newsletter.delivery.models import Batch, Breakdown, Delivery, Event, EventCount, InboundMessage, Mailing
from subscribers.models import Subscriber, Suppression

ISSUES_SHOWN, DOMAINS_SHOWN, MESSAGES_SHOWN = 12, 10, 20  # rows per table
RAW_BYTES_MAX = 4_000  # bytes shown of a message
# Gmail's rules for bulk senders: below 0.1 %, never 0.3 %. https://support.google.com/a/answer/81126
COMPLAINTS_MANY, COMPLAINTS_TOO_MANY = 0.001, 0.003


@dataclass(frozen=True)
class BounceStats:
    """Bounces by type, and complaints, of an issue or a domain. sent: deliveries, None where they are not counted."""

    name: str
    sent: int | None
    hard: int = 0
    soft: int = 0
    policy: int = 0
    complained: int = 0
    mailing: Mailing | None = None

    @property
    def complaint_rate(self) -> float:
        return self.complained / self.sent if self.sent else 0.0

    @property
    def level(self) -> str:
        """How Gmail rates this complaint rate: "", "warn" or "bad"."""
        if self.complained < 2 or self.complaint_rate < COMPLAINTS_MANY:  # one complaint is no pattern
            return ""
        return "bad" if self.complaint_rate >= COMPLAINTS_TOO_MANY else "warn"


@dataclass(frozen=True)
class AddressStats:
    """soft: not suppressed, but bounced lately. suppressed: by Suppression.Reason."""

    reachable: int
    soft: int
    suppressed: dict[str, int]

    @property
    def suppressed_total(self) -> int:
        return sum(self.suppressed.values())


def address_stats(now: datetime) -> AddressStats:
    counted = Suppression.objects.order_by().values_list("reason").annotate(count=Count("pk"))
    suppressed = dict(counted.values_list("reason", "count"))
    recent = Mailing.objects.filter(planned_at__gt=now - BOUNCE_WINDOW).values_list("pk", flat=True)
    bounces = _bounces(list(recent)).filter(verdict=BounceType.SOFT).exclude(address_hash="")
    hashes = bounces.values("address_hash")
    soft = hashes.distinct().count() - Suppression.objects.filter(address_hash__in=hashes).count()
    return AddressStats(Subscriber.objects.mailable(now).count(), soft, suppressed)


def recent_issue_mailings() -> list[Mailing]:
    sent = Mailing.objects.filter(kind=Mailing.Kind.ISSUE, planned_at__isnull=False, total__gt=0)
    return list(sent.select_related("issue").defer("html", "text").order_by("-planned_at")[:ISSUES_SHOWN])


def stats_by_issue(mailings: Iterable[Mailing]) -> list[BounceStats]:
    mailings = list(mailings)
    keys = [one.pk for one in mailings]
    batches = Batch.objects.filter(mailing_id__in=keys).order_by().values_list("mailing_id")
    sent = dict(batches.annotate(copies=Sum("sent")))
    bounces = _bounces(keys).values_list("mailing_id", "verdict").annotate(count=Count("pk"))
    counts = Counter({(mailing, verdict): count for mailing, verdict, count in bounces})
    thinned = EventCount.objects.filter(mailing_id__in=keys).exclude(verdict="")
    for mailing, verdict, count in thinned.values_list("mailing_id", "verdict", "count"):
        counts[mailing, verdict] += count
    complaints = _count_complaints(keys)
    return [
        BounceStats(
            str(one.issue),
            sent.get(one.pk, 0),
            hard=counts[one.pk, BounceType.HARD],
            soft=counts[one.pk, BounceType.SOFT],
            policy=counts[one.pk, BounceType.POLICY],
            complained=complaints.get(one.pk, 0),
            mailing=one,
        )
        for one in mailings
    ]


def _bounces(keys: list[int]) -> QuerySet[Event]:
    return Event.objects.filter(mailing_id__in=keys).exclude(verdict="").order_by()


def _count_complaints(keys: list[int]) -> dict[int, int]:
    events = Event.objects.filter(mailing_id__in=keys, kind=EventKind.COMPLAINED).order_by().values_list("mailing_id")
    counts = Counter({mailing: count for mailing, count in events.annotate(count=Count("pk")) if mailing is not None})
    thinned = EventCount.objects.filter(mailing_id__in=keys, kind=EventKind.COMPLAINED)
    return counts + Counter(dict(thinned.values_list("mailing_id").annotate(total=Sum("count"))))


def stats_by_domain(mailings: Iterable[Mailing]) -> list[BounceStats]:
    """The domains with the most bounces, over all these mailings."""
    keys = [one.pk for one in mailings]
    bounces = _bounces(keys).exclude(domain="").values_list("domain")
    columns = {one: Count("pk", filter=Q(verdict=one)) for one in ("hard", "soft", "policy")}
    counted = bounces.annotate(count=Count("pk"), **columns).order_by("-count", "domain")[:DOMAINS_SHOWN]
    sent = Counter[str]()
    for breakdown in Breakdown.objects.filter(pk__in=keys):
        for name in breakdown.domains:  # those counted separately
            numbers = breakdown.by_domain.get(name)
            sent[name] += int(numbers[Delivery.State.SENT]) if numbers else 0
    return [BounceStats(name, sent[name] or None, hard, soft, policy) for name, _count, hard, soft, policy in counted]


def unparsed_messages() -> list[tuple[InboundMessage, str]]:
    """The last messages that were not fully understood, each with the beginning of its text."""
    return with_beginning(InboundMessage.objects.filter(what=MessageKind.UNKNOWN).order_by("-pk"))


def with_beginning(messages: QuerySet[InboundMessage]) -> list[tuple[InboundMessage, str]]:
    rows = messages.defer("body").annotate(raw=Substr("body", 1, RAW_BYTES_MAX))[:MESSAGES_SHOWN]
    return [(row, bytes(vars(row)["raw"]).decode("utf-8", "replace")) for row in rows]
