"""Which refusals mean that an address is not mailed again: judged apart from the sending, from what it wrote down.

A dead address is suppressed at once, any other refusal of its reader when it is the third issue in a row. Before
that, one question is asked of each batch: does the server call so many dead that it must be out of order? Then
nobody is suppressed, the mailing is paused, and the author says which it is: `believe` or `doubt`.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Max
from django.utils import translation
from django.utils.translation import gettext as _

from newsletter.delivery.apart import apart
from newsletter.delivery.ledger import uncertain
from newsletter.delivery.models import Batch, Delivery, Mailing, Refusal
from newsletter.delivery.models.mailing import Step
from newsletter.mail.replies import BLAMES_THE_READER, Verdict, verdict
from newsletter.publication.models import Publication
from subscribers import departures
from subscribers.departures import Why
from subscribers.models import Subscriber, Suppression
from subscribers.models.suppressions import departure

ALARM_SHARE, ALARM_AT_LEAST = 0.1, 20  # dead of those answered since the first that waits: large providers stop at 10 %
ISSUES = 3  # refused one after the other before an address is suppressed that nobody called dead
WITHIN = timedelta(days=180)  # these issues
AGAIN_WITHIN = timedelta(days=3)  # of its end a mailing is opened again for refusals that are not believed
SLICE = 200  # refusals judged in one transaction

SENT, FAILED = Delivery.State.SENT, Delivery.State.FAILED
State = Refusal.State


class Standing(NamedTuple):
    """What is known of the last refusals of a batch that wait, ALARM_AT_LEAST at the most.

    dead: how many say that there is no such address. answered: copies since the first of these.
    is_through: whether each of its copies was tried.
    """

    dead: int
    answered: int
    is_through: bool

    @property
    def is_doubtful(self) -> bool:
        return self.dead > ALARM_SHARE * self.answered

    @property
    def is_alarming(self) -> bool:
        return self.is_doubtful and self.dead >= ALARM_AT_LEAST


# --- What the refusals mean ---


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
    standings = {batch: _standing(batch) for batch in batches}
    if any(one.is_alarming for one in standings.values()):
        _alarm(mailing)
        return 0
    if not mailing.counts().sent:
        return 0
    ready = [batch for batch, one in standings.items() if one.is_through or not one.is_doubtful]
    return sum(_judge(batch, now) for batch in ready)


def _with_refusals(mailing: Mailing) -> Iterator[Batch]:
    waiting = list(mailing.refusals.waiting().values_list("seq", flat=True).order_by("seq"))
    for batch in mailing.batches.filter(failed__gt=0).order_by("lo"):
        if any(batch.lo <= seq < batch.hi for seq in waiting):
            yield batch


def _standing(batch: Batch) -> Standing:
    dead = Refusal.objects.of_batch(batch).waiting().dead().order_by("-seq")
    last = list(dead.values_list("seq", flat=True)[:ALARM_AT_LEAST])
    if not last:
        return Standing(0, 0, is_through=True)
    since = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__gte=last[-1], seq__lt=batch.hi)
    answered = since.filter(state__in=[SENT, FAILED]).count()
    return Standing(len(last), answered, is_through=batch.state == Batch.State.DONE or batch.pass_no > 1)


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
            judged.filter(pk__in=barred).update(state=State.SUPPRESSED)
            judged.exclude(pk__in=barred).update(state=State.COUNTED)
        suppressed += len(barred)


def _suppress(refusal: Refusal, batch: Batch, words: str, now: datetime) -> bool:
    """Suppress the address of a refusal if it comes to that; return whether this did it."""
    reader = refusal.subscriber
    since = _since(reader, now)
    planned_at = batch.mailing.planned_at
    if planned_at is None or planned_at < since:  # it was said of another address
        return False
    if refusal.verdict != Verdict.DEAD and not _is_the_last_of_many(reader, batch, since):
        return False
    return reader.suppress(Suppression.Reason.BOUNCED, words)


def _since(reader: Subscriber, now: datetime) -> datetime:
    """Return from when on what was said counts: for some months, and not longer than the reader has the address."""
    moved = reader.address_changes.aggregate(there=Max("confirmed_at"), back=Max("undone_at"))
    times: list[datetime] = [at for at in moved.values() if at]
    return max([now - WITHIN, *times])


def _is_the_last_of_many(reader: Subscriber, batch: Batch, since: datetime) -> bool:
    """Return whether a reader's last issues were all refused, and not by a receiver that refuses all its readers."""
    issues = Mailing.objects.filter(kind=Mailing.Kind.ISSUE, planned_at__gte=since, pk__lte=batch.mailing_id)
    answered = Delivery.objects.filter(mailing__in=issues, subscriber=reader, state__in=[SENT, FAILED])
    last = list(answered.order_by("-mailing_id").values_list("state", "reply")[:ISSUES])
    refused = [words for state, words in last if state == FAILED and verdict(words) in BLAMES_THE_READER]
    return len(refused) == ISSUES and not _refuses_everybody(reader, batch)


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
    is_held = not mailing.counts().sent or any(_standing(batch).is_alarming for batch in _with_refusals(mailing))
    return waiting if is_held else 0


def called_dead(mailing: Mailing) -> int:
    """Return how many addresses the server of this mailing called dead, suppressed for it or not yet."""
    return mailing.refusals.dead().exclude(state=State.COUNTED).count()


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
        dead = list(mailing.refusals.dead().exclude(state=State.COUNTED).select_related("subscriber"))
        _lift([one.subscriber for one in dead if one.state == State.SUPPRESSED])
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
