"""A suppression list of another program: a file, what it would do, and only then do it."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from newsletter.desk import tasks
from newsletter.desk.bulk import beginning, files
from newsletter.desk.models import Errand
from newsletter.desk.readers.importing import checked, file_field, pieces
from newsletter.publication.wakeups import wake
from subscribers.addresses import one_line
from subscribers.importers.barring import SuppressionList
from subscribers.importers.csv_file import FileError
from subscribers.models import Suppression

Reason = Suppression.Reason


class ListForm(forms.Form):
    """A list, and what it is a list of."""

    file = file_field()
    reason = forms.ChoiceField(
        label=gettext_lazy("Where the list gives no reason"),
        label_suffix="",
        choices=[
            (Reason.MANUAL, gettext_lazy("they were suppressed by hand, or left")),
            (Reason.BOUNCED, gettext_lazy("mail to them came back")),
            (Reason.COMPLAINED, gettext_lazy("they complained")),
        ],
        widget=forms.RadioSelect,
        initial=Reason.MANUAL,
    )

    def clean_file(self) -> "UploadedFile[Any]":
        return checked(self.cleaned_data["file"])


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Ask for a list; keep it, and try it at once."""
    form = ListForm(request.POST, request.FILES) if request.method == "POST" else ListForm()
    if form.is_bound and form.is_valid():
        try:
            errand = _kept(form, request.user)
        except FileError as error:
            form.add_error("file", str(error))
        else:
            wake(tasks.work_on_errands)
            return redirect("admin:reader_errand", errand.pk)
    context = admin.site.each_context(request) | {"title": _("Import a suppression list"), "form": form}
    return render(request, "desk/readers/bar.html", context, status=400 if form.is_bound else 200)


@require_POST
def start(request: HttpRequest, pk: int) -> HttpResponse:
    """Begin what was tried."""
    errand = get_object_or_404(Errand, pk=pk, kind=Errand.Kind.BAR, user=request.user)
    if beginning.begin_import(errand, timezone.now()):
        wake(tasks.work_on_errands)
    else:
        messages.info(request, _("It was begun already, or its file is gone."))
    return redirect("admin:reader_errand", errand.pk)


def _kept(form: ListForm, user: Any) -> Errand:
    """Keep what was sent and let it be tried; raise FileError for what is no list, and keep nothing of what fails."""
    file, options, now = form.cleaned_data["file"], {"reason": form.cleaned_data["reason"]}, timezone.now()
    errand = beginning.prepare_import(one_line(file.name or ""), options, user=user, now=now, kind=Errand.Kind.BAR)
    try:
        errand.total = files.keep(errand, files.GIVEN, pieces(file))
        SuppressionList(files.path_of(errand, files.GIVEN))
    except BaseException:
        files.remove(errand)
        errand.delete()
        raise
    errand.save(update_fields=["total"])
    errand.begin(now, Errand.State.TRYING)
    return errand
