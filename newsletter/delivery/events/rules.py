"""What follows from refusals and events: copies are settled, addresses barred, and what is too much stops a mailing.

A dead address and a complaint bar at once, any other refusal when a reader's last issues all came back. Two questions
are asked before anybody is blamed, each of at least AT_LEAST copies and more than SHARE of them. Does the server call
so many dead that it must be out of order? Then nobody is suppressed, the mailing is paused, and the author says which
it is: `believe` or `doubt`. Does a receiver refuse so much for reasons of its own that what goes on is refused too?
Then no reader is to blame: a mailing of which it has a real share is paused, of a smaller one the author is told.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched, groupby

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from newsletter.delivery.apart import apart
from newsletter.delivery.events.facts import Kind, Verdict
from newsletter.delivery.events.finding import Found
from newsletter.delivery.ledger import uncertain
from newsletter.delivery.ledger.uncertain import Evidence, Known
from newsletter.delivery.models import Batch, Breakdown, Delivery, Event, Mailing, Refusal
from newsletter.delivery.models.deliveries import WAITS_AGAIN
from newsletter.delivery.models.mailing import Step
from newsletter.mail import replies
from newsletter.publication.models import Publication
from subscribers import departures
from subscribers.departures import Why
from subscribers.models import Subscriber, Suppression
from subscribers.models.consents import Circumstances
from subscribers.models.suppressions import departure

AT_LEAST, SHARE = 20, 0.1  # copies, and of those answered: large providers stop at 10 % of dead addresses
STOPS_AT = 0.05  # of all copies a receiver's: anybody can have twenty mailboxes at a domain of their own
ISSUES = 3  # that came back one after the other, in WITHIN: then an address that nobody called dead is barred
WITHIN = timedelta(days=90)
AGAIN_WITHIN = timedelta(days=3)  # of its end a mailing is opened again for refusals that are not believed
SLICE = 200  # refusals judged in one transaction
AT_ONCE = 1_000  # copies of one statement
SENT, FAILED = Delivery.State.SENT, Delivery.State.FAILED


# --- A receiver that refuses us ---


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


def stop(events: Iterable[Event]) -> None:
    """Pause the mailings of which one of these events says that a large receiver refuses too much of them."""
    told = {(one.mailing_id, one.domain) for one in events if one.verdict == Verdict.POLICY and one.domain}
    sending = Mailing.objects.filter(pk__in=[pk for pk, _domain in told if pk], state=Mailing.State.SENDING)
    for mailing in sending.defer("html", "text"):
        mine = [domain for pk, domain in told if pk == mailing.pk]
        for found in refusing(mailing, mine):
            if _has_real_share(mailing, found.domain):
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


# --- Events ---

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
    events = [one.event for one in news]
    settle_copies(events)
    stop(events)
    for one in news:
        if one.found.reader is not None:
            _apply_to_reader(one, one.found.reader)


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
    if event.kind == Kind.COMPLAINED or event.verdict == Verdict.HARD:
        return True
    return event.verdict == Verdict.SOFT and has_come_back(reader, event.mailing_id or 0, event.at)


def has_come_back(reader: Subscriber, mailing_id: int, at: datetime) -> bool:
    """Return whether a reader's last issues up to this one all came back, at once or later, and none for policy."""
    since = _has_address_since(reader, at)
    issues = Mailing.objects.filter(kind=Mailing.Kind.ISSUE, planned_at__gte=since, pk__lte=mailing_id)
    copies = Delivery.objects.filter(mailing__in=issues, subscriber=reader, state__in=[SENT, FAILED])
    told = Event.objects.filter(address_hash=reader.address_hash, mailing_id__lte=mailing_id, at__gt=since, at__lte=at)
    became = {
        pk: state == FAILED and replies.verdict(words) in replies.BLAMES_THE_READER
        for pk, state, words in copies.values_list("mailing_id", "state", "reply")
    }
    for pk, kind, verdict in told.values_list("mailing_id", "kind", "verdict"):
        if pk is not None and kind in {Kind.BOUNCED, Kind.DELIVERED}:
            became[pk] = became.get(pk, False) or (kind == Kind.BOUNCED and verdict != Verdict.POLICY)
    last = sorted(became, reverse=True)[:ISSUES]
    return len(last) == ISSUES and all(became[pk] for pk in last)


def _has_address_since(reader: Subscriber, now: datetime) -> datetime:
    """Return from when on what was said counts: for some months, and not longer than the reader has the address."""
    moved = reader.address_changes.aggregate(there=Max("confirmed_at"), back=Max("undone_at"))
    times: list[datetime] = [at for at in moved.values() if at]
    return max([now - WITHIN, *times])


# --- Refusals while an issue is sent ---


def settle(now: datetime) -> int:
    """Judge the refusals that wait, of all mailings that are not paused; return how many addresses were suppressed."""
    waiting = Refusal.objects.waiting().order_by().values("mailing").distinct()
    mailings = Mailing.objects.filter(pk__in=waiting).exclude(state=Mailing.State.PAUSED)
    suppressed = 0
    for mailing in mailings.defer("html", "text"):
        with apart(f"judging refusals of mailing {mailing.pk}"):
            suppressed += _settle(mailing, now)
    return suppressed


def _settle(mailing: Mailing, now: datetime) -> int:
    """Judge one mailing's refusals; those of a batch in doubt wait for more answers, or for the author.

    Where nobody's copy was accepted, nothing is known about anybody.
    """
    batches = list(_with_refusals(mailing))
    if mailing.believes_refusals:
        return sum(_judge(batch, now) for batch in batches)
    dead = {batch: _doubtful(batch) for batch in batches}
    if any(count >= AT_LEAST for count in dead.values()):
        _alarm(mailing)
        return 0
    if not mailing.counts().sent:
        return 0
    return sum(_judge(batch, now) for batch in batches if not dead[batch] or _is_through(batch))


def _with_refusals(mailing: Mailing) -> Iterator[Batch]:
    waiting = list(mailing.refusals.waiting().values_list("seq", flat=True).order_by("seq"))
    for batch in mailing.batches.filter(failed__gt=0).order_by("lo"):
        if any(batch.lo <= seq < batch.hi for seq in waiting):
            yield batch


def _doubtful(batch: Batch) -> int:
    """Return how many of the last refusals of a batch call an address dead; 0 while that is no more than SHARE.

    Counted are AT_LEAST at the most, and the copies that were answered since the first of these.
    """
    dead = Refusal.objects.of_batch(batch).waiting().dead().order_by("-seq")
    last = list(dead.values_list("seq", flat=True)[:AT_LEAST])
    since = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__gte=min(last, default=batch.hi), seq__lt=batch.hi)
    return len(last) if len(last) > SHARE * since.filter(state__in=[SENT, FAILED]).count() else 0


def _is_through(batch: Batch) -> bool:
    return batch.state == Batch.State.DONE or batch.pass_no > 1


def _alarm(mailing: Mailing) -> None:
    """Stop a mailing whose server calls too many dead; one that has nothing left to send waits as it is."""
    if mailing.batches.exclude(state=Batch.State.DONE).exists():
        with translation.override(Publication.objects.current().language):
            reason = _(
                "The mail server says of %(count)d addresses that they do not exist. Decide whether it is right."
            )
            words = reason % {"count": mailing.refusals.waiting().dead().count()}
        mailing.pause(words, Mailing.Cause.ADDRESSES)


def _judge(batch: Batch, now: datetime) -> int:
    """Judge the refusals of a batch, slice by slice; return how many addresses were suppressed."""
    suppressed = 0
    while True:
        with transaction.atomic():
            batch.mailing.lock()  # the author may be deciding
            waiting = Refusal.objects.of_batch(batch).waiting().select_related("subscriber")
            some = list(waiting.order_by("seq")[:SLICE])
            if not some:
                return suppressed
            copies = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__in=[one.seq for one in some])
            words = dict(copies.values_list("seq", "reply"))
            barred = {one.pk for one in some if _suppress(one, batch, words.get(one.seq, ""), now)}
            judged = Refusal.objects.filter(pk__in=[one.pk for one in some])
            judged.filter(pk__in=barred).update(state=Refusal.State.SUPPRESSED)
            judged.exclude(pk__in=barred).update(state=Refusal.State.COUNTED)
        suppressed += len(barred)


def _suppress(refusal: Refusal, batch: Batch, words: str, now: datetime) -> bool:
    """Suppress the address of a refusal if it comes to that; return whether this did it."""
    reader, planned_at = refusal.subscriber, batch.mailing.planned_at
    if planned_at is None or planned_at < _has_address_since(reader, now):  # it was said of another address
        return False
    is_dead = refusal.verdict == replies.Verdict.DEAD
    if not is_dead and (_refuses_everybody(reader, batch) or not has_come_back(reader, batch.mailing_id, now)):
        return False
    return reader.suppress(Suppression.Reason.BOUNCED, words)


def _refuses_everybody(reader: Subscriber, batch: Batch) -> bool:
    """Return whether several readers at this domain were refused, and none accepted: a block list without the word."""
    domain = reader.email.rpartition("@")[2]
    theirs = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)
    theirs = theirs.filter(subscriber__email__iendswith=f"@{domain}")
    return theirs.filter(state=FAILED).count() > 1 and not theirs.filter(state=SENT).exists()


# --- What the author decides ---


def in_question(mailing: Mailing) -> int:
    """Return how many addresses were called dead and are not suppressed until the author says so."""
    waiting = mailing.refusals.waiting().dead().count()
    if not waiting or mailing.state == Mailing.State.SENDING or mailing.believes_refusals:
        return 0
    is_held = not mailing.counts().sent or any(_doubtful(batch) >= AT_LEAST for batch in _with_refusals(mailing))
    return waiting if is_held else 0


def called_dead(mailing: Mailing) -> int:
    """Return how many addresses the server of this mailing called dead, suppressed for it or not yet."""
    return mailing.refusals.dead().exclude(state=Refusal.State.COUNTED).count()


def believe(mailing: Mailing, now: datetime) -> int:
    """Suppress the addresses that were called dead, and those that will be; return how many wait for it."""
    with transaction.atomic():
        mailing.lock()
        waiting = mailing.refusals.waiting().dead().count()
        if waiting:
            mailing.record(Step.What.BELIEVED, str(waiting), now)
    for batch in list(_with_refusals(mailing)):
        _judge(batch, now)
    return waiting


def doubt(mailing: Mailing, now: datetime) -> int:
    """Take back that addresses are dead: none stays suppressed for it, and their copies are tried again.

    Returns how many these are. Such a copy was refused, so nobody gets two. A mailing that ended days ago, was
    cancelled or has a successor tries nobody again.
    """
    with transaction.atomic():
        mailing.lock()
        mailing.refresh_from_db(fields=["state", "finished_at"])
        dead = list(mailing.refusals.dead().exclude(state=Refusal.State.COUNTED).select_related("subscriber"))
        _lift([one.subscriber for one in dead if one.state == Refusal.State.SUPPRESSED])
        if dead and _may_try_again(mailing, now):
            uncertain.retry_refused(mailing, [one.seq for one in dead])
        mailing.refusals.filter(pk__in=[one.pk for one in dead]).delete()
        if dead:
            mailing.record(Step.What.DOUBTED, str(len(dead)), now)
    return len(dead)


def _lift(readers: list[Subscriber]) -> None:
    hashes = [reader.address_hash for reader in readers]
    lifted = Suppression.objects.filter(reason=Suppression.Reason.BOUNCED, address_hash__in=hashes)
    departures.write([departure(Why.LIFTED, who) for who in lifted.values_list("address_hash", flat=True)])
    lifted.delete()


def _may_try_again(mailing: Mailing, now: datetime) -> bool:
    is_recent = mailing.finished_at is None or mailing.finished_at > now - AGAIN_WITHIN
    return is_recent and uncertain.can_be_sent_again(mailing)
