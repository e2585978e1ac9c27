"""What became of each copy, as CSV: of those that failed, or of all; streamed, whatever their number."""

from collections.abc import Iterator

from django.db.models import Q
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from newsletter.delivery.ledger import keeping
from newsletter.delivery.models import Delivery, Mailing
from subscribers.exporting import download, moment, safe_lines

COLUMNS = ("number", "email", "state", "tries", "sent_at", "words")
STATES: dict[str, tuple[Q, frozenset[int]]] = {
    "all": (Q(), frozenset()),
    "failed": (Q(failed__gt=0), frozenset({int(Delivery.State.FAILED)})),
}


@require_safe
def as_csv(request: HttpRequest, pk: int, which: str) -> StreamingHttpResponse:
    """Stream the copies of a mailing; which: "failed" or "all"."""
    if which not in STATES:
        raise Http404(which)
    found = get_object_or_404(Mailing.objects.select_related("issue").only("issue__number"), pk=pk)
    name = f"issue-{found.issue.number}-mailing-{pk}-{which}.csv"
    return download(safe_lines(COLUMNS, _rows(found, which)), name)


def _rows(mailing: Mailing, which: str) -> Iterator[list[object]]:
    batches, states = STATES[which]
    for copy in keeping.copies_of(mailing, batches=batches, states=states):
        state = Delivery.State(copy.state).name.lower()
        yield [copy.seq, copy.email, state, copy.attempts, moment(copy.sent_at), copy.reply]
