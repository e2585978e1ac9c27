"""The result of an issue, for the desk's page, the result letter and the JSON, and its texts.

A constant number of queries. Earlier issues are counted over the same time since sending as this one, or until the
next issue if that came earlier. Opens are not tracked.
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

from newsletter.delivery.links.counting import LinkCount, link_counts
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
from newsletter.delivery.models.deliveries import OTHER_DOMAINS
from newsletter.issues.models import Issue
from newsletter.mail.smtp_replies import RefusalReason
from subscribers.models import Sentence, count_movements

DOMAINS_SHOWN = 5
CACHE_SECONDS = 30  # of copy_stats
# Bounces are counted by the same reasons as immediate refusals.
REASON_OF_BOUNCE = {
    Event.BounceType.HARD: RefusalReason.DEAD,
    Event.BounceType.SOFT: RefusalReason.MAILBOX,
    Event.BounceType.POLICY: RefusalReason.POLICY,
}


@dataclass(frozen=True)
class CopyStats:
    """Deliveries of a mailing by result.

    arrived: confirmed by the receivers through the provider; None if it does not report that.
    came_back: bounced after being sent. by_reason, by_domain: refused at once or bounced later, the most frequent
    first. by_domain: the DOMAINS_SHOWN with the most; immediate refusals are known only for the largest domains.
    """

    total: int
    sent: int
    failed: int
    uncertain: int
    skipped: int
    arrived: int | None
    came_back: int
    complaints: int
    by_reason: tuple[tuple[RefusalReason, int], ...]
    by_domain: tuple[tuple[str, int], ...]


def copy_stats(mailing: Mailing) -> CopyStats:
    stats = caches["pages"].get_or_set(f"copies:{mailing.pk}", lambda: _count_copy_stats(mailing), CACHE_SECONDS)
    return cast("CopyStats", stats)


def _count_copy_stats(mailing: Mailing) -> CopyStats:
    counts, found = mailing.counts(), Breakdown.objects.filter(mailing=mailing).first()
    came_back = _bounces(mailing)
    by_reason = Counter({RefusalReason(name): count for name, count in (found.by_verdict if found else {}).items()})
    refused = found.by_domain if found else {}
    by_domain = Counter({name: numbers[Delivery.State.FAILED] for name, numbers in refused.items()})
    reported = came_back.order_by().values_list("verdict", "domain").annotate(copies=Count("seq", distinct=True))
    for verdict, domain, copies in reported:
        by_reason[REASON_OF_BOUNCE[Event.BounceType(verdict)]] += copies
        by_domain[domain] += copies
    by_domain.pop(OTHER_DOMAINS, None)
    return CopyStats(
        total=counts.total,
        sent=counts.sent,
        failed=counts.failed,
        uncertain=counts.uncertain,
        skipped=counts.skipped,
        arrived=_count_arrived(mailing),
        came_back=_count_copies(came_back),
        complaints=_count_copies(Event.objects.filter(mailing_id=mailing.pk, kind=Event.Kind.COMPLAINED)),
        by_reason=tuple((+by_reason).most_common()),
        by_domain=tuple((+by_domain).most_common(DOMAINS_SHOWN)),
    )


def _bounces(mailing: Mailing) -> QuerySet[Event]:
    """Bounces of accepted deliveries. An uncertain delivery that bounced was set to failed, so it is not included."""
    reported = Event.objects.filter(mailing_id=mailing.pk, seq__isnull=False).exclude(verdict="")
    has_failed = Delivery.objects.filter(mailing_id=mailing.pk, seq=OuterRef("seq"), state=Delivery.State.FAILED)
    return reported.filter(~Exists(has_failed))


def _count_arrived(mailing: Mailing) -> int | None:
    """Deliveries that arrived and did not bounce afterwards."""
    reported = Event.objects.filter(mailing_id=mailing.pk, seq__isnull=False)
    delivered = reported.filter(kind=Event.Kind.DELIVERED)
    count, came_back = _count_copies(delivered), reported.exclude(verdict="")
    if thinned := _count_thinned(mailing):
        return max(0, count + thinned - _count_copies(came_back))
    if not count:
        return None
    return count - _count_copies(delivered.filter(seq__in=came_back.order_by().values("seq")))


def _count_thinned(mailing: Mailing) -> int:
    """Arrivals whose events were deleted and only counted (EventCount): approximate, as a delivery may have several."""
    counts = EventCount.objects.filter(mailing_id=mailing.pk, kind=Event.Kind.DELIVERED, verdict="")
    count: int = counts.aggregate(all=Sum("count", default=0))["all"]
    return min(mailing.counts().sent, count)


def _count_copies(events: QuerySet[Event]) -> int:
    found: int = events.aggregate(copies=Count("seq", distinct=True))["copies"]
    return found


ISSUES_COMPARED = 6


def mailings_with_counts() -> MailingQuerySet:
    """Mailings annotated with sent_copies, failed_copies and uncertain_copies, by their batches."""
    batches = Batch.objects.filter(mailing=OuterRef("pk")).order_by().values("mailing")
    sums = {
        f"{name}_copies": Subquery(batches.annotate(sum=Sum(name)).values("sum"), output_field=IntegerField())
        for name in ("sent", "failed", "uncertain")
    }
    return Mailing.objects.defer("html", "text", "note").select_related("issue").annotate(**sums)


def counted_copies(mailing: Mailing, state: str) -> int:
    """mailing: from `mailings_with_counts`. state: "sent", "failed" or "uncertain"."""
    return getattr(mailing, f"{state}_copies") or 0


def last_mailings(before: Mailing | None = None) -> list[Mailing]:
    """The last finished mailings, one per issue, latest first.

    before: only those of other issues finished before it.
    """
    over = mailings_with_counts().filter(state=Mailing.State.SENT, kind=Mailing.Kind.ISSUE, planned_at__isnull=False)
    if before is not None:
        over = over.exclude(issue=before.issue_id).filter(finished_at__lt=before.finished_at)
    latest = over.order_by("-finished_at", "-pk")[: 2 * ISSUES_COMPARED]
    return list({one.issue_id: one for one in reversed(latest)}.values())[::-1][:ISSUES_COMPARED]


def feedback_counts(until: Mapping[int, datetime]) -> dict[tuple[int, str], int]:
    """Feedback by issue key and answer. until: the end of counting by issue key."""
    if not until:
        return {}
    within = Q.create([Q(issue=issue, given_at__lt=end) for issue, end in until.items()], Q.OR)
    given = Feedback.objects.filter(within).order_by().values_list("issue", "answer")
    return {(issue, answer): count for issue, answer, count in given.annotate(Count("pk"))}


def reply_counts(until: Mapping[int, datetime]) -> dict[int, int]:
    """Readers' replies by issue key. until: the end of counting by issue key, of at least one issue."""
    within = Q.create([Q(issue_id=issue_id, received_at__lt=end) for issue_id, end in until.items()], Q.OR)
    found = Reply.objects.filter(within, subscriber__isnull=False).order_by().values_list("issue_id")
    return dict(found.annotate(mails=Count("pk")).values_list("issue_id", "mails"))


Rating = Feedback.Rating
SENTENCES_SHOWN = 12
LINKS_SHOWN = 12


@dataclass(frozen=True)
class IssueStats:
    """Numbers of one issue. missed: failed or uncertain deliveries. counted_for: the time since it was sent."""

    number: int
    counted_for: timedelta
    sent: int
    missed: int
    helpful: int
    fair: int
    replies: int
    came: int
    left: int


@dataclass(frozen=True)
class IssueResult:
    """The result of an issue as of `at`.

    before: the issues it is compared with, oldest first. is_over: the next issue was sent; feedback, replies, sign-ups
    and departures after that are not counted for this one. feedback_sentences: newest first; sentence_count: of all.
    followed_links: empty if links are not counted.
    """

    mailing: Mailing
    at: datetime
    copies: CopyStats
    this: IssueStats
    before: tuple[IssueStats, ...]
    is_over: bool
    feedback_sentences: tuple[str, ...] = ()
    sentence_count: int = 0
    followed_links: tuple[LinkCount, ...] = ()

    @property
    def issue(self) -> Issue:
        return self.mailing.issue


def issue_result(mailing: Mailing, now: datetime) -> IssueResult | None:
    if not mailing.finished_at or not mailing.planned_at or mailing.kind != Mailing.Kind.ISSUE:
        return None
    this = mailings_with_counts().get(pk=mailing.pk)
    later = Issue.objects.filter(sent_at__gt=this.issue.sent_at).order_by("sent_at")
    next_sent_at = later.values_list("sent_at", flat=True).first()
    stats = _issue_stats([*reversed(last_mailings(before=this)), this], next_sent_at or now)
    sentences = Sentence.objects.filter(kind=Sentence.Kind.FEEDBACK, issue=this.issue.number)
    followed = [link for link in link_counts(this) if link.people]
    return IssueResult(
        mailing=this,
        at=now,
        copies=copy_stats(this),
        this=stats[-1],
        before=tuple(stats[:-1]),
        is_over=next_sent_at is not None,
        feedback_sentences=tuple(sentences.order_by("-pk").values_list("text", flat=True)[:SENTENCES_SHOWN]),
        sentence_count=sentences.count(),
        followed_links=tuple(followed[:LINKS_SHOWN]),
    )


def _issue_stats(compared: Sequence[Mailing], until: datetime) -> list[IssueStats]:
    """The numbers of each mailing, all counted for as long as the last one is out, or until the next issue."""
    times = [one.issue.sent_at or one.planned_at or until for one in compared]
    counted_for = max(timedelta(), until - times[-1])
    within = [(began, min(began + counted_for, ended)) for began, ended in pairwise([*times, until])]
    until_by_issue = {one.issue_id: end for one, (_began, end) in zip(compared, within, strict=True)}
    given, replies = feedback_counts(until_by_issue), reply_counts(until_by_issue)
    return [
        IssueStats(
            number=one.issue.number,
            counted_for=end - began,
            sent=counted_copies(one, "sent"),
            missed=counted_copies(one, "failed") + counted_copies(one, "uncertain"),
            helpful=given.get((one.issue_id, Rating.HELPFUL.value), 0),
            fair=given.get((one.issue_id, Rating.FAIR.value), 0),
            replies=replies.get(one.issue_id, 0),
            came=readers.came,
            left=readers.left,
        )
        for one, (began, end), readers in zip(compared, within, count_movements(within), strict=True)
    ]


REASON_TEXTS: dict[RefusalReason, tuple[Promise, Promise]] = {
    RefusalReason.DEAD: (
        gettext_lazy("The address does not exist"),
        gettext_lazy("Or it was closed. It gets no mail any more; there is nothing to do."),
    ),
    RefusalReason.MAILBOX: (
        gettext_lazy("The mailbox is full, or in trouble"),
        gettext_lazy("The next issue tries it again. After three issues in a row it gets no mail any more."),
    ),
    RefusalReason.POLICY: (
        gettext_lazy("The receiver does not want the letter"),
        gettext_lazy(
            "It distrusts the sender or the content. See whether SPF, DKIM and DMARC are right, and what it says."
        ),
    ),
    RefusalReason.OURS: (
        gettext_lazy("A fault on our side"),
        gettext_lazy("Sender, login or message were not accepted. See the settings of the sender, and what was said."),
    ),
    RefusalReason.UNKNOWN: (
        gettext_lazy("The receiver does not say why"),
        gettext_lazy("The next issue tries it again. If it goes on, ask the reader for another address."),
    ),
}


MEASURE_LABELS: dict[str, Callable[[], Any]] = {
    "sent": lambda: _("Sent"),
    "missed": lambda: _("Did not get it"),
    "helpful": lambda: _("Said “%(answer)s”") % {"answer": Rating.HELPFUL.label},
    "fair": lambda: _("Said “%(answer)s”") % {"answer": Rating.FAIR.label},
    "replies": lambda: _("Replies by mail"),
    "came": lambda: _("New readers"),
    "left": lambda: _("Readers who left"),
}


@dataclass(frozen=True)
class ResultLine:
    """A measure as text. before: the numbers of earlier issues, oldest first; "" without any."""

    name: str
    label: str
    number: str
    before: str = ""


def result_lines(result: IssueResult) -> list[ResultLine]:
    has_replies = any(one.replies for one in (*result.before, result.this))
    lines = []
    for name in MEASURE_LABELS:
        if name != "replies" or has_replies:
            numbers = [format_count(getattr(one, name)) for one in result.before]
            before = _("before: %(numbers)s") % {"numbers": _(", ").join(numbers)} if numbers else ""
            lines.append(ResultLine(name, measure_label(name), format_count(getattr(result.this, name)), before))
    return lines


def measure_label(measure: str) -> str:
    return str(MEASURE_LABELS[measure]())


def format_count(count: int) -> str:
    return f"{count:,}"


def comparison_note(result: IssueResult) -> str:
    if not result.before:
        return _("This is the first issue; there is nothing to compare it with yet.")
    issues = len(result.before)
    text = ngettext(
        "Compared with the issue before, each counted for as long as this one is out.",
        "Compared with the %(issues)s issues before, each counted for as long as this one is out.",
        issues,
    )
    return text % {"issues": issues}


def copies_text(result: IssueResult) -> str:
    return join_sentences(_about_copies(result))


def join_sentences(sentences: Iterable[str]) -> str:
    """Join sentences with spaces, except after a full-width full stop."""
    text = ""
    for sentence in sentences:
        text += sentence if not text or text.endswith("。") else f" {sentence}"
    return text


def _about_copies(result: IssueResult) -> Iterator[str]:
    copies = result.copies
    yield _with_number(copies.sent, ngettext("Sent to %(number)s reader.", "Sent to %(number)s readers.", copies.sent))
    if copies.arrived is None:
        yield _("That means the mail server has accepted them; whether each arrived, it does not say.")
    else:
        text = ngettext(
            "%(number)s has arrived, its receiver reports.",
            "%(number)s have arrived, their receivers report.",
            copies.arrived,
        )
        yield _with_number(copies.arrived, text)
    if copies.failed:
        text = ngettext("%(number)s was refused at once.", "%(number)s were refused at once.", copies.failed)
        yield _with_number(copies.failed, text)
    if copies.came_back:
        text = ngettext("%(number)s was sent back later.", "%(number)s were sent back later.", copies.came_back)
        yield _with_number(copies.came_back, text)
    if silent := copies.sent - copies.came_back - (copies.arrived or 0) if copies.arrived is not None else 0:
        text = ngettext("%(number)s has no report.", "%(number)s have no report.", silent)
        yield _with_number(silent, text)
    if copies.uncertain:
        text = _("Of %(number)s nobody knows: the answer of the mail server was lost.")
        yield _with_number(copies.uncertain, text)
    if copies.complaints:
        text = ngettext(
            "%(number)s reader called it unwanted.", "%(number)s readers called it unwanted.", copies.complaints
        )
        yield _with_number(copies.complaints, text)


def _with_number(count: int, text: str) -> str:
    return text % {"number": format_count(count)}


def failures_by_reason(result: IssueResult) -> list[tuple[str, str]]:
    return [(str(REASON_TEXTS[one][0]), format_count(count)) for one, count in result.copies.by_reason]


def failures_by_domain(result: IssueResult) -> list[tuple[str, str]]:
    return [(name, format_count(count)) for name, count in result.copies.by_domain]


def result_json(result: IssueResult, *, shows_sentences: bool) -> dict[str, Any]:
    """The result as JSON types. shows_sentences: the caller may see what readers write."""
    copies = result.copies
    numbers = {
        name: {"count": getattr(result.this, name), "before": [getattr(one, name) for one in result.before]}
        for name in MEASURE_LABELS
    }
    payload: dict[str, Any] = {
        "issue": result.issue.number,
        "subject": result.mailing.subject,
        "mailing": result.mailing.pk,
        "sent_at": result.issue.sent_at.isoformat() if result.issue.sent_at else None,
        "counted_at": result.at.isoformat(),
        "counted_for_seconds": round(result.this.counted_for.total_seconds()),
        "is_over": result.is_over,
        "copies": {name: getattr(copies, name) for name in ("total", "sent", "failed", "uncertain", "skipped")},
        "arrived": copies.arrived,
        "came_back": copies.came_back,
        "complaints": copies.complaints,
        "not_arrived_by_reason": {str(reason): count for reason, count in copies.by_reason},
        "not_arrived_by_domain": dict(copies.by_domain),
        "numbers": numbers,
        "sentences_count": result.sentence_count,
    }
    if result.issue.choices:
        answers = [one._asdict() for one in result.issue.tally()]
        payload["question"] = {"question": result.issue.question, "answers": answers}
    if shows_sentences:
        payload["sentences"] = list(result.feedback_sentences)
    if result.followed_links:
        payload["links"] = [{"address": one.url, "times": one.people} for one in result.followed_links]
    return payload
