"""Copies of a mailing: a list by state, a CSV file, and numbers by domain."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from newsletter.delivery.ledger import retention, uncertain
from newsletter.delivery.models import Batch, Breakdown, Delivery, Mailing
from newsletter.delivery.models.deliveries import OTHER_DOMAINS
from newsletter.delivery.results import REASON_TEXTS
from newsletter.desk.issues.actions import message_id_of
from newsletter.desk.issues.composer import issue_page
from newsletter.desk.templatetags.figures import thousands
from newsletter.mail.smtp_replies import RefusalReason
from subscribers.exporting import csv_download_response, csv_table, iso_time

State = Delivery.State
STATE_COLUMNS: dict[State, tuple[str, Any]] = {
    State.QUEUED: ("queued", gettext_lazy("waiting")),
    State.SENT: ("sent", gettext_lazy("sent")),
    State.DEFERRED: ("deferred", gettext_lazy("deferred")),
    State.FAILED: ("failed", gettext_lazy("failed")),
    State.UNCERTAIN: ("uncertain", gettext_lazy("uncertain")),
}


@dataclass(frozen=True)
class DomainCell:
    """name: for the script that updates it."""

    name: str
    label: Any
    count: int


@dataclass(frozen=True)
class DomainRow:
    name: str
    cells: tuple[DomainCell, ...]


def breakdown_of(mailing: Mailing) -> Breakdown | None:
    """None before the first count. `mailings_to_poll` has it joined."""
    try:
        return mailing.breakdown
    except Breakdown.DoesNotExist:
        return None


def domain_rows(found: Breakdown | None) -> list[DomainRow]:
    """The largest domains, and the rest as one; [] if nothing was counted, or there is only one."""
    if found is None:
        return []
    sizes = {name: sum(numbers) for name, numbers in found.by_domain.items()}
    names = [name for name in [*found.domains, OTHER_DOMAINS] if sizes.get(name)]
    return [_domain(place, name, found.by_domain[name]) for place, name in enumerate(names)] if len(names) > 1 else []


def _domain(place: int, name: str, numbers: list[int]) -> DomainRow:
    cells = (
        DomainCell(f"domain-{place}-{key}", label, numbers[state]) for state, (key, label) in STATE_COLUMNS.items()
    )
    return DomainRow(name or _("all others"), tuple(cells))


SENDER_REASONS = {RefusalReason.POLICY, RefusalReason.OURS}  # can be mended in the settings of the sender


def failure_reasons(found: Breakdown | None) -> list[dict[str, Any]]:
    counts: Mapping[str, int] = found.by_verdict if found else {}
    known = sorted(((RefusalReason(name), count) for name, count in counts.items() if count), key=lambda one: -one[1])
    return [
        {"text": REASON_TEXTS[reason], "count": count, "is_of_sender": reason in SENDER_REASONS}
        for reason, count in known
    ]


def domain_figures(found: Breakdown | None) -> Iterator[tuple[str, str]]:
    for domain in domain_rows(found):
        yield from ((cell.name, thousands(cell.count)) for cell in domain.cells)


PER_PAGE = 50  # deliveries


@require_safe
def deliveries(request: HttpRequest, pk: int, state: str) -> HttpResponse:
    found = get_object_or_404(Mailing.objects.select_related("issue").defer("html", "text"), pk=pk)
    if state not in BATCHES_WITH:
        raise Http404(state)
    after = request.GET.get("after", "")
    rows, following = _rows_in(found, state, int(after) if after.isdecimal() and len(after) < 10 else -1)
    context = {
        "title": Delivery.State[state.upper()].label,
        "mailing": found,
        "state": state,
        "states": [(name, Delivery.State[name.upper()].label) for name in BATCHES_WITH],
        "rows": rows,
        "choices": [(row, message_id_of(found, row.seq)) for row in rows] if state == "uncertain" else [],
        "count": found.counts().uncertain,
        "can_send_again": uncertain.can_be_sent_again(found),
        "following": following,
        "is_first": not after,
    }
    return issue_page(request, "desk/deliveries.html", found.issue, context)


# Batches that may contain copies in a state: deliveries have no index on it.
BATCHES_WITH = {
    "failed": Q(failed__gt=0),
    "uncertain": Q(uncertain__gt=0),
    "deferred": ~Q(state=Batch.State.DONE) & (Q(pass_no__gt=1) | Q(cursor__gt=F("lo")) | Q(not_before__isnull=False)),
    "skipped": Q(skipped__gt=0),
    "sent": Q(sent__gt=0),
    "queued": ~Q(state=Batch.State.DONE),
}


def _rows_in(found: Mailing, state: str, after: int) -> tuple[list[Delivery], int | None]:
    may_hold = found.batches.filter(BATCHES_WITH[state], hi__gt=after + 1).order_by("no")
    batches = list(may_hold.values_list("lo", "hi")[:PER_PAGE])
    if not batches:
        return [], None
    ranges = Q()
    for lo, hi in batches:
        ranges |= Q(seq__gte=max(lo, after + 1), seq__lt=hi)
    copies = found.deliveries.filter(ranges, state=Delivery.State[state.upper()]).select_related("subscriber")
    rows = list(copies.order_by("seq")[: PER_PAGE + 1])
    if len(rows) > PER_PAGE:
        return rows[:PER_PAGE], rows[PER_PAGE - 1].seq
    return rows, batches[-1][1] - 1 if len(batches) == PER_PAGE else None


CSV_COLUMNS = ("number", "email", "state", "tries", "sent_at", "words")
CSV_SELECTIONS: dict[str, tuple[Q, frozenset[int]]] = {
    "all": (Q(), frozenset()),
    "failed": (Q(failed__gt=0), frozenset({int(Delivery.State.FAILED)})),
}


@require_safe
def copies_csv(request: HttpRequest, pk: int, which: str) -> StreamingHttpResponse:
    if which not in CSV_SELECTIONS:
        raise Http404(which)
    found = get_object_or_404(Mailing.objects.select_related("issue").only("issue__number"), pk=pk)
    name = f"issue-{found.issue.number}-mailing-{pk}-{which}.csv"
    return csv_download_response(csv_table(CSV_COLUMNS, _csv_rows(found, which)), name)


def _csv_rows(mailing: Mailing, which: str) -> Iterator[list[object]]:
    batches, states = CSV_SELECTIONS[which]
    for copy in retention.iterate_copies(mailing, batches=batches, states=states):
        state = Delivery.State(copy.state).name.lower()
        yield [copy.seq, copy.email, state, copy.attempts, iso_time(copy.sent_at), copy.reply]
