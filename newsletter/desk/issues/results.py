"""The result of an issue for its page: numbers, text, and charts against the six issues before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import mean

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from newsletter.delivery import results
from newsletter.delivery.models import Mailing
from newsletter.delivery.results import IssueResult, IssueStats
from newsletter.desk.chart import Chart, ChartTable, bar_chart
from newsletter.issues.models import Issue, KeptText
from newsletter.issues.questions import result_markdown
from newsletter.publication.models import Publication


@dataclass(frozen=True)
class ComparedNumber:
    """One number of an issue and its average over the issues before. No chart without these."""

    label: str
    now: str
    average: str = ""
    chart: Chart | None = None


@dataclass(frozen=True)
class IssueResultPage:
    """is_over: the next issue was sent, so the numbers of this one are final."""

    lines: tuple[ComparedNumber, ...]
    numbers: ChartTable | None
    before: int
    is_over: bool
    about: str
    domains: tuple[tuple[str, str], ...]
    how_compared: str
    sentences: tuple[str, ...]
    more_said: int


def result_page(mailing: Mailing, now: datetime) -> IssueResultPage | None:
    """None while it is being sent, and for a correction."""
    found = results.issue_result(mailing, now)
    if found is None:
        return None
    return IssueResultPage(
        lines=tuple(_line(one, found) for one in results.result_lines(found)),
        numbers=_numbers(found) if found.before else None,
        before=len(found.before),
        is_over=found.is_over,
        about=results.copies_text(found),
        domains=tuple(results.failures_by_domain(found)),
        how_compared=results.comparison_note(found),
        sentences=found.sentences,
        more_said=found.sentence_count - len(found.sentences),
    )


@require_safe
def result_as_json(request: HttpRequest, pk: int) -> JsonResponse:
    """The result as JSON, in the publication's language."""
    mailing = get_object_or_404(Mailing.objects.defer("html", "text").select_related("issue"), pk=pk)
    found = results.issue_result(mailing, timezone.now())
    if found is None:
        raise Http404(pk)
    shows_sentences = request.user.has_perm("subscribers.see_readers")
    with translation.override(Publication.objects.current().language):
        written = results.result_json(found, shows_sentences=shows_sentences)
    return JsonResponse(written, json_dumps_params={"ensure_ascii": False, "indent": 2})


@require_POST
def keep_question(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep the result of the issue's question as a text for the introduction of the next one."""
    issue = get_object_or_404(Issue, mailings=pk)
    name = _("The question of issue %(number)s") % {"number": issue.number}
    with translation.override(Publication.objects.current().language):
        text = result_markdown(issue)
    KeptText.objects.update_or_create(kind=KeptText.Kind.INTRODUCTION, name=name, defaults={"text": text})
    messages.success(request, _("Kept as “%(name)s”. Put it in where you write the introduction.") % {"name": name})
    return redirect("admin:mailing", pk)


# --- In words and drawings ---


def _line(line: results.ResultLine, found: IssueResult) -> ComparedNumber:
    values = [getattr(one, line.name) for one in (*found.before, found.this)]
    if not found.before:
        return ComparedNumber(line.label, line.number)
    return ComparedNumber(line.label, line.number, average_text(values[:-1]), bar_chart(values))


def average_text(values: Sequence[int]) -> str:
    """The mean: without decimals from ten on, or when it is whole."""
    found = mean(values)
    return results.format_count(round(found)) if found >= 10 or found == round(found) else f"{found:.1f}"


def _numbers(found: IssueResult) -> ChartTable:
    names = [one.name for one in results.result_lines(found)]
    return ChartTable(
        title=_("The numbers of each issue"),
        heading=_("Issue"),
        columns=tuple(results.measure_label(name) for name in names),
        rows=tuple(_row(one, names) for one in (*found.before, found.this)),
    )


def _row(one: IssueStats, names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    return _("Issue %(number)s") % {"number": one.number}, tuple(
        results.format_count(getattr(one, name)) for name in names
    )
