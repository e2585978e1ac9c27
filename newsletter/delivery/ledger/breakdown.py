"""Counting how the copies of a mailing divide, beside the sending: by receiving domain, and by why they failed.

The dispatcher counts batches whose own row has changed since they were counted, for a fraction of its time. A lane
writes nothing for it, and a page reads one row. Sending for hours, each batch is counted a few times; a mailing that
is over within a minute is counted when it is.
"""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Case, CharField, Count, F, Q, Value, When
from django.db.models.functions import Lower, StrIndex, Substr

from newsletter.delivery.certificate import CLOSED
from newsletter.delivery.models import Batch, BatchBreakdown, Breakdown, Delivery, Mailing, MailingQuerySet
from newsletter.delivery.models.breakdowns import REST
from newsletter.mail.replies import verdict

DOMAINS = 6  # counted by themselves; the others together
PLACES, SAMPLE = 8, 500  # of the audience and copies at each, which tell the largest domains
DOMAIN = Lower(Substr("subscriber__email", StrIndex("subscriber__email", Value("@")) + 1))
FIRST_LOOK = timedelta(minutes=1)  # beside 100,000 copies it took a hand 0.6 s of CPU, and PostgreSQL 1.2
UNDER_WAY = [Mailing.State.SENDING, Mailing.State.PAUSED]


def due(now: datetime) -> MailingQuerySet:
    """Return the mailings of which something may not be counted yet: under way first, then the last ones closed."""
    under_way = Q(state__in=UNDER_WAY, planned_at__lte=now - FIRST_LOOK)
    unsettled = Q(breakdown__isnull=True) | Q(breakdown__settled_at__isnull=True)
    outdated = Q(certified_at__isnull=True) | Q(breakdown__settled_at__lt=F("certified_at"))
    closed = Q(state__in=CLOSED) & (unsettled | outdated)
    planned = Mailing.objects.filter(planned_at__isnull=False, packed_at__isnull=True, total__gt=0)
    waiting = planned.filter(under_way | closed)
    return waiting.order_by(Case(When(state__in=UNDER_WAY, then=0), default=1), "-finished_at")


def count_some(now: datetime, seconds: float) -> int:
    """Count batches that have changed, for `seconds`; return how many were counted."""
    until, counted = time.monotonic() + seconds, 0
    for mailing in due(now).only("pk", "state", "total", "certified_at"):
        changed = list(_changed(mailing))
        found = _breakdown(mailing)
        some = list(_count(mailing, found, changed, until))
        counted += len(some)
        _sum_up(mailing, found, now, is_all=len(some) == len(changed), is_new=bool(some))
        if time.monotonic() >= until:
            break
    return counted


def _breakdown(mailing: Mailing) -> Breakdown:
    found = Breakdown.objects.filter(pk=mailing.pk).first()
    return found or Breakdown(pk=mailing.pk, domains=_largest(mailing))


def _largest(mailing: Mailing) -> list[str]:
    """Return the largest domains of a mailing, by copies from all over it."""
    step = max(SAMPLE, mailing.total // PLACES)
    places = Q(pk__in=[])
    for lo in range(0, mailing.total, step):
        places |= Q(seq__gte=lo, seq__lt=lo + SAMPLE)
    sizes = mailing.deliveries.filter(places, subscriber__isnull=False).order_by().values_list(DOMAIN)
    return [name for name, _size in sizes.annotate(size=Count("seq")).order_by("-size", DOMAIN)[:DOMAINS]]


def _changed(mailing: Mailing) -> Iterator[tuple[Batch, str]]:
    """Yield the batches that say something else than when they were counted, each with what it says."""
    rows = mailing.batches.filter(pack__isnull=True).order_by("no").select_related("breakdown")
    for batch in rows.defer("breakdown__by_domain", "breakdown__by_verdict"):
        says = _says(batch)
        before = batch.breakdown.seen if hasattr(batch, "breakdown") else ""
        if says != before:
            yield batch, says


def _says(batch: Batch) -> str:
    numbers = (batch.pass_no, batch.cursor, batch.sent, batch.failed, batch.uncertain, batch.skipped)
    return ".".join(map(str, (batch.state, *numbers)))


def _count(
    mailing: Mailing, found: Breakdown, changed: list[tuple[Batch, str]], until: float
) -> Iterator[BatchBreakdown]:
    """Count one batch after the other until it is time."""
    for batch, says in changed:
        part = BatchBreakdown(batch=batch, seen=says, by_domain=_by_domain(mailing, batch, found.domains))
        part.by_verdict = _by_verdict(mailing, batch) if batch.failed else {}
        fields = ["seen", "by_domain", "by_verdict"]
        BatchBreakdown.objects.bulk_create([part], update_conflicts=True, unique_fields=["batch"], update_fields=fields)
        yield part
        if time.monotonic() >= until:
            break


def _by_domain(mailing: Mailing, batch: Batch, names: list[str]) -> dict[str, list[int]]:
    rows = mailing.deliveries.filter(seq__gte=batch.lo, seq__lt=batch.hi).order_by()
    name = Case(When(domain__in=names, then=F("domain")), default=Value(REST), output_field=CharField())
    groups = rows.annotate(domain=DOMAIN).values_list(name, "state").annotate(rows=Count("seq"))
    found = {one: [0] * len(Delivery.State) for one in [*names, REST]}
    for domain, state, count in groups:
        found[domain][state] += count
    return found


def _by_verdict(mailing: Mailing, batch: Batch) -> dict[str, int]:
    failed = mailing.deliveries.filter(seq__gte=batch.lo, seq__lt=batch.hi, state=Delivery.State.FAILED)
    return dict(Counter(str(verdict(reply)) for reply in failed.values_list("reply", flat=True)))


def _sum_up(mailing: Mailing, found: Breakdown, now: datetime, *, is_all: bool, is_new: bool) -> None:
    """Write the sums of all batches; that they are settled, if a certified mailing has nothing left to count."""
    is_settled = is_all and mailing.state in CLOSED and mailing.certified_at is not None
    if not is_new and not is_settled:
        return
    found.hold(BatchBreakdown.objects.filter(batch__mailing=mailing))
    found.settled_at = now if is_settled else None
    Breakdown.objects.bulk_create(
        [found],
        update_conflicts=True,
        unique_fields=["mailing"],
        update_fields=["by_domain", "by_verdict", "settled_at"],
    )
