"""Imports of readers and of suppression lists: upload, columns, dry run, import."""

from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from newsletter.desk import tasks
from newsletter.desk.jobs import files
from newsletter.desk.jobs.readers import begin_import, prepare_import
from newsletter.desk.models import Errand
from newsletter.limits import body_size
from newsletter.publication.task_queue import enqueue_on_commit
from subscribers.addresses import one_line
from subscribers.importers import csv_file
from subscribers.importers.columns import IGNORED_FIELD, KEPT, column_key
from subscribers.importers.csv_file import Table, TableError
from subscribers.importers.packed import csv_pieces
from subscribers.models import Suppression

CONSENT_LENGTH = 150  # characters; `Consent.source` (200) begins with "import on <date>: "
SAMPLE_ROWS = 3
UNDECIDED = "?"
FIELD_LABELS: Final[dict[str, Promise]] = {
    "email": gettext_lazy("address"),
    "name": pgettext_lazy("of a column", "name"),
    "first_name": pgettext_lazy("of a column", "first name"),
    "last_name": gettext_lazy("last name"),
    "state": gettext_lazy("state"),
    "tags": gettext_lazy("tags"),
    "note": gettext_lazy("note"),
    "consent_at": gettext_lazy("when they agreed"),
    "paused_until": gettext_lazy("paused until"),
    "left_at": gettext_lazy("when they left"),
    "cleaned_at": gettext_lazy("when a mail came back"),
    "complained_at": gettext_lazy("when they complained"),
    "wants_mail": gettext_lazy("wants mail: yes or no"),
    "refuses_mail": gettext_lazy("refuses mail: yes or no"),
    KEPT: gettext_lazy("keep it in a note"),
}
HEAD_BYTES = 4_096  # read to recognise a list of readers
TABLE_SUFFIXES = (".csv", ".tsv", ".xlsx")
IMPORT_PERMISSIONS = ("subscribers.see_readers", "subscribers.add_subscriber", "subscribers.change_subscriber")
Kind, Reason = Errand.Kind, Suppression.Reason


class FileForm(forms.Form):
    too_large = gettext_lazy("This file is too large. Send it as a ZIP, or in parts.")
    file = forms.FileField(
        label=gettext_lazy("CSV or Excel file, or a ZIP with a CSV in it"),
        label_suffix="",
        widget=forms.FileInput({"accept": ".csv,.tsv,.txt,.xlsx,.zip,text/csv,application/zip"}),
        help_text=gettext_lazy("64 MB at most, enough for a million readers. UTF-8 and Big5 (Excel) are both read."),
    )

    def clean_file(self) -> "UploadedFile[Any]":
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > body_size.IMPORT_BYTES:
            raise ValidationError(self.too_large)
        return file


class ConsentForm(forms.Form):
    """The proof of consent, stored for each reader."""

    consent = forms.CharField(
        label=gettext_lazy("How did these readers agree?"),
        label_suffix="",
        max_length=CONSENT_LENGTH,
        help_text=gettext_lazy(
            "For example: signed up at our former newsletter service. It is kept as the proof that the law asks for."
        ),
    )

    def clean_consent(self) -> str:
        return one_line(self.cleaned_data["consent"])


class ReaderUploadForm(ConsentForm, FileForm):
    field_order = ("file", "consent")


class SuppressionListForm(FileForm):
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


@dataclass(frozen=True)
class Column:
    """A column of a file. field: its meaning; UNDECIDED if unknown, IGNORED_FIELD if it is not imported."""

    number: int
    name: str
    samples: list[str]
    field: str

    @property
    def key(self) -> str:
        return f"column-{self.number}"


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    form = ReaderUploadForm(request.POST, request.FILES) if request.method == "POST" else ReaderUploadForm()
    if errand := store_upload(form, request.user):
        return redirect("admin:reader_import_columns", errand.pk)
    return _page(request, "import", {"form": form}, status=400 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def upload_suppressions(request: HttpRequest) -> HttpResponse:
    form = SuppressionListForm(request.POST, request.FILES) if request.method == "POST" else SuppressionListForm()
    if errand := store_upload(form, request.user, Kind.BAR):
        if errand.begin(timezone.now(), Errand.State.TRYING):
            enqueue_on_commit(tasks.work_on_errands)
        return redirect("admin:reader_errand", errand.pk)
    context = {"title": _("Import a suppression list"), "form": form}
    return _page(request, "bar", context, status=400 if form.is_bound else 200)


def store_upload(form: forms.Form, user: Any, kind: str = Kind.IMPORT) -> Errand | None:
    """Store the file of a valid form and return its errand; None if it is unbound or has errors, also of reading."""
    if form.is_bound and form.is_valid():
        options = {name: value for name, value in form.cleaned_data.items() if name != "file"}
        try:
            return _keep(form.cleaned_data["file"], options, user, kind)
        except TableError as error:
            form.add_error("file", str(error))
    return None


def _keep(file: "UploadedFile[Any]", options: dict[str, str], user: Any, kind: str = Kind.IMPORT) -> Errand:
    """Store an uploaded file. Raises TableError if it is no table; nothing is stored then."""
    errand = prepare_import(one_line(file.name or ""), options, user=user, now=timezone.now(), kind=kind)
    try:
        errand.total = files.write_upload(errand, files.UPLOADED_FILE, csv_pieces(file))  # bytes
        path, reason = files.path_of(errand, files.UPLOADED_FILE), options.get("reason", "")
        with csv_file.open_table(path, reason=reason, skip_check=True) as table:
            table.samples(SAMPLE_ROWS)
            if reason:
                table.check_columns()
    except BaseException:
        files.remove(errand)
        errand.delete()
        raise
    errand.save(update_fields=["total"])
    return errand


def is_reader_list(file: "UploadedFile[Any]") -> bool:
    """Whether it is a table of readers. One of mails has a "subject" column; a .txt file must contain an address."""
    name, head = (file.name or "").lower(), file.read(HEAD_BYTES)
    file.seek(0)
    is_table = name.endswith(TABLE_SUFFIXES) or (name.endswith(".txt") and b"@" in head)
    return is_table and b"subject" not in head.partition(b"\n")[0]


def hand_over(request: HttpRequest, file: "UploadedFile[Any]") -> HttpResponse:
    """Store a list of readers that was uploaded as posts, and continue here. Raises TableError."""
    if missing := [right for right in IMPORT_PERMISSIONS if not request.user.has_perm(right)]:
        raise PermissionDenied(missing[0])
    return redirect("admin:reader_import_consent", _keep(file, {"consent": ""}, request.user).pk)


@require_http_methods(["GET", "HEAD", "POST"])
def consent(request: HttpRequest, pk: int) -> HttpResponse:
    errand = own_errand_or_404(request, pk)
    form = ConsentForm(request.POST) if request.method == "POST" else ConsentForm()
    if form.is_bound and form.is_valid():
        if errand.state == Errand.State.DRAFT:
            errand.options |= form.cleaned_data
            errand.save(update_fields=["options"])
        return redirect("admin:reader_import_columns", pk)
    return _page(request, "import", {"form": form, "errand": errand}, status=400 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def columns(request: HttpRequest, pk: int) -> HttpResponse:
    errand, is_posted = own_errand_or_404(request, pk), request.method == "POST"
    if not errand.options["consent"]:
        return redirect("admin:reader_import_consent", pk)
    try:
        with csv_file.open_table(files.path_of(errand, files.UPLOADED_FILE), skip_check=True) as table:
            samples = table.samples(SAMPLE_ROWS)
    except OSError:
        return _page(request, "import_gone", {}, status=404)
    found = columns_of(table, samples, request.POST if is_posted else errand.chosen)
    problem = problem_with(found) if is_posted else ""
    if is_posted and not problem:
        if errand.begin(timezone.now(), Errand.State.TRYING, chosen={column.name: column.field for column in found}):
            enqueue_on_commit(tasks.work_on_errands)
        return redirect("admin:reader_errand", errand.pk)
    context = {
        "errand": errand,
        "columns": found,
        "fields": FIELD_LABELS.items(),
        "first_rows": samples,
        "problem": problem,
    }
    context |= {"encoding": table.encoding, "program": table.columns.export_format.name}
    return _page(request, "columns", context, status=400 if problem else 200)


def columns_of(table: Table, samples: list[list[str]], chosen: Any) -> list[Column]:
    """The columns of a heading, if there is one. chosen: fields, by the name or the number of a column."""
    found: dict[str, Column] = {}
    for number, name in enumerate(table.names if table.has_heading else []):
        if key := column_key(name):
            cells = [row[number][:60] for row in samples if row[number : number + 1] and row[number].strip()]
            field = chosen.get(f"column-{number}", chosen.get(name))
            if field not in {*FIELD_LABELS, IGNORED_FIELD}:
                field = table.columns.export_format.field_of(key)
            found.setdefault(key, Column(number, name, cells, UNDECIDED if field is None else field))
    return list(found.values())


def problem_with(found: list[Column]) -> str:
    """Why a dry run is not possible yet; "" if it is."""
    if undecided := [column.name for column in found if column.field == UNDECIDED]:
        return _("Say what these are, or leave them out: %s. One of them may say who has left.") % ", ".join(undecided)
    if found and [column.field for column in found].count("email") != 1:
        return _("One column, and one alone, must be the address.")
    return ""


@require_POST
def start(request: HttpRequest, pk: int, kind: str = Kind.IMPORT) -> HttpResponse:
    if begin_import(own_errand_or_404(request, pk, kind), timezone.now()):
        enqueue_on_commit(tasks.work_on_errands)
    else:
        messages.info(request, _("It was begun already, or its file is gone."))
    return redirect("admin:reader_errand", pk)


def own_errand_or_404(request: HttpRequest, pk: int, kind: str = Kind.IMPORT) -> Errand:
    return get_object_or_404(Errand, pk=pk, kind=kind, user=request.user)


def _page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    context = admin.site.each_context(request) | {"title": _("Import readers")} | context
    return render(request, f"desk/readers/{template}.html", context, status=status)
