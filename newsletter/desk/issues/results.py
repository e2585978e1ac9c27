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
from django.utils.translation import ngettext
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
    """One number of an issue beside those of the issues before. No chart without these."""

    label: str
    now: str
    note: str
    chart: Chart | None


@dataclass(frozen=True)
class IssueResultPage:
    """sentence: the result in one. numbers: all of each issue."""

    sentence: str
    figures: tuple[ComparedNumber, ...]
    numbers: ChartTable
    about: str
    how_compared: str
    sentences: tuple[str, ...]
    sentence_count: int


def result_page(mailing: Mailing, now: datetime) -> IssueResultPage | None:
    """None while it is being sent, and for a correction."""
    found = results.issue_result(mailing, now)
    if found is None:
        return None
    return IssueResultPage(
        sentence=_sentence(found),
        figures=tuple(_figure(name, found) for name in _main_measures(found)),
        numbers=_numbers(found),
        about=results.copies_text(found),
        how_compared=_how_compared(found),
        sentences=found.feedback_sentences,
        sentence_count=found.sentence_count,
    )


@require_safe
def result_as_json(request: HttpRequest, pk: int) -> JsonResponse:
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


def _sentence(found: IssueResult) -> str:
    """Who got it, and what they say; more, if more say so than ever in the issues compared."""
    issue, helpful = found.this, found.this.helpful
    facts = {"issue": issue.number, "readers": results.format_count(issue.sent), "count": results.format_count(helpful)}
    facts |= {"answer": results.Rating.HELPFUL.label, "issues": len(found.before)}
    text = _("Issue %(issue)s went to %(readers)s readers; %(count)s said “%(answer)s”.")
    if not helpful:
        text = ngettext(
            "Issue %(issue)s went to %(readers)s reader.", "Issue %(issue)s went to %(readers)s readers.", issue.sent
        )
    elif len(found.before) > 1 and helpful > max(one.helpful for one in found.before):
        text = _(
            "Issue %(issue)s went to %(readers)s readers; %(count)s said “%(answer)s”, more than of any of the "
            "%(issues)s before."
        )
    return text % facts


def _main_measures(found: IssueResult) -> tuple[str, ...]:
    has_replies = any(one.replies for one in (*found.before, found.this))
    return "sent", "helpful", "replies" if has_replies else "came"


def _figure(name: str, found: IssueResult) -> ComparedNumber:
    values = [getattr(one, name) for one in (*found.before, found.this)]
    now, chart = results.format_count(values[-1]), bar_chart(values) if found.before else None
    note = _missed(found) if name == "sent" else ""
    if found.before and not note:
        note = _("on average %(number)s before") % {"number": average_text(values[:-1])}
    return ComparedNumber(str(results.measure_label(name)), now, note, chart)


def _missed(found: IssueResult) -> str:
    missed = found.this.missed
    text = ngettext("%(count)s reader did not get it", "%(count)s readers did not get it", missed)
    return text % {"count": results.format_count(missed)} if missed else ""


def _how_compared(found: IssueResult) -> str:
    until = _("Readers who came and left are those since this issue, until now.")
    if found.is_over:
        until = _("Readers who came and left are those between this issue and the next.")
    return results.join_sentences([results.comparison_note(found), until])


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
