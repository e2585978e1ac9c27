"""Work on readers as its page shows it: how far it is, a button that stops it, and what was done."""

from typing import Any, cast

from django.contrib import admin, messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from newsletter.desk import rights
from newsletter.desk.bulk import files
from newsletter.desk.models import FILES_KEPT, Errand
from newsletter.desk.readers import words
from subscribers.exporting import csv_lines
from subscribers.exporting import download as csv_download
from subscribers.models import Subscriber

LATEST = 50
CSV = "text/csv; charset=utf-8"


@require_safe
def all_of_them(request: HttpRequest) -> HttpResponse:
    """Show the latest work on readers, of everybody."""
    errands = [(errand, words.DOTS.get(Errand.State(errand.state), "")) for errand in Errand.objects.all()[:LATEST]]
    return _page(request, "errands", {"title": _("Work on readers"), "errands": errands})


@require_safe
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one, with how far it is at this moment."""
    errand = get_object_or_404(Errand, pk=pk)
    return _page(request, "errand", _facts(request, errand) | {"title": errand.title})


@require_safe
def moving(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer with the part of the page that moves, for live.js."""
    errand = get_object_or_404(Errand, pk=pk)
    return render(request, "desk/readers/_errand.html", _facts(request, errand))


@require_POST
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop it before its next readers; what was done stays done."""
    if get_object_or_404(Errand, pk=pk).stop(timezone.now()):
        messages.success(request, _("It was stopped. What was done until then stays."))
    else:
        messages.info(request, _("It had ended already."))
    return redirect("admin:reader_errand", pk)


@require_safe
def download(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """Hand a file to whoever began the work, for a day; to others, owners too, there is none."""
    errand = get_object_or_404(Errand, pk=pk, user=request.user)
    if name == files.READERS:
        rights.require(request, rights.TAKE_READERS)
    if name not in file_names(errand):
        raise Http404(name)
    rights.prove(request)  # refused lines have addresses in them, too
    return file_of(errand, name)


def export(request: HttpRequest) -> StreamingHttpResponse:
    """Stream all readers at once."""
    return csv_download(csv_lines(Subscriber.objects.all()), f"readers-{timezone.localdate()}.csv")


def file_of(errand: Errand, name: str) -> HttpResponse:
    """Return a file of `file_names` as a download."""
    file = files.path_of(errand, name).open("rb")
    response = FileResponse(file, as_attachment=True, filename=_called(errand, name), content_type=CSV)
    return cast("HttpResponse", response)  # it has the same headers, and the middleware takes both


def _facts(request: HttpRequest, errand: Errand) -> dict[str, Any]:
    now = timezone.now()
    is_mine = errand.user_id == request.user.pk
    return {
        "errand": errand,
        "dot": words.DOTS.get(Errand.State(errand.state), ""),
        "lines": list(words.ends(errand)),
        "is_mine": is_mine,
        "names": file_names(errand) if is_mine else [],
        "files_until": errand.ended_at + FILES_KEPT if errand.ended_at and errand.has_files(now) else None,
    }


def file_names(errand: Errand) -> list[str]:
    """Return the files that may be had now: a whole one, or the lines that were refused until an import was stopped."""
    if not errand.has_files(timezone.now()) or not errand.size:
        return []
    if errand.kind == Errand.Kind.EXPORT:
        return [files.READERS] if errand.state == Errand.State.DONE else []
    return [] if errand.is_at_work else [files.REFUSED]


def _called(errand: Errand, name: str) -> str:
    return f"{name.removesuffix('.csv')}-{timezone.localtime(errand.created_at):%Y-%m-%d}-{errand.pk}.csv"


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, f"desk/readers/{template}.html", admin.site.each_context(request) | context)
