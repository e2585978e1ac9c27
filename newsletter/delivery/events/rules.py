"""What follows from events, for copies and for readers. Each rule asks the tables: doing it twice changes nothing.

- A copy that was uncertain finds its end by what is known of it.
- An address that does not exist, or whose reader complained, is suppressed at once, with the words.
- One that takes no mail is suppressed at the third mailing within SOFT_WITHIN, unless a copy arrived between.
- What a receiver refuses for policy never counts against a reader: receivers.py.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched, groupby

from django.db.models import Q

from newsletter.delivery.events import receivers
from newsletter.delivery.events.facts import Kind, Verdict
from newsletter.delivery.events.finding import Found
from newsletter.delivery.ledger import uncertain
from newsletter.delivery.ledger.uncertain import Evidence, Known
from newsletter.delivery.models import Delivery, Event, Mailing
from newsletter.delivery.models.deliveries import WAITS_AGAIN
from subscribers.models import Subscriber, Suppression
from subscribers.models.consents import Circumstances

AT_ONCE = 1_000  # copies of one statement
SOFT_TIMES, SOFT_WITHIN = 3, timedelta(days=60)
ARRIVES_WITHIN = timedelta(days=5)  # of a copy that was sent and of which nothing came back: it has arrived
KNOWN_OF = {
    Kind.SENT: Known.ACCEPTED,
    Kind.DELIVERED: Known.ACCEPTED,
    Kind.DEFERRED: Known.ACCEPTED,  # the provider has it, and tries again
    Kind.OPENED: Known.ACCEPTED,
    Kind.CLICKED: Known.ACCEPTED,
    Kind.COMPLAINED: Known.ACCEPTED,
    Kind.UNSUBSCRIBED: Known.ACCEPTED,
    Kind.AUTORESPONDED: Known.ACCEPTED,
    Kind.BOUNCED: Known.REFUSED,
    Kind.REJECTED: Known.REFUSED,
    Kind.FAILED: Known.REFUSED,
}
REASON_OF = {
    Kind.COMPLAINED: Suppression.Reason.COMPLAINED,
    Kind.BOUNCED: Suppression.Reason.BOUNCED,
    Kind.REJECTED: Suppression.Reason.BOUNCED,  # for it is on a list of the provider's: nothing would reach it
}


@dataclass(frozen=True)
class News:
    """An event that was not known before, what it is about, and the words as they came, with addresses."""

    event: Event
    found: Found
    words: str = ""


def apply(news: Sequence[News]) -> None:
    """Do what follows from some events, in the transaction that records them."""
    events = [one.event for one in news]
    settle_copies(events)
    receivers.stop(events)
    for one in news:
        if one.found.reader is not None:
            _apply_to_reader(one, one.found.reader)


# --- Copies ---


def settle_copies(events: Iterable[Event]) -> int:
    """Let events settle the uncertain copies among those that they are about; return how many."""
    told = [one for one in events if one.mailing_id is not None and one.seq is not None and one.kind in KNOWN_OF]
    told.sort(key=lambda one: (one.mailing_id or 0, one.seq or 0, one.at))
    moved = 0
    for mailing_id, some in groupby(told, key=lambda one: one.mailing_id):
        # The last word counts: it was delivered to a mailbox that sent it back.
        last = {one.seq or 0: one for one in some}
        for seqs in batched(last, AT_ONCE, strict=False):
            for copy in _unsettled(mailing_id or 0, list(seqs)):
                moved += uncertain.resolve(copy, _evidence(last[copy.seq]))
    return moved


def _evidence(event: Event) -> Evidence:
    return Evidence(KNOWN_OF[Kind(event.kind)], event.at, event.words or f"{event.source}: {event.kind}")


def _unsettled(mailing_id: int, seqs: list[int]) -> list[Delivery]:
    """Return which of these copies evidence may move: few of a mailing, if any."""
    rows = Delivery.objects.filter(mailing_id=mailing_id, seq__in=seqs)
    return list(rows.filter(Q(state=Delivery.State.UNCERTAIN) | WAITS_AGAIN).select_related("mailing"))


# --- Readers ---


def _apply_to_reader(news: News, reader: Subscriber) -> None:
    event = news.event
    if event.kind == Kind.UNSUBSCRIBED:
        if not reader.has_come_since(event.at):
            reader.unsubscribe(event.at, Circumstances(f"{event.source}: unsubscribed"))
    elif event.kind in REASON_OF and _is_told_of_now(event, reader) and _is_enough(event, reader):
        reader.suppress(REASON_OF[Kind(event.kind)], news.words[:500])


def _is_told_of_now(event: Event, reader: Subscriber) -> bool:
    """Return whether a reader has not come, or come back, since: old news says nothing of a new wish."""
    return event.address_hash == reader.address_hash and not reader.has_come_since(event.at)


def _is_enough(event: Event, reader: Subscriber) -> bool:
    """Return whether an event bars its address: a complaint and a hard one at once, a soft one as the third."""
    if event.kind == Kind.COMPLAINED or event.verdict == Verdict.HARD:
        return True
    return event.verdict == Verdict.SOFT and soft_times(reader, event.at) >= SOFT_TIMES


def soft_times(reader: Subscriber, at: datetime) -> int:
    """Return of how many mailings a reader's copies came back as soft since the last that arrived, up to `at`."""
    told = Event.objects.filter(address_hash=reader.address_hash, at__gt=at - SOFT_WITHIN, at__lte=at)
    came_back = told.filter(kind=Kind.BOUNCED).exclude(verdict=Verdict.POLICY)
    back = {one for one in came_back.values_list("mailing_id", flat=True) if one is not None}
    soft = dict(came_back.filter(verdict=Verdict.SOFT).order_by("at").values_list("mailing_id", "at"))
    delivered = told.filter(kind=Kind.DELIVERED).exclude(mailing_id__in=back).values_list("at", flat=True)
    arrived = max([*delivered, *_arrived_in_silence(reader, at, back)], default=at - SOFT_WITHIN)
    return sum(moment > arrived for moment in soft.values())


def _arrived_in_silence(reader: Subscriber, at: datetime, back: set[int]) -> Iterator[datetime]:
    """Yield when copies were sent of which nothing came back, though there was time for it."""
    lately = Mailing.objects.filter(planned_at__gt=at - SOFT_WITHIN).exclude(pk__in=back)
    rows = Delivery.objects.filter(mailing__in=lately, subscriber=reader, state=Delivery.State.SENT)
    for moment in rows.values_list("sent_at", flat=True):
        if moment is not None and moment < at - ARRIVES_WITHIN:
            yield moment
