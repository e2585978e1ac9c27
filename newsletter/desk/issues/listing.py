"""The list of issues: unsent and open ones, and one year of sent ones.

A constant number of queries. Counts of copies come from the batches.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from newsletter.delivery.models import Batch, Feedback, Mailing
from newsletter.desk.next_issue import unscheduled_issues
from newsletter.issues.assembly import add_post
from newsletter.issues.models import Issue, IssueQuerySet
from newsletter.posts.models import Post
from newsletter.publication.changes import Change
from subscribers.models import Movement, count_movements

OPEN_MAX = 20  # rows above the year
YEAR_PARAMETER = "year"  # parameter of the address


@dataclass(frozen=True)
class SentCounts:
    """sent, missed: copies. mailing: its key."""

    mailing: int
    sent: int
    missed: int


@dataclass(frozen=True)
class IssueRow:
    """mailing: the last one. result: None if no mailing of ours carried the issue.

    readers: subscriptions and unsubscriptions from its sending until the next issue was sent.
    """

    issue: Issue
    mailing: Mailing | None = None
    result: SentCounts | None = None
    helpful: int = 0
    readers: Movement | None = None


def shows_year(parameters: QueryDict) -> bool:
    """Is a year requested? A search is left to the stock change list."""
    return not parameters.keys() - {YEAR_PARAMETER}


def list_context(asked: str, now: datetime) -> dict[str, Any]:
    """Context of templates/desk/issues.html. asked: the year in the query string, "" for the latest."""
    years = list(Issue.objects.archived().years())
    known = [year for year, _amount in years]
    year = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) == 4 else 0
    shown = year if year in known else next(iter(known), 0)
    rows_open = _rows_open()
    return {
        "rows_open": rows_open,
        "years": years,
        "year": shown,
        "rows_sent": _rows_sent(shown, now, but={row.issue.pk for row in rows_open}) if shown else [],
        "helpful_label": Feedback.Rating.HELPFUL.label,
    }


def with_progress() -> QuerySet[Mailing]:
    """Mailings, oldest first, with `finished`: the number of settled copies."""
    answered = F("sent") + F("failed") + F("uncertain") + F("skipped")
    sums = Batch.objects.filter(mailing=OuterRef("pk")).values("mailing").annotate(sum=Sum(answered))
    finished = Subquery(sums.values("sum"), output_field=IntegerField())
    return Mailing.objects.defer("html", "text").annotate(finished=finished).order_by("pk")


def _rows_open() -> list[IssueRow]:
    """Unsent issues and those being sent, the lowest number first."""
    open_mailings = Mailing.objects.open().filter(issue=OuterRef("pk"), kind=Mailing.Kind.ISSUE)
    issues = Issue.objects.filter(Q(sent_at__isnull=True) | Q(Exists(open_mailings)))
    counted = _without_texts(issues).annotate(items_count=Count("items"))
    found = list(counted.order_by("number")[:OPEN_MAX])
    latest = {mailing.issue_id: mailing for mailing in with_progress().filter(issue__in=found)}
    return [IssueRow(issue, latest.get(issue.pk)) for issue in found]


def _rows_sent(year: int, now: datetime, *, but: set[int]) -> list[IssueRow]:
    issues = list(_without_texts(Issue.objects.archived().in_year(year)).exclude(pk__in=but).reverse())
    results, helpful, readers = _results(issues), _helpful(issues), _readers(issues, now)
    return [
        IssueRow(one, result=results.get(one.pk), helpful=helpful.get(one.pk, 0), readers=readers[one.pk])
        for one in issues
    ]


def _without_texts(issues: IssueQuerySet) -> IssueQuerySet:
    return issues.defer("introduction", "closing")


def _results(issues: list[Issue]) -> dict[int, SentCounts]:
    planned = Mailing.objects.filter(issue__in=issues, kind=Mailing.Kind.ISSUE, planned_at__isnull=False)
    sums = (
        planned.order_by("pk")
        .values_list("issue", "pk")
        .annotate(
            Sum("batches__sent", default=0), Sum("batches__failed", default=0), Sum("batches__uncertain", default=0)
        )
    )
    found: dict[int, SentCounts] = {}
    for issue, mailing, sent, failed, uncertain in sums:
        former = found.get(issue, SentCounts(mailing, 0, 0))
        found[issue] = SentCounts(mailing, former.sent + sent, former.missed + failed + uncertain)
    return found


def _readers(issues: list[Issue], now: datetime) -> dict[int, Movement]:
    sent = {one.pk: one.sent_at for one in issues if one.sent_at}
    if not sent:
        return {}
    times = Issue.objects.filter(sent_at__gt=min(sent.values())).order_by("sent_at").values_list("sent_at", flat=True)
    ends = [at for at in times if at] + [now]
    within = [(at, next((end for end in ends if end > at), now)) for at in sent.values()]
    return dict(zip(sent, count_movements(within), strict=True))


def _helpful(issues: list[Issue]) -> dict[int, int]:
    given = Feedback.objects.filter(issue__in=issues, answer=Feedback.Rating.HELPFUL).order_by()
    return dict(given.values_list("issue").annotate(Count("pk")))


@require_POST
def put_post_in(request: HttpRequest, pk: int, post_pk: int) -> HttpResponse:
    """Append a dated post to an issue. If it is in one already, say in which."""
    issue = get_object_or_404(Issue, pk=pk)
    post = get_object_or_404(Post.objects.filter(published_at__isnull=False), pk=post_pk)
    back = redirect("admin:index") if "today" in request.POST else redirect("admin:posts_post_change", post.pk)
    if found := post.issues.order_by("number").first():
        _say(request, messages.INFO, _("“{post}” is in {issue} already."), post, found)
    elif post.is_unlisted:
        text = _("Nothing was changed: “{post}” is unlisted, and the archive shows all posts of {issue}.")
        _say(request, messages.WARNING, text, post, issue)
    elif not unscheduled_issues().filter(pk=issue.pk).exists():
        _say(request, messages.WARNING, _("Nothing was changed: {issue} is scheduled or sent by now."), post, issue)
    elif add_post(issue, post):
        Change.objects.log(Change.Action.CHANGED, [issue], {"put_in": [str(post)]})
        _say(request, messages.SUCCESS, _("“{post}” is in {issue} now."), post, issue)
        if "today" not in request.POST:  # continue with the issue
            return redirect("admin:issues_issue_change", issue.pk)
    return back


def _say(request: HttpRequest, level: int, text: str, post: Post, issue: Issue) -> None:
    number = _("issue %(number)s") % {"number": issue.number}
    link = format_html('<a href="{}">{}</a>', reverse("admin:issues_issue_change", args=[issue.pk]), number)
    messages.add_message(request, level, format_html(text, post=post, issue=link))
