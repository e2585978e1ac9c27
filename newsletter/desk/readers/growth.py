"""From where readers come, week by week or month by month, and how many of each source still read a quarter later."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from newsletter.desk.chart import Chart, bars
from newsletter.posts.models import Post
from newsletter.publication.models import Publication
from subscribers import growth as counts
from subscribers.exporting import download, safe_lines
from subscribers.growth import Source

COLUMNS = ("from", "kind", "source", "came", "came_a_quarter_ago", "still_read_after_a_quarter")
FEW = 20  # readers; a share of fewer is chance


@dataclass(frozen=True)
class Row:
    """A source as the page shows it. share: in per cent of those of a quarter ago; None where they are too few."""

    label: str
    kind: str
    url: str
    came: int
    chart: Chart
    settled: int
    stayed: int

    @property
    def share(self) -> int | None:
        return round(100 * self.stayed / self.settled) if self.settled >= FEW else None


@require_safe
def growth(request: HttpRequest) -> HttpResponse:
    """Show the sources of the last twelve weeks, or months."""
    by = _by(request)
    found = counts.growth(_today(), by)
    titles = _titles(found.sources)
    context = {
        "title": _("Growth"),
        "by": by,
        "rows": [_row(one, titles) for one in found.sources],
        "more": found.more,
        "periods": list(zip(found.begins, found.came, strict=True)) if found.sources else [],
        "few": FEW,
    }
    return render(request, "desk/readers/growth.html", admin.site.each_context(request) | context)


@require_safe
def as_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Return the same as a file, of every source."""
    by = _by(request)
    return download(safe_lines(COLUMNS, counts.table(_today(), by)), f"growth-by-{by}.csv")


def _by(request: HttpRequest) -> str:
    return "month" if request.GET.get("by") == "month" else "week"


def _today() -> date:
    return timezone.now().astimezone(Publication.objects.current().zone).date()


def _titles(sources: Iterable[Source]) -> dict[str, str]:
    """Return the titles of the posts among the pages, by their addresses; one query."""
    keys = {number: one.name for one in sources if (number := _number(one, "p"))}
    return {keys[str(pk)]: title for pk, title in Post.objects.filter(pk__in=keys).values_list("pk", "title")}


def _row(one: Source, titles: dict[str, str]) -> Row:
    issue = _number(one, "issues")
    label = _("Issue %(number)s") % {"number": issue} if issue else titles.get(one.name) or one.label
    kind = str(counts.LABELS.get(one.kind, "")) if one.name else ""
    url = one.name if one.kind == "page" else ""
    return Row(label, kind, url, one.in_all, bars(one.came), one.settled, one.stayed)


def _number(one: Source, place: str) -> str:
    """Return the number in the address of a page such as /p/128/; "" of any other source."""
    parts = one.name.split("/")
    is_one = one.kind == "page" and parts[1:2] == [place] and len(parts) == 4 and not parts[3]
    return parts[2] if is_one and parts[2].isdecimal() else ""
