"""What an issue has brought, as its page shows it: the facts in words, and drawn beside the six issues before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import mean

from django.http import Http404, HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from newsletter.delivery import results
from newsletter.delivery.models import Mailing
from newsletter.delivery.results import Brought, Facts
from newsletter.desk.chart import Chart, Numbers, bars
from newsletter.publication.models import Publication


@dataclass(frozen=True)
class Line:
    """One number of an issue, beside what it was on the average of those before; without them there is no drawing."""

    label: str
    now: str
    average: str = ""
    chart: Chart | None = None


@dataclass(frozen=True)
class Result:
    """What the page shows. is_over: whether the next issue has left, so that nobody comes or leaves by this one."""

    lines: tuple[Line, ...]
    numbers: Numbers | None
    before: int
    is_over: bool
    about: str
    domains: tuple[tuple[str, str], ...]
    how_compared: str
    sentences: tuple[str, ...]
    more_said: int


def of(mailing: Mailing, now: datetime) -> Result | None:
    """Return the result of a mailing that is over; None while it is not, and of a correction."""
    found = results.of(mailing, now)
    if found is None:
        return None
    return Result(
        lines=tuple(_line(one, found) for one in results.lines(found)),
        numbers=_numbers(found) if found.before else None,
        before=len(found.before),
        is_over=found.is_over,
        about=results.about_copies(found),
        domains=tuple(results.where_failed(found)),
        how_compared=results.how_compared(found),
        sentences=found.sentences,
        more_said=found.said - len(found.sentences),
    )


@require_safe
def as_json(request: HttpRequest, pk: int) -> JsonResponse:
    """Return the result for the author's own programs, in the language of the publication."""
    mailing = get_object_or_404(Mailing.objects.defer("html", "text").select_related("issue"), pk=pk)
    found = results.of(mailing, timezone.now())
    if found is None:
        raise Http404(pk)
    shows_sentences = request.user.has_perm("subscribers.see_readers")
    with translation.override(Publication.objects.current().language):
        written = results.document(found, shows_sentences=shows_sentences)
    return JsonResponse(written, json_dumps_params={"ensure_ascii": False, "indent": 2})


# --- In words and drawings ---


def _line(said: results.Line, found: Facts) -> Line:
    values = [getattr(one, said.name) for one in (*found.before, found.this)]
    if not found.before:
        return Line(said.label, said.number)
    return Line(said.label, said.number, average(values[:-1]), bars(values))


def average(values: Sequence[int]) -> str:
    """Return the mean as it is read: whole from ten on, and where it is whole anyway."""
    found = mean(values)
    return results.number(round(found)) if found >= 10 or found == round(found) else f"{found:.1f}"


def _numbers(found: Facts) -> Numbers:
    names = [one.name for one in results.lines(found)]
    return Numbers(
        title=_("The numbers of each issue"),
        heading=_("Issue"),
        columns=tuple(results.label(name) for name in names),
        rows=tuple(_row(one, names) for one in (*found.before, found.this)),
    )


def _row(one: Brought, names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    return _("Issue %(number)s") % {"number": one.number}, tuple(results.number(getattr(one, name)) for name in names)
