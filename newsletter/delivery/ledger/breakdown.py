"""Counting how the copies of a mailing divide: by receiving domain, and by why they failed."""

from collections import Counter
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, Count, Exists, OuterRef, Q, Value, When
from django.db.models.functions import Lower, StrIndex, Substr

from newsletter.delivery.models import Batch, Breakdown, Counts, Delivery, Mailing, MailingQuerySet
from newsletter.delivery.models.deliveries import COUNTER_OF, REST
from newsletter.mail.replies import verdict

DOMAINS = 6  # counted by themselves; the others together
DOMAIN = Lower(Substr("subscriber__email", StrIndex("subscriber__email", Value("@")) + 1))
FIRST_LOOK = timedelta(minutes=1)  # most mailings are over by then
EVERY = timedelta(seconds=30)
UNDER_WAY = [Mailing.State.SENDING, Mailing.State.PAUSED]
CLOSED = [Mailing.State.SENT, Mailing.State.CANCELLED]
type ByDomain = dict[str, list[int]]


def due(now: datetime) -> MailingQuerySet:
    """Return the mailings that are to be counted: under way first, then the last ones closed."""
    old = Q(counted_at__isnull=True) | Q(counted_at__lte=now - EVERY)
    under_way = old & Q(state__in=UNDER_WAY, planned_at__lte=now - FIRST_LOOK)
    unsettled = Batch.objects.filter(mailing=OuterRef("pk")).exclude(state=Batch.State.DONE)
    closed = Q(~Exists(unsettled), state__in=CLOSED, counted_at__isnull=True)
    waiting = Mailing.objects.filter(under_way | closed, planned_at__isnull=False)
    return waiting.order_by(Case(When(state__in=UNDER_WAY, then=0), default=1), "-finished_at")


def count_one(now: datetime) -> bool:
    """Count the mailing that is due first; return whether there was one."""
    mailing = due(now).only("pk", "state", "counted_at", "total").first()
    if mailing is None:
        return False
    before = mailing.counts()
    if mailing.counted_at and _is_as_it_was(mailing, before):
        Mailing.objects.filter(pk=mailing.pk).update(counted_at=now)
        return True
    counted, verdicts = _by_domain(mailing), _by_verdict(mailing)
    with transaction.atomic():
        mailing.lock()
        mailing.refresh_from_db(fields=["state"])
        if mailing.state in CLOSED and mailing.counts() != before:
            return True  # it changed meanwhile, and is counted again
        _write(mailing, counted, verdicts)
        Mailing.objects.filter(pk=mailing.pk).update(counted_at=now)
    return True


def _is_as_it_was(mailing: Mailing, counts: Counts) -> bool:
    """Return whether as many copies have an end as were counted: all are read only if one has moved."""
    found = Breakdown.objects.filter(pk=mailing.pk).first()
    if found is None:
        return False
    sums = [sum(numbers) for numbers in zip(*found.by_domain.values(), strict=True)]
    return all(sums[state] == getattr(counts, name) for state, name in COUNTER_OF.items())


def _by_domain(mailing: Mailing) -> ByDomain:
    """Return how many copies of each domain are in each state; those of erased readers are of no domain."""
    found: ByDomain = {}
    groups = mailing.deliveries.order_by().values_list(DOMAIN, "state").annotate(rows=Count("seq"))
    for domain, state, count in groups.iterator():
        found.setdefault(domain or REST, [0] * len(Delivery.State))[state] += count
    return found


def _by_verdict(mailing: Mailing) -> dict[str, int]:
    failed = mailing.deliveries.filter(state=Delivery.State.FAILED).values_list("reply", flat=True)
    return dict(Counter(str(verdict(reply)) for reply in failed.iterator()))


def _write(mailing: Mailing, counted: ByDomain, verdicts: dict[str, int]) -> None:
    """Write the largest domains, the largest first, and the sum of the others."""
    largest = sorted(counted.keys() - {REST}, key=lambda name: (-sum(counted[name]), name))[:DOMAINS]
    others = [numbers for name, numbers in counted.items() if name not in largest]
    rest = [sum(numbers) for numbers in zip(*others, strict=True)] or [0] * len(Delivery.State)
    by_domain = {name: counted[name] for name in largest} | {REST: rest}
    values = {"domains": largest, "by_domain": by_domain, "by_verdict": verdicts}
    Breakdown.objects.update_or_create(mailing=mailing, defaults=values)
