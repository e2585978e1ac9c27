"""What an issue has brought: one set of facts for the page, the letter and the JSON, and the words for them.

Few queries, whose number is the same for any newsletter. Each issue before is counted for as long as this one is out,
so that three days are compared with three days. Whether anybody opened the letter is not known, and not asked.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, cast

from django.core.cache import caches
from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from newsletter.delivery.links import counting
from newsletter.delivery.models import (
    Batch,
    Breakdown,
    Delivery,
    Event,
    EventCount,
    Feedback,
    Mailing,
    MailingQuerySet,
    Reply,
)
from newsletter.delivery.models.deliveries import REST
from newsletter.issues.models import Issue
from newsletter.mail.replies import Verdict
from subscribers.models import Sentence, movements

DOMAINS = 5
SECONDS = 30  # for which what became of the copies is used again
# Why a copy that was accepted came back, in the words of those that were refused at once.
SAME_AS = {
    Event.Verdict.HARD: Verdict.DEAD,
    Event.Verdict.SOFT: Verdict.MAILBOX,
    Event.Verdict.POLICY: Verdict.POLICY,
}


@dataclass(frozen=True)
class Copies:
    """What became of the copies.

    arrived: how many the receivers have confirmed through the provider; None where it reports none.
    came_back: of those that were sent. by_reason, by_domain: refused at once or sent back later, the most frequent
    first; the domains are the largest few.
    """

    total: int
    sent: int
    failed: int
    uncertain: int
    skipped: int
    arrived: int | None
    came_back: int
    complaints: int
    by_reason: tuple[tuple[Verdict, int], ...]
    by_domain: tuple[tuple[str, int], ...]


def copies_of(mailing: Mailing) -> Copies:
    return cast("Copies", caches["pages"].get_or_set(f"copies:{mailing.pk}", lambda: _copies_of(mailing), SECONDS))


def _copies_of(mailing: Mailing) -> Copies:
    counts, found = mailing.counts(), Breakdown.objects.filter(mailing=mailing).first()
    came_back = _came_back(mailing)
    by_reason = Counter({Verdict(name): count for name, count in (found.by_verdict if found else {}).items()})
    refused = found.by_domain if found else {}
    by_domain = Counter({name: numbers[Delivery.State.FAILED] for name, numbers in refused.items()})
    told = came_back.order_by().values_list("verdict", "domain").annotate(copies=Count("seq", distinct=True))
    for verdict, domain, copies in told:
        by_reason[SAME_AS[Event.Verdict(verdict)]] += copies
        by_domain[domain] += copies
    by_domain.pop(REST, None)
    return Copies(
        total=counts.total,
        sent=counts.sent,
        failed=counts.failed,
        uncertain=counts.uncertain,
        skipped=counts.skipped,
        arrived=_arrived(mailing),
        came_back=came_back.values("seq").distinct().count(),
        complaints=_distinct(Event.objects.filter(mailing_id=mailing.pk, kind=Event.Kind.COMPLAINED)),
        by_reason=tuple((+by_reason).most_common()),
        by_domain=tuple((+by_domain).most_common(DOMAINS)),
    )


def _came_back(mailing: Mailing) -> QuerySet[Event]:
    """Return what came back of copies that had been accepted: an uncertain one has failed by it, and is counted so."""
    told = Event.objects.filter(mailing_id=mailing.pk, seq__isnull=False).exclude(verdict="")
    has_failed = Delivery.objects.filter(mailing_id=mailing.pk, seq=OuterRef("seq"), state=Delivery.State.FAILED)
    return told.filter(~Exists(has_failed))


def _arrived(mailing: Mailing) -> int | None:
    """Return how many copies arrived: the last word counts, so what came back afterwards has not."""
    told = Event.objects.filter(mailing_id=mailing.pk, seq__isnull=False)
    delivered = told.filter(kind=Event.Kind.DELIVERED)
    count, came_back = _distinct(delivered), told.exclude(verdict="")
    if thinned := _thinned(mailing):
        return max(0, count + thinned - _distinct(came_back))
    if not count:
        return None
    return count - _distinct(delivered.filter(seq__in=came_back.order_by().values("seq")))


def _thinned(mailing: Mailing) -> int:
    """Return how many arrived of those whose events are numbers by now: about, a copy may have been told of twice."""
    found = EventCount.objects.filter(mailing_id=mailing.pk, kind=Event.Kind.DELIVERED, verdict="")
    count: int = found.aggregate(all=Sum("count", default=0))["all"]
    return min(mailing.counts().sent, count)


def _distinct(events: QuerySet[Event]) -> int:
    found: int = events.aggregate(copies=Count("seq", distinct=True))["copies"]
    return found


LAST = 6  # issues


def counted() -> MailingQuerySet:
    """Return the mailings with what became of their copies, as their batches have counted."""
    batches = Batch.objects.filter(mailing=OuterRef("pk")).order_by().values("mailing")
    sums = {
        f"{name}_copies": Subquery(batches.annotate(sum=Sum(name)).values("sum"), output_field=IntegerField())
        for name in ("sent", "failed", "uncertain")
    }
    return Mailing.objects.defer("html", "text", "note").select_related("issue").annotate(**sums)


def copies(mailing: Mailing, state: str) -> int:
    """Return how many copies of a mailing of `counted` are `state`: "sent", "failed" or "uncertain"."""
    return getattr(mailing, f"{state}_copies") or 0


def last(before: Mailing | None = None) -> list[Mailing]:
    """Return the last mailings that were sent, one an issue, the latest first: never one that is only planned.

    before: only those of other issues that were closed before it.
    """
    over = counted().filter(state=Mailing.State.SENT, kind=Mailing.Kind.ISSUE, planned_at__isnull=False)
    if before is not None:
        over = over.exclude(issue=before.issue_id).filter(finished_at__lt=before.finished_at)
    latest = over.order_by("-finished_at", "-pk")[: 2 * LAST]
    return list({one.issue_id: one for one in reversed(latest)}.values())[::-1][:LAST]


def answers(until: Mapping[int, datetime]) -> dict[tuple[int, str], int]:
    """Return how many readers gave each answer before a moment, by issue and answer. until: by the key of the issue."""
    if not until:
        return {}
    within = Q()
    for issue, end in until.items():
        within |= Q(issue=issue, given_at__lt=end)
    given = Feedback.objects.filter(within).order_by().values_list("issue", "answer")
    return {(issue, answer): count for issue, answer, count in given.annotate(Count("pk"))}


def replies_counted(until: Mapping[int, datetime]) -> dict[int, int]:
    """Return how many replies each issue had before a moment; strangers' are none. until: by the key of the issue."""
    if not until:
        return {}
    within = Q()
    for issue_id, end in until.items():
        within |= Q(issue_id=issue_id, received_at__lt=end)
    found = Reply.objects.filter(within, subscriber__isnull=False).order_by().values_list("issue_id")
    return dict(found.annotate(mails=Count("pk")).values_list("issue_id", "mails"))


Answer = Feedback.Answer
SENTENCES = 12
LINKS = 12


@dataclass(frozen=True)
class Brought:
    """What one issue has brought. missed: copies that failed or are uncertain. lasted: for how long it was counted."""

    number: int
    lasted: timedelta
    sent: int
    missed: int
    helpful: int
    fair: int
    replies: int
    came: int
    left: int


@dataclass(frozen=True)
class Followed:
    """A link of the issue, and by about how many people it was followed."""

    address: str
    times: int


@dataclass(frozen=True)
class Facts:
    """What is known of an issue at one moment.

    before: the issues that it is compared with, the oldest first. is_over: whether the next issue has left, so that
    nobody comes or leaves by this one. sentences: what readers said of it, the newest first; said: how many there are.
    followed: empty while links are not counted.
    """

    mailing: Mailing
    at: datetime
    copies: Copies
    this: Brought
    before: tuple[Brought, ...]
    is_over: bool
    sentences: tuple[str, ...] = ()
    said: int = 0
    followed: tuple[Followed, ...] = ()

    @property
    def issue(self) -> Issue:
        return self.mailing.issue


def of(mailing: Mailing, now: datetime) -> Facts | None:
    """Return the facts of a mailing that is over; None while it is not, and of a correction."""
    if not mailing.finished_at or not mailing.planned_at or mailing.kind != Mailing.Kind.ISSUE:
        return None
    this = counted().get(pk=mailing.pk)
    following = _next_after(this.issue)
    brought = _brought([*reversed(last(before=this)), this], following or now)
    said = Sentence.objects.filter(kind=Sentence.Kind.FEEDBACK, issue=this.issue.number)
    return Facts(
        mailing=this,
        at=now,
        copies=copies_of(this),
        this=brought[-1],
        before=tuple(brought[:-1]),
        is_over=following is not None,
        sentences=tuple(said.order_by("-pk").values_list("text", flat=True)[:SENTENCES]),
        said=said.count(),
        followed=tuple(Followed(one.url, one.people) for one in counting.followed(this) if one.people)[:LINKS],
    )


def _next_after(issue: Issue) -> datetime | None:
    later = Issue.objects.filter(sent_at__gt=issue.sent_at).order_by("sent_at")
    return later.values_list("sent_at", flat=True).first()


def _brought(compared: Sequence[Mailing], until: datetime) -> list[Brought]:
    """Return what each mailing has brought, counted from its beginning for as long as the last one was out."""
    times = [one.issue.sent_at or one.planned_at or until for one in compared]
    lasted = max(timedelta(), until - times[-1])
    within = [(began, min(began + lasted, ended)) for began, ended in pairwise([*times, until])]
    ends = [end for _began, end in within]
    given = answers({one.issue_id: end for one, end in zip(compared, ends, strict=True)})
    answered = replies_counted({one.issue_id: end for one, end in zip(compared, ends, strict=True)})
    return [
        Brought(
            number=one.issue.number,
            lasted=end - began,
            sent=copies(one, "sent"),
            missed=copies(one, "failed") + copies(one, "uncertain"),
            helpful=given.get((one.issue_id, Answer.HELPFUL.value), 0),
            fair=given.get((one.issue_id, Answer.FAIR.value), 0),
            replies=answered.get(one.issue_id, 0),
            came=readers.came,
            left=readers.left,
        )
        for one, (began, end), readers in zip(compared, within, movements(within), strict=True)
    ]


# --- The facts in words, in the language that is active ---


REASONS: dict[Verdict, tuple[Promise, Promise]] = {
    Verdict.DEAD: (
        gettext_lazy("The address does not exist"),
        gettext_lazy("Or it was closed. It gets no mail any more; there is nothing to do."),
    ),
    Verdict.MAILBOX: (
        gettext_lazy("The mailbox is full, or in trouble"),
        gettext_lazy("The next issue tries it again. After three issues in a row it gets no mail any more."),
    ),
    Verdict.POLICY: (
        gettext_lazy("The receiver does not want the letter"),
        gettext_lazy(
            "It distrusts the sender or the content. See whether SPF, DKIM and DMARC are right, and what it says."
        ),
    ),
    Verdict.OURS: (
        gettext_lazy("A fault on our side"),
        gettext_lazy("Sender, login or message were not accepted. See the settings of the sender, and what was said."),
    ),
    Verdict.UNKNOWN: (
        gettext_lazy("The receiver does not say why"),
        gettext_lazy("The next issue tries it again. If it goes on, ask the reader for another address."),
    ),
}


MEASURES: dict[str, Callable[[], Any]] = {
    "sent": lambda: _("Sent"),
    "missed": lambda: _("Did not get it"),
    "helpful": lambda: _("Said “%(answer)s”") % {"answer": Answer.HELPFUL.label},
    "fair": lambda: _("Said “%(answer)s”") % {"answer": Answer.FAIR.label},
    "replies": lambda: _("Replies by mail"),
    "came": lambda: _("New readers"),
    "left": lambda: _("Readers who left"),
}


@dataclass(frozen=True)
class Line:
    """One number of an issue. before: those of the issues before, the oldest first; "" if there is none."""

    name: str
    label: str
    number: str
    before: str = ""


def lines(facts: Facts) -> list[Line]:
    """Return the numbers in the order of the page. Replies are left out where none has ever come."""
    has_replies = any(one.replies for one in (*facts.before, facts.this))
    names = [name for name in MEASURES if name != "replies" or has_replies]
    return [Line(name, label(name), number(getattr(facts.this, name)), _before(facts, name)) for name in names]


def _before(facts: Facts, measure: str) -> str:
    numbers = [number(getattr(one, measure)) for one in facts.before]
    return _("before: %(numbers)s") % {"numbers": _(", ").join(numbers)} if numbers else ""


def label(measure: str) -> str:
    return str(MEASURES[measure]())


def number(count: int) -> str:
    return f"{count:,}"


# --- Beside the issues before ---


def how_compared(facts: Facts) -> str:
    """Return with what the numbers are compared, and for how long each was counted."""
    if not facts.before:
        return _("This is the first issue; there is nothing to compare it with yet.")
    issues = len(facts.before)
    text = ngettext(
        "Compared with the issue before, each counted for as long as this one is out.",
        "Compared with the %(issues)s issues before, each counted for as long as this one is out.",
        issues,
    )
    return text % {"issues": issues}


# --- The copies ---


def about_copies(facts: Facts) -> str:
    """Return what became of the copies, as sentences: sent, arrived, sent back, uncertain, complained of."""
    return joined(_about_copies(facts))


def joined(sentences: Iterable[str]) -> str:
    """Return sentences as one text: with a space between them, but behind a full stop that is as wide as a letter."""
    text = ""
    for sentence in sentences:
        text += sentence if not text or text.endswith("。") else f" {sentence}"
    return text


def _about_copies(facts: Facts) -> Iterator[str]:
    found = facts.copies
    yield _with(found.sent, ngettext("Sent to %(number)s reader.", "Sent to %(number)s readers.", found.sent))
    if found.arrived is None:
        yield _("That means the mail server has accepted them; whether each arrived, it does not say.")
    else:
        text = ngettext(
            "%(number)s has arrived, its receiver reports.",
            "%(number)s have arrived, their receivers report.",
            found.arrived,
        )
        yield _with(found.arrived, text)
    if found.failed:
        text = ngettext("%(number)s was refused at once.", "%(number)s were refused at once.", found.failed)
        yield _with(found.failed, text)
    if found.came_back:
        text = ngettext("%(number)s was sent back later.", "%(number)s were sent back later.", found.came_back)
        yield _with(found.came_back, text)
    if silent := found.sent - found.came_back - (found.arrived or 0) if found.arrived is not None else 0:
        yield _with(silent, ngettext("Of %(number)s nothing was heard.", "Of %(number)s nothing was heard.", silent))
    if found.uncertain:
        text = _("Of %(number)s nobody knows: the answer of the mail server was lost.")
        yield _with(found.uncertain, text)
    if found.complaints:
        text = ngettext(
            "%(number)s reader called it unwanted.", "%(number)s readers called it unwanted.", found.complaints
        )
        yield _with(found.complaints, text)


def _with(count: int, text: str) -> str:
    return text % {"number": number(count)}


def why_failed(facts: Facts) -> list[tuple[str, str]]:
    return [(str(REASONS[one][0]), number(count)) for one, count in facts.copies.by_reason]


def where_failed(facts: Facts) -> list[tuple[str, str]]:
    return [(name, number(count)) for name, count in facts.copies.by_domain]


def document(facts: Facts, *, shows_sentences: bool) -> dict[str, Any]:
    """Return the result as JSON's types. shows_sentences: whether who asks may read what readers say."""
    found = facts.copies
    written: dict[str, Any] = {
        "issue": facts.issue.number,
        "subject": facts.mailing.subject,
        "mailing": facts.mailing.pk,
        "sent_at": facts.issue.sent_at.isoformat() if facts.issue.sent_at else None,
        "counted_at": facts.at.isoformat(),
        "counted_for_seconds": round(facts.this.lasted.total_seconds()),
        "is_over": facts.is_over,
        "copies": {name: getattr(found, name) for name in ("total", "sent", "failed", "uncertain", "skipped")},
        "arrived": found.arrived,
        "came_back": found.came_back,
        "complaints": found.complaints,
        "not_arrived_by_reason": {str(reason): count for reason, count in found.by_reason},
        "not_arrived_by_domain": dict(found.by_domain),
        "numbers": {name: _number(facts, name) for name in MEASURES},
        "sentences_count": facts.said,
    }
    if shows_sentences:
        written["sentences"] = list(facts.sentences)
    if facts.followed:
        written["links"] = [{"address": one.address, "times": one.times} for one in facts.followed]
    return written


def _number(facts: Facts, measure: str) -> dict[str, Any]:
    return {"count": getattr(facts.this, measure), "before": [getattr(one, measure) for one in facts.before]}
