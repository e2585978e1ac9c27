"""Consequences of refusals and events: settles deliveries, suppresses addresses, and pauses mailings.

A dead address or a complaint suppresses at once, any other refusal once a reader's last BOUNCES_IN_A_ROW issues all
bounced. Two checks come first: whether at least REFUSED_MIN deliveries were refused, and they are more than
REFUSED_SHARE_MAX of those with a result. If the server calls so many addresses dead, it may be broken: nobody is
suppressed, the mailing is paused, and the author decides by `confirm_dead` or `retry_dead`. If a domain refuses so many
by policy, no reader is to blame: the mailing is paused if the domain is a real share of it, else an alert is sent.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched, groupby

from django.db import transaction
from django.db.models import Count, Max, Q
from django.utils import translation
from django.utils.translation import gettext as _

from newsletter.delivery.error_logging import log_errors
from newsletter.delivery.events.matching import CopyMatch
from newsletter.delivery.events.parsed import BounceType, EventKind
from newsletter.delivery.ledger import uncertain
from newsletter.delivery.ledger.uncertain import DeliveryReport, Resolution
from newsletter.delivery.models import Batch, Breakdown, Delivery, Event, Mailing, Refusal
from newsletter.delivery.models.deliveries import IS_REQUEUED
from newsletter.delivery.models.mailing import MailingStep
from newsletter.mail import smtp_replies
from newsletter.publication.models import Publication
from subscribers import departures
from subscribers.departures import DepartureKind
from subscribers.models import Subscriber, Suppression
from subscribers.models.consents import ConsentDetails
from subscribers.models.suppressions import make_departure

# Refused deliveries, and their share of those with a result: large providers stop at 10 % dead addresses.
REFUSED_MIN, REFUSED_SHARE_MAX = 20, 0.1
# A domain's share of all deliveries: anybody can have twenty mailboxes at a domain of their own.
DOMAIN_SHARE_MIN = 0.05
BOUNCES_IN_A_ROW = 3  # in BOUNCE_WINDOW: then an address is suppressed though no server called it dead
BOUNCE_WINDOW = timedelta(days=90)
REOPEN_WITHIN = timedelta(days=3)  # after its end a mailing is still reopened by `retry_dead`
REFUSALS_PER_SLICE = 200  # in one transaction
DELIVERIES_PER_STATEMENT = 1_000
SENT, FAILED = Delivery.State.SENT, Delivery.State.FAILED


@dataclass(frozen=True)
class RefusingDomain:
    """count: refused deliveries. reply: the last one."""

    domain: str
    count: int
    reply: str

    def __str__(self) -> str:
        message = _("%(domain)s refuses %(count)d copies, not because of their readers. It says: “%(words)s”")
        advice = _("Check SPF, DKIM and DMARC of the sender, and its pages for senders, before you go on.")
        return f"{message % {'domain': self.domain, 'count': self.count, 'words': self.reply[:200]}} {advice}"


def pause_refused(events: Iterable[Event]) -> None:
    """Pause mailings for which one of these events shows that a large domain refuses too much."""
    reported = {(one.mailing_id, one.domain) for one in events if one.verdict == BounceType.POLICY and one.domain}
    sending = Mailing.objects.filter(pk__in=[pk for pk, _domain in reported if pk], state=Mailing.State.SENDING)
    for mailing in sending.defer("html", "text"):
        domains = [domain for pk, domain in reported if pk == mailing.pk]
        for refusing in refusing_domains(mailing, domains):
            copies = mailing.deliveries.filter(subscriber__email__iendswith=f"@{refusing.domain}")  # slow, but rare
            if copies.count() >= DOMAIN_SHARE_MIN * mailing.total:
                with translation.override(Publication.objects.current().language):
                    mailing.pause(str(refusing), Mailing.Cause.RECEIVER)


def refusing_domains(mailing: Mailing, domains: Collection[str] = ()) -> Iterator[RefusingDomain]:
    """Yield domains that refuse too much of a mailing since it last resumed. domains: only these; empty: all."""
    since = mailing.steps.filter(what=MailingStep.Kind.RESUMED).order_by("pk").values_list("at", flat=True).last()
    reported = Event.objects.filter(mailing_id=mailing.pk, verdict=BounceType.POLICY).exclude(domain="")
    reported = reported.filter(created_at__gt=since) if since else reported
    reported = reported.filter(domain__in=domains) if domains else reported
    counted = reported.order_by("domain").values_list("domain").annotate(count=Count("seq", distinct=True))
    for domain, count in counted.filter(count__gte=REFUSED_MIN):
        if count > REFUSED_SHARE_MAX * _count_sent_to(mailing, domain):
            replies = reported.filter(domain=domain).order_by("pk").values_list("words", flat=True)
            yield RefusingDomain(domain, count, replies.last() or "")


def _count_sent_to(mailing: Mailing, domain: str) -> int:
    """Deliveries sent to a domain, or the smallest number of those counted separately if it is not: it has no more."""
    breakdown = Breakdown.objects.filter(pk=mailing.pk).first()
    largest = {name: breakdown.by_domain.get(name) for name in breakdown.domains} if breakdown else {}
    sent = {name: int(numbers[Delivery.State.SENT]) for name, numbers in largest.items() if numbers}
    return sent.get(domain, min(sent.values(), default=mailing.counts().sent))


# DEFERRED is accepted too: the provider has the message, and tries again.
RESOLUTION_OF_EVENT = dict.fromkeys(set(EventKind) - {EventKind.UNKNOWN}, Resolution.ACCEPTED) | dict.fromkeys(
    (EventKind.BOUNCED, EventKind.REJECTED, EventKind.FAILED), Resolution.REFUSED
)
SUPPRESSION_REASON_OF_EVENT = {
    EventKind.COMPLAINED: Suppression.Reason.COMPLAINED,
    EventKind.BOUNCED: Suppression.Reason.BOUNCED,
    EventKind.REJECTED: Suppression.Reason.BOUNCED,  # on the provider's suppression list: nothing would reach it
}


@dataclass(frozen=True)
class NewEvent:
    """reply: the server's reply with its e-mail addresses; they are removed in `event.words`."""

    event: Event
    match: CopyMatch
    reply: str = ""


def apply_new_events(new_events: Sequence[NewEvent]) -> None:
    events = [one.event for one in new_events]
    settle_copies(events)
    pause_refused(events)
    for one in new_events:
        if one.match.reader is not None:
            _apply_to_reader(one, one.match.reader)


def settle_copies(events: Iterable[Event]) -> int:
    reported = [
        one for one in events if one.mailing_id is not None and one.seq is not None and one.kind in RESOLUTION_OF_EVENT
    ]
    reported.sort(key=lambda one: (one.mailing_id or 0, one.seq or 0, one.at))
    settled = 0
    for mailing_id, group in groupby(reported, key=lambda one: one.mailing_id):
        # The last event counts: a delivered message may bounce later.
        last = {one.seq or 0: one for one in group}
        for seqs in batched(last, DELIVERIES_PER_STATEMENT, strict=False):
            unsettled = Delivery.objects.filter(Q(state=Delivery.State.UNCERTAIN) | IS_REQUEUED, seq__in=seqs)
            for delivery in list(unsettled.filter(mailing_id=mailing_id).select_related("mailing")):
                event = last[delivery.seq]
                reply = event.words or f"{event.source}: {event.kind}"
                report = DeliveryReport(RESOLUTION_OF_EVENT[EventKind(event.kind)], event.at, reply)
                settled += uncertain.resolve(delivery, report)
    return settled


def _apply_to_reader(new_event: NewEvent, reader: Subscriber) -> None:
    event = new_event.event
    if event.kind == EventKind.UNSUBSCRIBED:
        if not reader.has_joined_since(event.at):
            reader.unsubscribe(event.at, ConsentDetails(f"{event.source}: unsubscribed"))
    elif event.kind in SUPPRESSION_REASON_OF_EVENT and _is_conclusive(event, reader):
        reader.suppress(SUPPRESSION_REASON_OF_EVENT[EventKind(event.kind)], new_event.reply[:500])


def _is_conclusive(event: Event, reader: Subscriber) -> bool:
    """Whether the event proves that no mail may go to the reader's present address; not if they joined again since."""
    if event.address_hash != reader.address_hash or reader.has_joined_since(event.at):
        return False
    if event.kind == EventKind.COMPLAINED or event.verdict == BounceType.HARD:
        return True
    return event.verdict == BounceType.SOFT and has_bounced_repeatedly(reader, event.mailing_id or 0, event.at)


def has_bounced_repeatedly(reader: Subscriber, mailing_id: int, at: datetime) -> bool:
    """Whether the last BOUNCES_IN_A_ROW issues of a reader up to this one all bounced, and none by policy."""
    since = _counts_since(reader, at)
    issues = Mailing.objects.filter(kind=Mailing.Kind.ISSUE, planned_at__gte=since, pk__lte=mailing_id)
    copies = Delivery.objects.filter(mailing__in=issues, subscriber=reader, state__in=[SENT, FAILED])
    reported = Event.objects.filter(
        address_hash=reader.address_hash, mailing_id__lte=mailing_id, at__gt=since, at__lte=at
    )
    has_bounced = {
        pk: state == FAILED and smtp_replies.classify_refusal(reply) in smtp_replies.RECIPIENT_REASONS
        for pk, state, reply in copies.values_list("mailing_id", "state", "reply")
    }
    for pk, kind, verdict in reported.values_list("mailing_id", "kind", "verdict"):
        if pk is not None and kind in {EventKind.BOUNCED, EventKind.DELIVERED}:
            has_bounced[pk] = has_bounced.get(pk, False) or (kind == EventKind.BOUNCED and verdict != BounceType.POLICY)
    last = sorted(has_bounced, reverse=True)[:BOUNCES_IN_A_ROW]
    return len(last) == BOUNCES_IN_A_ROW and all(has_bounced[pk] for pk in last)


def _counts_since(reader: Subscriber, now: datetime) -> datetime:
    """Reports count from this time on: at most BOUNCE_WINDOW, and not before the reader had this address."""
    address_changed_at = reader.address_changes.aggregate(there=Max("confirmed_at"), back=Max("undone_at"))
    times: list[datetime] = [at for at in address_changed_at.values() if at]
    return max([now - BOUNCE_WINDOW, *times])


def judge_refusals(now: datetime) -> int:
    """Judge waiting refusals of all mailings that are not paused; return how many addresses were suppressed."""
    waiting = Refusal.objects.waiting().order_by().values("mailing").distinct()
    mailings = Mailing.objects.filter(pk__in=waiting).exclude(state=Mailing.State.PAUSED)
    suppressed = 0
    for mailing in mailings.defer("html", "text"):
        with log_errors(f"judging refusals of mailing {mailing.pk}"):
            suppressed += _judge_mailing(mailing, now)
    return suppressed


def _judge_mailing(mailing: Mailing, now: datetime) -> int:
    """Judge one mailing's refusals; those of a doubtful batch wait for more results, or for the author.

    While no message was accepted at all, nothing can be said about any address.
    """
    batches = list(_with_refusals(mailing))
    if mailing.dead_are_confirmed:
        return sum(_judge_batch(batch, now) for batch in batches)
    dead = {batch: _count_dead_if_doubtful(batch) for batch in batches}
    if any(count >= REFUSED_MIN for count in dead.values()):
        if mailing.batches.exclude(state=Batch.State.DONE).exists():
            with translation.override(Publication.objects.current().language):
                text = _(
                    "The mail server says of %(count)d addresses that they do not exist. Decide whether it is right."
                )
            reason = text % {"count": mailing.refusals.waiting().dead().count()}
            mailing.pause(reason, Mailing.Cause.ADDRESSES)
        return 0
    if not mailing.counts().sent:
        return 0
    tried_once = [batch for batch in batches if batch.state == Batch.State.DONE or batch.pass_no > 1]
    return sum(_judge_batch(batch, now) for batch in batches if not dead[batch] or batch in tried_once)


def _with_refusals(mailing: Mailing) -> Iterator[Batch]:
    waiting = list(mailing.refusals.waiting().values_list("seq", flat=True).order_by("seq"))
    for batch in mailing.batches.filter(failed__gt=0).order_by("lo"):
        if any(batch.lo <= seq < batch.hi for seq in waiting):
            yield batch


def _count_dead_if_doubtful(batch: Batch) -> int:
    """Count the batch's last waiting refusals that call an address dead, up to REFUSED_MIN.

    0 if they are at most REFUSED_SHARE_MAX of the deliveries with a result from the first of them on.
    """
    dead = Refusal.objects.of_batch(batch).waiting().dead().order_by("-seq")
    last = list(dead.values_list("seq", flat=True)[:REFUSED_MIN])
    deliveries_since = batch.mailing.deliveries.filter(seq__gte=min(last, default=batch.hi), seq__lt=batch.hi)
    return len(last) if len(last) > REFUSED_SHARE_MAX * deliveries_since.filter(state__in=[SENT, FAILED]).count() else 0


def _judge_batch(batch: Batch, now: datetime) -> int:
    """Judge a batch's refusals, slice by slice; return how many addresses were suppressed."""
    suppressed = 0
    while True:
        with transaction.atomic():
            batch.mailing.lock()  # the author may be deciding
            waiting = Refusal.objects.of_batch(batch).waiting().select_related("subscriber")
            refusals = list(waiting.order_by("seq")[:REFUSALS_PER_SLICE])
            if not refusals:
                return suppressed
            copies = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__in=[one.seq for one in refusals])
            replies = dict(copies.values_list("seq", "reply"))
            suppressed_now = {one.pk for one in refusals if _suppress_if_due(one, batch, replies.get(one.seq, ""), now)}
            judged = Refusal.objects.filter(pk__in=[one.pk for one in refusals])
            judged.filter(pk__in=suppressed_now).update(state=Refusal.State.SUPPRESSED)
            judged.exclude(pk__in=suppressed_now).update(state=Refusal.State.COUNTED)
        suppressed += len(suppressed_now)


def _suppress_if_due(refusal: Refusal, batch: Batch, reply: str, now: datetime) -> bool:
    """Suppress the address of a refusal if the rules say so; return whether this call did."""
    reader, planned_at = refusal.subscriber, batch.mailing.planned_at
    if planned_at is None or planned_at < _counts_since(reader, now):  # too old, or about the former address
        return False
    is_dead = refusal.verdict == smtp_replies.RefusalReason.DEAD
    if not is_dead and (_refuses_everybody(reader, batch) or not has_bounced_repeatedly(reader, batch.mailing_id, now)):
        return False
    return reader.suppress(Suppression.Reason.BOUNCED, reply)


def _refuses_everybody(reader: Subscriber, batch: Batch) -> bool:
    """Whether several readers at this domain were refused and none accepted: a policy that the reply does not name."""
    domain = reader.email.rpartition("@")[2]
    theirs = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)
    theirs = theirs.filter(subscriber__email__iendswith=f"@{domain}")
    return theirs.filter(state=FAILED).count() > 1 and not theirs.filter(state=SENT).exists()


def count_undecided_dead(mailing: Mailing) -> int:
    """Addresses called dead that are not suppressed until the author decides."""
    waiting = mailing.refusals.waiting().dead().count()
    if not waiting or mailing.state == Mailing.State.SENDING or mailing.dead_are_confirmed:
        return 0
    is_held = not mailing.counts().sent or any(
        _count_dead_if_doubtful(batch) >= REFUSED_MIN for batch in _with_refusals(mailing)
    )
    return waiting if is_held else 0


def count_dead(mailing: Mailing) -> int:
    """Addresses called dead, suppressed already or not yet."""
    return mailing.refusals.dead().exclude(state=Refusal.State.COUNTED).count()


def confirm_dead(mailing: Mailing, now: datetime) -> int:
    """The author confirms: suppress addresses called dead, now and later; return how many were waiting."""
    with transaction.atomic():
        mailing.lock()
        waiting = mailing.refusals.waiting().dead().count()
        if waiting:
            mailing.record(MailingStep.Kind.REFUSALS_ACCEPTED, str(waiting), now)
    for batch in list(_with_refusals(mailing)):
        _judge_batch(batch, now)
    return waiting


def retry_dead(mailing: Mailing, now: datetime) -> int:
    """The author disagrees: lift the suppressions of addresses called dead and retry their deliveries.

    Return the number of those refusals, even if nothing is retried: the mailing ended long ago, was cancelled or has a
    successor. The first copies were refused, so nobody gets a second one.
    """
    with transaction.atomic():
        mailing.lock()
        mailing.refresh_from_db(fields=["state", "finished_at"])
        dead = list(mailing.refusals.dead().exclude(state=Refusal.State.COUNTED).select_related("subscriber"))
        _lift_suppressions([one.subscriber for one in dead if one.state == Refusal.State.SUPPRESSED])
        is_recent = mailing.finished_at is None or mailing.finished_at > now - REOPEN_WITHIN
        if dead and is_recent and uncertain.can_be_sent_again(mailing):
            uncertain.retry_refused(mailing, [one.seq for one in dead])
        mailing.refusals.filter(pk__in=[one.pk for one in dead]).delete()
        if dead:
            mailing.record(MailingStep.Kind.REFUSALS_DOUBTED, str(len(dead)), now)
    return len(dead)


def _lift_suppressions(readers: list[Subscriber]) -> None:
    hashes = [reader.address_hash for reader in readers]
    lifted = Suppression.objects.filter(reason=Suppression.Reason.BOUNCED, address_hash__in=hashes)
    lifted_hashes = lifted.values_list("address_hash", flat=True)
    departures.append_to_file([make_departure(DepartureKind.LIFTED, one) for one in lifted_hashes])
    lifted.delete()
