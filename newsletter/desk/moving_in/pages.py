"""Posts move in, as an author goes through it: a file, what it is, what would happen, and only then do it."""

from typing import Any

from django.contrib import admin, messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from newsletter.desk import tasks
from newsletter.desk.intake import beginning
from newsletter.desk.models import PostImport
from newsletter.desk.moving_in import showing
from newsletter.desk.moving_in.forms import TrialForm, UploadForm
from newsletter.desk.readers import handing_over as readers
from newsletter.posts.importers.account import in_words
from newsletter.posts.importers.imported import Rejected
from newsletter.publication.wakeups import wake
from subscribers.addresses import one_line
from subscribers.importers.csv_file import FileError

LATEST = 10
PIECE = 1 << 20  # bytes


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Ask for a file; keep it, and go on to what it is."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_bound and form.is_valid():
        try:
            return _taken_in(request, form.cleaned_data["file"])
        except Rejected as error:
            form.add_error("file", in_words(str(error)))
        except FileError as error:
            form.add_error("file", str(error))
    latest = PostImport.objects.all()[:LATEST]
    context = {"form": form, "imports": [(one, showing.DOTS.get(one.state, "")) for one in latest]}
    return page(request, "upload", context, status=400 if form.is_bound else 200)


def _taken_in(request: HttpRequest, file: "UploadedFile[Any]") -> HttpResponse:
    """Keep an export of posts; a list of readers is handed to the import of readers."""
    if readers.is_list(file):
        return readers.hand_over(request, file)
    pieces = iter(lambda: file.read(PIECE), b"")
    found = beginning.take_in(one_line(file.name or ""), pieces, user=request.user, now=timezone.now())
    return redirect("admin:move_in_import", found.pk)


@require_safe
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an import as far as it is."""
    found = get_object_or_404(PostImport, pk=pk)
    return _shown(request, found, TrialForm.of(found))


def _shown(request: HttpRequest, found: PostImport, form: TrialForm, status: int = 200) -> HttpResponse:
    context = showing.facts(found, timezone.now(), request.GET.get("page", "")) | {"form": form}
    return page(request, "import", context, status=status)


@require_safe
def moving(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer with the part of the page that moves, for live.js."""
    found = get_object_or_404(PostImport, pk=pk)
    context = showing.facts(found, timezone.now(), "") | {"form": TrialForm.of(found)}
    return render(request, "desk/moving_in/_import.html", context | showing.rights_of(request.user))


@require_POST
def begin_trial(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a worker try it with what was said of the old site."""
    found, form = get_object_or_404(PostImport, pk=pk), TrialForm(request.POST)
    if not form.is_valid():
        return _shown(request, found, form, status=400)
    begun = beginning.begin_trial(found, timezone.now(), **form.cleaned_data)
    return _answer(request, found, done=begun)


@require_POST
def begin(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a worker write what was tried; with issues, once their numbers were seen."""
    found = get_object_or_404(PostImport, pk=pk)
    if request.POST.get("as_issues"):
        return redirect("admin:move_in_numbers", pk)
    return _answer(request, found, done=beginning.begin(found, timezone.now(), as_issues=False))


@require_POST
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop it before its next post; what was written stays."""
    found = get_object_or_404(PostImport, pk=pk)
    if beginning.stop(found, timezone.now()):
        messages.success(request, _("It was stopped. What was done until then stays."))
    else:
        messages.info(request, _("It had ended already."))
    return redirect("admin:move_in_import", pk)


@require_POST
def go_on(request: HttpRequest, pk: int) -> HttpResponse:
    """Let it go on where it stood."""
    found = get_object_or_404(PostImport, pk=pk)
    return _answer(request, found, done=beginning.go_on(found, timezone.now()))


def _answer(request: HttpRequest, found: PostImport, *, done: bool) -> HttpResponse:
    if done:
        wake(tasks.take_in_posts)
    else:
        messages.info(request, _("It was begun already, or its file is gone."))
    return redirect("admin:move_in_import", found.pk)


def page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    frame = admin.site.each_context(request) | showing.rights_of(request.user)
    context = frame | {"title": _("Move in")} | context
    return render(request, f"desk/moving_in/{template}.html", context, status=status)
