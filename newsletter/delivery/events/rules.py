"""Receivers that refuse our mail for reasons of their own: counted by domain, told to the author, no reader's fault.

While a mailing is being sent, it stops where a receiver of a real share of it refuses too much: what goes on is refused
as well, and makes it worse. Of a smaller one the author is told, and the sending goes on.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched, groupby

from django.db.models import Count, Q, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from newsletter.delivery.events.facts import Kind, Verdict
from newsletter.delivery.events.finding import Found
from newsletter.delivery.ledger import uncertain
from newsletter.delivery.ledger.uncertain import Evidence, Known
from newsletter.delivery.models import Breakdown, Delivery, Event, Mailing
from newsletter.delivery.models.deliveries import WAITS_AGAIN
from newsletter.delivery.models.mailing import Step
from newsletter.publication.models import Publication
from subscribers.models import Subscriber, Suppression
from subscribers.models.consents import Circumstances

AT_LEAST, SHARE = 20, 0.1  # copies refused, of those sent to the receiver
STOPS_AT = 0.05  # of all copies: anybody can have twenty mailboxes at a domain of their own
SHOWN = 10  # pauses


@dataclass(frozen=True)
class Refusing:
    """A receiver that refuses too much of a mailing, how many copies, and its last words."""

    domain: str
    count: int
    words: str

    def __str__(self) -> str:
        message = _("%(domain)s refuses %(count)d copies, not because of their readers. It says: “%(words)s”")
        advice = _("Check SPF, DKIM and DMARC of the sender, and its pages for senders, before you go on.")
        return f"{message % {'domain': self.domain, 'count': self.count, 'words': self.words[:200]}} {advice}"


@dataclass(frozen=True)
class Pause:
    """A mailing that stopped because of a receiver: when, and what the receiver said of how many copies until now."""

    at: datetime
    mailing: Mailing
    refusing: Refusing


def stop(events: Iterable[Event]) -> None:
    """Pause the mailings of which one of these events says that a large receiver refuses too much of them."""
    told = {(one.mailing_id, one.domain) for one in events if one.verdict == Verdict.POLICY and one.domain}
    sending = Mailing.objects.filter(pk__in=[pk for pk, _domain in told if pk], state=Mailing.State.SENDING)
    for mailing in sending.defer("html", "text"):
        mine = [domain for pk, domain in told if pk == mailing.pk]
        for found in refusing(mailing, mine):
            if not _has_real_share(mailing, found.domain):
                continue
            with translation.override(Publication.objects.current().language):
                mailing.pause(str(found), Mailing.Cause.RECEIVER)


def refusing(mailing: Mailing, domains: Collection[str] = ()) -> Iterator[Refusing]:
    """Yield which receivers refuse too much of a mailing since it last went on. domains: of these alone, or of all."""
    since = mailing.steps.filter(what=Step.What.RESUMED).order_by("pk").values_list("at", flat=True).last()
    told = Event.objects.filter(mailing_id=mailing.pk, verdict=Verdict.POLICY).exclude(domain="")
    told = told.filter(created_at__gt=since) if since else told
    told = told.filter(domain__in=domains) if domains else told
    counted = told.order_by("domain").values_list("domain").annotate(count=Count("seq", distinct=True))
    for domain, count in counted.filter(count__gte=AT_LEAST):
        if count > SHARE * _sent_to(mailing, domain):
            yield Refusing(domain, count, _last_words(told, domain))


def _last_words(told: QuerySet[Event], domain: str) -> str:
    return told.filter(domain=domain).order_by("pk").values_list("words", flat=True).last() or ""


def _sent_to(mailing: Mailing, domain: str) -> int:
    """Return how many copies went to a receiver; of one that is not counted by itself, how many at most."""
    counted = Breakdown.objects.filter(pk=mailing.pk).first()
    largest = {name: counted.by_domain.get(name) for name in counted.domains} if counted else {}
    sent = {name: int(numbers[Delivery.State.SENT]) for name, numbers in largest.items() if numbers}
    return sent.get(domain, min(sent.values(), default=mailing.counts().sent))


def _has_real_share(mailing: Mailing, domain: str) -> bool:
    """Return whether a receiver has a real share of a mailing's readers; asked only where much was refused."""
    theirs = mailing.deliveries.filter(subscriber__email__iendswith=f"@{domain}")
    return theirs.count() >= STOPS_AT * mailing.total


def pauses(since: datetime) -> list[Pause]:
    """Return the last mailings that receivers have stopped, the newest first."""
    steps = Step.objects.filter(what=Step.What.PAUSED, at__gt=since, mailing__planned_at__isnull=False)
    steps = steps.select_related("mailing__issue").defer("mailing__html", "mailing__text").order_by("-pk")[: 4 * SHOWN]
    found = (Pause(step.at, step.mailing, one) for step in steps for one in _named_in(step))
    return list(found)[:SHOWN]


def _named_in(step: Step) -> Iterator[Refusing]:
    """Yield the receivers that a pause names as its reason."""
    told = Event.objects.filter(mailing_id=step.mailing_id, verdict=Verdict.POLICY).exclude(domain="")
    counted = told.order_by().values_list("domain").annotate(count=Count("seq", distinct=True))
    for domain, count in counted.filter(count__gte=AT_LEAST):
        if step.detail.startswith(f"{domain} "):
            yield Refusing(domain, count, _last_words(told, domain))


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
    stop(events)
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
