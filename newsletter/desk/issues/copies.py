"""What became of each copy of a mailing, a list for each state."""

from django.db.models import F, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from newsletter.delivery.ledger import uncertain
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.desk.issues.composer import page
from newsletter.desk.issues.decisions import message_id_of

PER_PAGE = 50  # deliveries


@require_safe
def deliveries(request: HttpRequest, pk: int, state: str) -> HttpResponse:
    """List the copies in one state by their number, a page at a time."""
    found = get_object_or_404(Mailing.objects.select_related("issue").defer("html", "text"), pk=pk)
    if state not in WHERE:
        raise Http404(state)
    after = request.GET.get("after", "")
    rows, following = _rows(found, state, int(after) if after.isdecimal() and len(after) < 10 else -1)
    context = {
        "title": Delivery.State[state.upper()].label,
        "mailing": found,
        "state": state,
        "states": [(name, Delivery.State[name.upper()].label) for name in WHERE],
        "rows": rows,
        "choices": [(row, message_id_of(found, row.seq)) for row in rows] if state == "uncertain" else [],
        "count": found.counts().uncertain,
        "can_send_again": uncertain.can_be_sent_again(found),
        "following": following,
        "is_first": not after,
    }
    return page(request, "desk/deliveries.html", found.issue, context)


# Which batches can hold a copy in a state. No index holds a delivery's state; these few rows take its place.
WHERE = {
    "failed": Q(failed__gt=0),
    "uncertain": Q(uncertain__gt=0),
    "deferred": ~Q(state=Batch.State.DONE) & (Q(pass_no__gt=1) | Q(cursor__gt=F("lo")) | Q(not_before__isnull=False)),
    "skipped": Q(skipped__gt=0),
    "sent": Q(sent__gt=0),
    "queued": ~Q(state=Batch.State.DONE),
}


def _rows(found: Mailing, state: str, after: int) -> tuple[list[Delivery], int | None]:
    """Return the copies in `state` behind number `after`, and the number behind which the next page begins."""
    may_hold = found.batches.filter(WHERE[state], hi__gt=after + 1).order_by("no")
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
