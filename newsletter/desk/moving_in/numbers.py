"""The numbers of the issues that an import makes of what was mailed: proposed, corrected, then checked."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from newsletter.desk import tasks
from newsletter.desk.intake import beginning
from newsletter.desk.models import PostImport, PostImportEntry
from newsletter.desk.moving_in.pages import page
from newsletter.issues.archiving import NUMBER_MAX, Past, above_later, standing
from newsletter.issues.models import Issue
from newsletter.mail.characters import single_line
from newsletter.publication.wakeups import wake

AT_ONCE = 100  # rows on a page: each has two fields
SUBJECT_MAX = 200  # characters


@dataclass
class Line:
    """A mail of the past with what was typed for it, and what is wrong with that."""

    row: PostImportEntry
    number: str
    subject: str
    error: str = ""

    @property
    def key(self) -> str:
        return str(self.row.place)

    def check(self, taken: Counter[int]) -> None:
        """Say what is wrong. taken: numbers, with how often they are in use or typed, this one included."""
        if not self.number:
            return
        if self.value is None:
            self.error = _("This is no number of an issue.")
        elif taken[self.value] > 1:
            self.error = _("Another issue has this number.")

    @property
    def value(self) -> int | None:
        is_number = self.number.isascii() and self.number.isdecimal() and 0 < int(self.number) <= NUMBER_MAX
        return int(self.number) if is_number else None


@require_http_methods(["GET", "HEAD", "POST"])
def numbers(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the numbers, a hundred at once; on POST, keep them, and from the last page begin."""
    found = get_object_or_404(PostImport, pk=pk)
    shown = Paginator(found.entries.exclude(mailed_at=None).order_by("mailed_at", "place"), AT_ONCE).get_page(
        request.GET.get("page")
    )
    if not may_change(found):
        return redirect("admin:move_in_import", pk)
    lines = [_line(row, request.POST if request.method == "POST" else None) for row in shown]
    if request.method != "POST":
        return _page(request, found, lines, shown)
    check(found, lines)
    if any(line.error for line in lines):
        return _page(request, found, lines, shown, status=400)
    _keep(lines)
    if shown.has_next() and "begin" not in request.POST:
        return redirect(f"{request.path}?page={shown.next_page_number()}")
    return _begun(request, found)


def may_change(found: PostImport) -> bool:
    """Return whether no issue was made yet: before the run, or when its numbers were in use meanwhile."""
    is_stuck = found.state == PostImport.State.FAILED and found.stage == PostImport.Stage.ISSUES
    return found.state == PostImport.State.TRIED or is_stuck


def _line(row: PostImportEntry, typed: Any) -> Line:
    if typed is None:
        return Line(row, str(row.number or ""), row.subject)
    subject = single_line(typed.get(f"subject-{row.place}", "")).strip()[:SUBJECT_MAX]
    return Line(row, typed.get(f"number-{row.place}", "").strip(), subject or row.subject)


def check(found: PostImport, lines: list[Line]) -> None:
    """Say of each line whose number is typed twice, stands on another page, or belongs to an issue."""
    here = [line.value for line in lines if line.value is not None]
    mine = {line.row.pk for line in lines}
    beyond = found.entries.exclude(pk__in=mine).filter(number__in=here).values_list("number", flat=True)
    taken = Counter(here)
    taken.update(number for number in beyond if number)
    taken.update(Issue.objects.filter(number__in=here).values_list("number", flat=True))
    for line in lines:
        line.check(taken)


def _keep(lines: list[Line]) -> None:
    for line in lines:
        line.row.number, line.row.subject = line.value, line.subject
    PostImportEntry.objects.bulk_update([line.row for line in lines], ["number", "subject"])


def _begun(request: HttpRequest, found: PostImport) -> HttpResponse:
    now = timezone.now()
    is_stuck = found.state == PostImport.State.FAILED
    if beginning.go_on(found, now) if is_stuck else beginning.begin(found, now, as_issues=True):
        wake(tasks.take_in_posts)
    return redirect("admin:move_in_import", found.pk)


def _late(found: PostImport) -> int:
    """Return how many have a higher number than an issue that was mailed later."""
    rows = found.entries.exclude(mailed_at=None).exclude(number=None).values_list("source", "mailed_at", "number")
    mails = [Past(source, "", at, number=number) for source, at, number in rows if at]
    return len(above_later(mails, standing()))


def _page(request: HttpRequest, found: PostImport, lines: list[Line], shown: Any, status: int = 200) -> HttpResponse:
    context = {"found": found, "lines": lines, "shown": shown, "has_errors": any(line.error for line in lines)}
    context |= {"late": _late(found)}
    return page(request, "numbers", context | {"title": _("Numbers of the issues")}, status=status)
