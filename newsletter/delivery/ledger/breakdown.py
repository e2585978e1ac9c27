"""Counts a mailing's deliveries by receiving domain, and failed ones by reason."""

from collections import Counter
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, Count, Exists, OuterRef, Q, Value, When
from django.db.models.functions import Lower, StrIndex, Substr

from newsletter.delivery.models import Batch, Breakdown, Delivery, Mailing, MailingCounts, MailingQuerySet
from newsletter.delivery.models.deliveries import COUNTER_OF_STATE, OTHER_DOMAINS
from newsletter.mail.smtp_replies import classify_refusal

DOMAINS_COUNTED = 6  # counted separately; the rest together
READER_DOMAIN = Lower(Substr("subscriber__email", StrIndex("subscriber__email", Value("@")) + 1))
FIRST_COUNT_AFTER = timedelta(minutes=1)  # most mailings are finished by then
COUNT_INTERVAL = timedelta(seconds=30)
UNDER_WAY_STATES = [Mailing.State.SENDING, Mailing.State.PAUSED]
CLOSED_STATES = [Mailing.State.SENT, Mailing.State.CANCELLED]
type DomainCounts = dict[str, list[int]]


def mailings_to_count(now: datetime) -> MailingQuerySet:
    """Mailings to count: those under way first, then the most recently closed."""
    old = Q(counted_at__isnull=True) | Q(counted_at__lte=now - COUNT_INTERVAL)
    under_way = old & Q(state__in=UNDER_WAY_STATES, planned_at__lte=now - FIRST_COUNT_AFTER)
    unsettled = Batch.objects.filter(mailing=OuterRef("pk")).exclude(state=Batch.State.DONE)
    closed = Q(~Exists(unsettled), state__in=CLOSED_STATES, counted_at__isnull=True)
    waiting = Mailing.objects.filter(under_way | closed, planned_at__isnull=False)
    return waiting.order_by(Case(When(state__in=UNDER_WAY_STATES, then=0), default=1), "-finished_at")


def count_next_mailing(now: datetime) -> bool:
    """Count the first mailing that is due; return whether there was one."""
    mailing = mailings_to_count(now).only("pk", "state", "counted_at", "total").first()
    if mailing is None:
        return False
    before = mailing.counts()
    if mailing.counted_at and _is_unchanged(mailing, before):
        Mailing.objects.filter(pk=mailing.pk).update(counted_at=now)
        return True
    counted, reasons = _count_by_domain(mailing), _count_by_reason(mailing)
    with transaction.atomic():
        mailing.lock()
        mailing.refresh_from_db(fields=["state"])
        if mailing.state in CLOSED_STATES and mailing.counts() != before:
            return True  # it changed meanwhile, and is counted again
        _store_breakdown(mailing, counted, reasons)
        Mailing.objects.filter(pk=mailing.pk).update(counted_at=now)
    return True


def _is_unchanged(mailing: Mailing, counts: MailingCounts) -> bool:
    """Whether the numbers of final states equal those of the last count; then the deliveries need not be read again."""
    found = Breakdown.objects.filter(pk=mailing.pk).first()
    if found is None:
        return False
    sums = [sum(numbers) for numbers in zip(*found.by_domain.values(), strict=True)]
    return all(sums[state] == getattr(counts, name) for state, name in COUNTER_OF_STATE.items())


def _count_by_domain(mailing: Mailing) -> DomainCounts:
    """By domain, the deliveries in each state, in the order of Delivery.State; erased readers have no domain."""
    found: DomainCounts = {}
    groups = mailing.deliveries.order_by().values_list(READER_DOMAIN, "state").annotate(rows=Count("seq"))
    for domain, state, count in groups.iterator():
        found.setdefault(domain or OTHER_DOMAINS, [0] * len(Delivery.State))[state] += count
    return found


def _count_by_reason(mailing: Mailing) -> dict[str, int]:
    failed = mailing.deliveries.filter(state=Delivery.State.FAILED).values_list("reply", flat=True)
    return dict(Counter(str(classify_refusal(reply)) for reply in failed.iterator()))


def _store_breakdown(mailing: Mailing, counted: DomainCounts, reasons: dict[str, int]) -> None:
    largest = sorted(counted.keys() - {OTHER_DOMAINS}, key=lambda name: (-sum(counted[name]), name))[:DOMAINS_COUNTED]
    others = [numbers for name, numbers in counted.items() if name not in largest]
    rest = [sum(numbers) for numbers in zip(*others, strict=True)] or [0] * len(Delivery.State)
    by_domain = {name: counted[name] for name in largest} | {OTHER_DOMAINS: rest}
    values = {"domains": largest, "by_domain": by_domain, "by_verdict": reasons}
    Breakdown.objects.update_or_create(mailing=mailing, defaults=values)
