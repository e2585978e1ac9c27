"""Receivers that refuse our mail for reasons of their own: counted by domain, told to the author, no reader's fault.

While a mailing is being sent, it stops where a receiver of a real share of it refuses too much: what goes on is refused
as well, and makes it worse. Of a smaller one the author is told, and the sending goes on.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from newsletter.delivery.events.facts import Verdict
from newsletter.delivery.models import Breakdown, Delivery, Event, Mailing
from newsletter.delivery.models.history import Step
from newsletter.publication.models import Publication

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
