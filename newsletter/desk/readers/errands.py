"""Pages of bulk jobs on readers: progress, a button that stops them, and results."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import admin, messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from newsletter.desk import permissions
from newsletter.desk.jobs import files
from newsletter.desk.models import FILES_LIFETIME, Errand
from newsletter.desk.templatetags.figures import reader_count_text
from subscribers.author_actions import ReaderActionResult
from subscribers.exporting import csv_download_response as csv_download
from subscribers.exporting import csv_lines
from subscribers.models import Subscriber

Kind = Errand.Kind
WHAT_HAPPENS: dict[str, Promise] = {
    Kind.TAG: gettext_lazy("They get the tag. Whoever has it already keeps it."),
    Kind.UNTAG: gettext_lazy("Whoever has the tag loses it. Their other tags stay."),
    Kind.PAUSE: gettext_lazy(
        "No issue goes to them before that day; from then on they get letters again. Whoever is paused for longer "
        "stays so. Whoever has not confirmed or has left is passed over."
    ),
    Kind.UNSUBSCRIBE: gettext_lazy(
        "They leave, as if they had done so themselves, and get no more letters. Only they can subscribe again."
    ),
    Kind.SUPPRESS: gettext_lazy(
        "No mail goes to these addresses any more, not even when they sign up again or stand in a file that is "
        "imported. Only an owner can lift this, address by address."
    ),
    Kind.EXPORT: gettext_lazy(
        "You get a CSV file with address, name, state, consent, tags and pause. Only you can download it, for one day; "
        "then it is deleted."
    ),
}
GRAVE_KINDS = {Kind.UNSUBSCRIBE, Kind.SUPPRESS}
DONE_LABELS: dict[str, Promise] = {
    Kind.TAG: gettext_lazy("got the tag"),
    Kind.UNTAG: gettext_lazy("lost the tag"),
    Kind.PAUSE: gettext_lazy("were paused"),
    Kind.UNSUBSCRIBE: gettext_lazy("were unsubscribed"),
    Kind.SUPPRESS: gettext_lazy("were suppressed"),
    Kind.EXPORT: gettext_lazy("are in the file"),
}
ALREADY_LABELS: dict[str, Promise] = {
    Kind.TAG: gettext_lazy("had it already"),
    Kind.UNTAG: gettext_lazy("did not have it"),
    Kind.UNSUBSCRIBE: gettext_lazy("had left before"),
    Kind.SUPPRESS: gettext_lazy("were suppressed before"),
}
OTHER_RESULT_LABELS: dict[str, Promise] = {
    ReaderActionResult.NO_READER: gettext_lazy("have not confirmed, or have left"),
    ReaderActionResult.LONGER: gettext_lazy("are paused for longer"),
    ReaderActionResult.FULL: gettext_lazy("have so many tags that no other fits"),
}
# By kind and count; the first of each is the intended result.
FILE_LABELS: dict[str, dict[str, Promise]] = {
    Kind.IMPORT: {  # as merging.COUNT_NAMES names them
        "created": gettext_lazy("new readers"),
        "updated": gettext_lazy("known, with something new"),
        "unchanged": gettext_lazy("known, nothing new"),
        "rejected": gettext_lazy("lines refused"),
    },
    Kind.BAR: {  # as suppressions.COUNT_NAMES names them
        "suppressed": gettext_lazy("newly suppressed"),
        "readers": gettext_lazy("of these, readers here until now"),
        "known": gettext_lazy("suppressed before, as they were"),
        "mailed": gettext_lazy("left out: the list says that they may be mailed"),
        "rejected": gettext_lazy("lines refused"),
    },
}
STATE_DOTS = {
    Errand.State.RUNNING: "wait",
    Errand.State.TRYING: "wait",
    Errand.State.DONE: "good",
    Errand.State.STOPPED: "warn",
    Errand.State.FAILED: "bad",
}
ALL_READERS = pgettext_lazy("which readers", "all")


@dataclass(frozen=True)
class ErrandCount:
    label: Promise | str
    number: int
    is_done: bool = False


def describe_selection(parts: Mapping[Promise | str, Promise | str], ticked: int) -> str:
    """Describe a selection: "state: active, tag: vip". parts: filter values by title."""
    if ticked:
        return ngettext("%d reader that you ticked", "%d readers that you ticked", ticked) % ticked
    if not parts:
        return str(ALL_READERS)
    return _(", ").join(_("%(field)s: %(value)s") % {"field": name, "value": value} for name, value in parts.items())


def button_text(kind: str, count: int) -> str:
    return _("%(what)s: %(readers)s") % {"what": Kind(kind).label, "readers": reader_count_text(count)}


def outcome_counts(errand: Errand) -> Iterator[ErrandCount]:
    counts = errand.counts
    if labels := FILE_LABELS.get(errand.kind):
        for place, (name, label) in enumerate(labels.items()):
            yield ErrandCount(label, counts.get(name, 0), is_done=place == 0)
        return
    yield ErrandCount(DONE_LABELS[errand.kind], counts.get(ReaderActionResult.DONE, 0), is_done=True)
    if number := counts.get(ReaderActionResult.ALREADY, 0):
        yield ErrandCount(ALREADY_LABELS[errand.kind], number)
    for end, label in OTHER_RESULT_LABELS.items():
        if number := counts.get(end, 0):
            yield ErrandCount(label, number)


ERRANDS_SHOWN = 50
CSV_TYPE = "text/csv; charset=utf-8"


@require_safe
def errand_list(request: HttpRequest) -> HttpResponse:
    errands = [
        (errand, STATE_DOTS.get(Errand.State(errand.state), "")) for errand in Errand.objects.all()[:ERRANDS_SHOWN]
    ]
    return _page(request, "errands", {"title": _("Work on readers"), "errands": errands})


@require_safe
def show(request: HttpRequest, pk: int) -> HttpResponse:
    errand = get_object_or_404(Errand, pk=pk)
    return _page(request, "errand", _facts(request, errand) | {"title": errand.title})


@require_safe
def poll_errand(request: HttpRequest, pk: int) -> HttpResponse:
    errand = get_object_or_404(Errand, pk=pk)
    return render(request, "desk/readers/_errand.html", _facts(request, errand))


@require_POST
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    if get_object_or_404(Errand, pk=pk).stop(timezone.now()):
        messages.success(request, _("It was stopped. What was done until then stays."))
    else:
        messages.info(request, _("It had ended already."))
    return redirect("admin:reader_errand", pk)


@require_safe
def download(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    errand = get_object_or_404(Errand, pk=pk, user=request.user)
    if name == files.READERS_FILE:
        permissions.check_permissions(request, permissions.EXPORT_READERS)
    if name not in file_names(errand):
        raise Http404(name)
    permissions.require_fresh_proof(request)  # refused lines have addresses in them, too
    return file_response(errand, name)


def export(request: HttpRequest) -> StreamingHttpResponse:
    return csv_download(csv_lines(Subscriber.objects.all()), f"readers-{timezone.localdate()}.csv")


def file_response(errand: Errand, name: str) -> HttpResponse:
    file = files.path_of(errand, name).open("rb")
    download = f"{name.removesuffix('.csv')}-{timezone.localtime(errand.created_at):%Y-%m-%d}-{errand.pk}.csv"
    response = FileResponse(file, as_attachment=True, filename=download, content_type=CSV_TYPE)
    return cast("HttpResponse", response)  # middleware accepts both types


def _facts(request: HttpRequest, errand: Errand) -> dict[str, Any]:
    now = timezone.now()
    is_mine = errand.user_id == request.user.pk
    return {
        "errand": errand,
        "dot": STATE_DOTS.get(Errand.State(errand.state), ""),
        "lines": list(outcome_counts(errand)),
        "is_mine": is_mine,
        "names": file_names(errand) if is_mine else [],
        "files_until": errand.ended_at + FILES_LIFETIME if errand.ended_at and errand.has_files(now) else None,
    }


def file_names(errand: Errand) -> list[str]:
    """Files that can be downloaded now: a complete export, or refused lines up to where an import stopped."""
    if not errand.has_files(timezone.now()) or not errand.size:
        return []
    if errand.kind == Errand.Kind.EXPORT:
        return [files.READERS_FILE] if errand.state == Errand.State.DONE else []
    return [] if errand.is_at_work else [files.REFUSED_FILE]


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, f"desk/readers/{template}.html", admin.site.each_context(request) | context)
