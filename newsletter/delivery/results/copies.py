"""What became of the copies of one mailing, as far as anybody said: arrived, refused, sent back, complained of.

Counted by batches, by the breakdown and by indexes of events: nothing here reads a copy but those that came back.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from django.core.cache import caches
from django.db.models import Count, Exists, OuterRef, QuerySet, Sum

from newsletter.delivery.models import Breakdown, Delivery, Event, EventCount, Mailing
from newsletter.delivery.models.breakdowns import REST
from newsletter.mail.replies import Verdict

DOMAINS = 5
MANY, SECONDS = 50_000, 60  # copies from which on a count of the arrived is kept, and for how long
# Why a copy that was accepted came back, in the words of those that were refused at once.
SAME_AS = {
    Event.Verdict.HARD: Verdict.DEAD,
    Event.Verdict.SOFT: Verdict.MAILBOX,
    Event.Verdict.POLICY: Verdict.POLICY,
}


@dataclass(frozen=True)
class Copies:
    """What became of the copies.

    arrived: how many the receivers have confirmed through the provider; None where it reports none.
    came_back: of those that were sent. by_reason, by_domain: refused at once or sent back later, the most frequent
    first; the domains are the largest few.
    """

    total: int
    sent: int
    failed: int
    uncertain: int
    skipped: int
    arrived: int | None
    came_back: int
    complaints: int
    by_reason: tuple[tuple[Verdict, int], ...]
    by_domain: tuple[tuple[str, int], ...]


def of(mailing: Mailing) -> Copies:
    counts, found = mailing.counts(), Breakdown.objects.filter(mailing=mailing).first()
    came_back = _came_back(mailing)
    by_reason, by_domain = _refused(found)
    told = came_back.order_by().values_list("verdict", "domain").annotate(copies=Count("seq", distinct=True))
    for verdict, domain, copies in told:
        by_reason[SAME_AS[Event.Verdict(verdict)]] += copies
        by_domain[domain] += copies
    by_domain.pop(REST, None)
    return Copies(
        total=counts.total,
        sent=counts.sent,
        failed=counts.failed,
        uncertain=counts.uncertain,
        skipped=counts.skipped,
        arrived=_kept_arrived(mailing, counts.sent),
        came_back=came_back.values("seq").distinct().count(),
        complaints=_distinct(Event.objects.filter(mailing_id=mailing.pk, kind=Event.Kind.COMPLAINED)),
        by_reason=tuple((+by_reason).most_common()),
        by_domain=tuple((+by_domain).most_common(DOMAINS)),
    )


def _refused(found: Breakdown | None) -> tuple[Counter[Verdict], Counter[str]]:
    """Return how many copies were refused at once, by what was said and by domain."""
    verdicts: Mapping[str, int] = found.by_verdict if found else {}
    domains: Mapping[str, list[int]] = found.by_domain if found else {}
    return (
        Counter({Verdict(name): count for name, count in verdicts.items()}),
        Counter({name: numbers[Delivery.State.FAILED] for name, numbers in domains.items()}),
    )


def _came_back(mailing: Mailing) -> QuerySet[Event]:
    """Return what came back of copies that had been accepted: an uncertain one has failed by it, and is counted so."""
    told = Event.objects.filter(mailing_id=mailing.pk, seq__isnull=False).exclude(verdict="")
    has_failed = Delivery.objects.filter(mailing_id=mailing.pk, seq=OuterRef("seq"), state=Delivery.State.FAILED)
    return told.filter(~Exists(has_failed))


def _kept_arrived(mailing: Mailing, sent: int) -> int | None:
    """Return how many copies arrived; where that takes some hundred milliseconds, the answer is used for a minute."""
    if sent <= MANY:
        return _arrived(mailing)
    return cast("int | None", caches["pages"].get_or_set(f"arrived:{mailing.pk}", lambda: _arrived(mailing), SECONDS))


def _arrived(mailing: Mailing) -> int | None:
    """Return how many copies arrived: the last word counts, so what came back afterwards has not."""
    told = Event.objects.filter(mailing_id=mailing.pk, seq__isnull=False)
    delivered = told.filter(kind=Event.Kind.DELIVERED)
    count, came_back = _distinct(delivered), told.exclude(verdict="")
    if thinned := _thinned(mailing):
        return max(0, count + thinned - _distinct(came_back))
    if not count:
        return None
    return count - _distinct(delivered.filter(seq__in=came_back.order_by().values("seq")))


def _thinned(mailing: Mailing) -> int:
    """Return how many arrived of those whose events are numbers by now: about, a copy may have been told of twice."""
    found = EventCount.objects.filter(mailing_id=mailing.pk, kind=Event.Kind.DELIVERED, verdict="")
    count: int = found.aggregate(all=Sum("count", default=0))["all"]
    return min(mailing.counts().sent, count)


def _distinct(events: QuerySet[Event]) -> int:
    found: int = events.aggregate(copies=Count("seq", distinct=True))["copies"]
    return found
