"""A file with readers, or with addresses never to be mailed: what is in it, what it would do, and only then do it."""

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

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
from newsletter.desk.jobs.readers import LEFT_OUT, begin_import, prepare_import
from newsletter.desk.models import Errand
from newsletter.publication import bodies
from newsletter.publication.wakeups import wake
from subscribers.addresses import one_line
from subscribers.importers import barring, csv_file
from subscribers.importers.columns import KEPT, Program, meaning, plain, recognised
from subscribers.importers.csv_file import FileError, Glimpse
from subscribers.models import Suppression

CONSENT_LENGTH = 150  # characters; the line of the record begins with the day
UNPACKED_MAX = 256 * 1024 * 1024  # bytes
PIECE = 1 << 20
# What a ZIP raises that is broken, cut off or locked, or packed in a way that nobody here knows; OSError is of bzip2.
BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError)
SAMPLES = 3
UNDECIDED = "?"
FIELDS: Final[dict[str, Promise]] = {
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


def file_field() -> forms.FileField:
    return forms.FileField(
        label=gettext_lazy("CSV or Excel file, or a ZIP with a CSV in it"),
        label_suffix="",
        widget=forms.FileInput({"accept": ".csv,.tsv,.txt,.xlsx,.zip,text/csv,application/zip"}),
        help_text=gettext_lazy("64 MB at most, enough for a million readers. UTF-8 and Big5 (Excel) are both read."),
    )


class ConsentForm(forms.Form):
    """The proof of consent that the law asks for; it is kept in the record of each reader."""

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


class UploadForm(ConsentForm):
    file = file_field()
    field_order = ("file", "consent")

    def clean_file(self) -> "UploadedFile[Any]":
        return checked(self.cleaned_data["file"])


def checked(file: "UploadedFile[Any]") -> "UploadedFile[Any]":
    if (file.size or 0) > bodies.READERS:
        raise ValidationError(_("This file is too large. Send it as a ZIP, or in parts."))
    return file


@dataclass(frozen=True)
class Column:
    """A column of a file: what it is called, what is in it, and what it means, as far as that is known."""

    number: int
    name: str
    samples: list[str]
    meant: str

    @property
    def key(self) -> str:
        return f"column-{self.number}"


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_bound and form.is_valid():
        try:
            errand = kept(form.cleaned_data["file"], form.cleaned_data["consent"], request.user)
        except FileError as error:
            form.add_error("file", str(error))
        else:
            return redirect("admin:reader_import_columns", errand.pk)
    return page(request, "import", {"form": form}, status=400 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def columns(request: HttpRequest, pk: int) -> HttpResponse:
    errand = own(request, pk)
    if not errand.options["consent"]:
        return redirect("admin:reader_import_consent", pk)
    try:
        glimpse = csv_file.glimpse(files.path_of(errand, files.GIVEN), SAMPLES)
    except OSError:
        return page(request, "import_gone", {}, status=404)
    found = columns_of(glimpse, request.POST if request.method == "POST" else errand.chosen)
    problem = problem_with(found) if request.method == "POST" else ""
    if request.method == "POST" and not problem:
        chosen = {column.name: column.meant for column in found}
        if errand.begin(timezone.now(), Errand.State.TRYING, chosen=chosen):
            wake(tasks.work_on_errands)
        return redirect("admin:reader_errand", errand.pk)
    context = {
        "errand": errand,
        "columns": found,
        "fields": FIELDS.items(),
        "first_rows": glimpse.samples if not glimpse.names else [],
        "problem": problem,
    }
    return page(request, "columns", context, status=400 if problem else 200)


@require_POST
def start(request: HttpRequest, pk: int) -> HttpResponse:
    errand = own(request, pk)
    if begin_import(errand, timezone.now()):
        wake(tasks.work_on_errands)
    else:
        messages.info(request, _("It was begun already, or its file is gone."))
    return redirect("admin:reader_errand", errand.pk)


def own(request: HttpRequest, pk: int) -> Errand:
    return get_object_or_404(Errand, pk=pk, kind=Errand.Kind.IMPORT, user=request.user)


def kept(file: "UploadedFile[Any]", consent: str, user: Any) -> Errand:
    """Keep what was sent; raise FileError for what is no table of readers, and keep nothing of what fails."""
    errand = prepare_import(one_line(file.name or ""), {"consent": consent}, user=user, now=timezone.now())
    try:
        errand.total = files.keep(errand, files.GIVEN, pieces(file))
        csv_file.glimpse(files.path_of(errand, files.GIVEN), 1)
    except BaseException:
        files.remove(errand)
        errand.delete()
        raise
    errand.save(update_fields=["total"])
    return errand


def pieces(file: "UploadedFile[Any]") -> Iterator[bytes]:
    """Yield a file piece by piece; of a ZIP, the table that is in it; of a workbook, its first sheet as CSV."""
    if not zipfile.is_zipfile(file):
        file.seek(0)
        yield from iter(lambda: file.read(PIECE), b"")
        return
    try:
        if csv_file.is_workbook(file):
            yield from csv_file.lines(file)
            return
        with zipfile.ZipFile(file) as packed, packed.open(_table_in(packed)) as table:
            yield from _limited(table)
    except FileError:
        raise
    except BROKEN as error:
        raise FileError(_("The ZIP cannot be opened.")) from error


def _table_in(packed: zipfile.ZipFile) -> zipfile.ZipInfo:
    tables = [one for one in packed.infolist() if _is_table(one.filename)]
    if len(tables) != 1:
        raise FileError(_("The ZIP must have one CSV file in it."))
    return tables[0]


def _is_table(name: str) -> bool:
    """Return whether a file in a ZIP is one of the author's: macOS puts shadows beside them."""
    return name.lower().endswith((".csv", ".tsv", ".txt")) and not name.startswith("__MACOSX/")


def _limited(table: IO[bytes]) -> Iterator[bytes]:
    size = 0
    while piece := table.read(PIECE):
        size += len(piece)
        if size > UNPACKED_MAX:
            raise FileError(_("The file in the ZIP is too large. Send it in parts."))
        yield piece


def columns_of(glimpse: Glimpse, chosen: Any) -> list[Column]:
    found: dict[str, Column] = {}
    program = recognised(map(plain, glimpse.names))
    for number, name in enumerate(glimpse.names):
        if key := plain(name):
            cells = (row[number] for row in glimpse.samples if number < len(row))
            samples = [cell[:60] for cell in cells if cell.strip()]
            said = chosen.get(f"column-{number}", chosen.get(name))
            meant = said if said in {*FIELDS, LEFT_OUT} else _guess(key, program)
            found.setdefault(key, Column(number, name, samples, meant))
    return list(found.values())


def _guess(key: str, program: Program) -> str:
    found = meaning(key, program)
    return UNDECIDED if found is None else found


def problem_with(found: list[Column]) -> str:
    """Return what must be said before anything is tried; "" if all is said."""
    if not found:
        return ""
    if undecided := [column.name for column in found if column.meant == UNDECIDED]:
        return _("Say what these are, or leave them out: %s. One of them may say who has left.") % ", ".join(undecided)
    if [column.meant for column in found].count("email") != 1:
        return _("One column, and one alone, must be the address.")
    return ""


def page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    context = admin.site.each_context(request) | {"title": _("Import readers")} | context
    return render(request, f"desk/readers/{template}.html", context, status=status)


# --- A list that was dropped where posts move in ---


HEAD = 4_096  # bytes that are looked at
TABLES = (".csv", ".tsv", ".xlsx")
RIGHTS = ("subscribers.see_readers", "subscribers.add_subscriber", "subscribers.change_subscriber")


def is_list(file: "UploadedFile[Any]") -> bool:
    """Return whether a file is a table, and not one of mails: those have a subject. A text needs an address in it."""
    name, head = (file.name or "").lower(), file.read(HEAD)
    file.seek(0)
    is_table = name.endswith(TABLES) or (name.endswith(".txt") and b"@" in head)
    return is_table and b"subject" not in head.partition(b"\n")[0]


def hand_over(request: HttpRequest, file: "UploadedFile[Any]") -> HttpResponse:
    """Keep a list of readers that was dropped where posts move in, and go on with it here. Raises FileError."""
    if missing := [right for right in RIGHTS if not request.user.has_perm(right)]:
        raise PermissionDenied(missing[0])
    return redirect("admin:reader_import_consent", kept(file, "", request.user).pk)


@require_http_methods(["GET", "HEAD", "POST"])
def consent(request: HttpRequest, pk: int) -> HttpResponse:
    errand = own(request, pk)
    form = ConsentForm(request.POST) if request.method == "POST" else ConsentForm()
    if form.is_bound and form.is_valid():
        if errand.state == Errand.State.DRAFT:
            errand.options |= {"consent": form.cleaned_data["consent"]}
            errand.save(update_fields=["options"])
        return redirect("admin:reader_import_columns", pk)
    context = {"form": form, "errand": errand}
    return page(request, "import", context, status=400 if form.is_bound else 200)


# --- A suppression list ---


Reason = Suppression.Reason


class ListForm(forms.Form):
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
def upload_barred(request: HttpRequest) -> HttpResponse:
    form = ListForm(request.POST, request.FILES) if request.method == "POST" else ListForm()
    if form.is_bound and form.is_valid():
        try:
            errand = _kept_list(form, request.user)
        except FileError as error:
            form.add_error("file", str(error))
        else:
            wake(tasks.work_on_errands)
            return redirect("admin:reader_errand", errand.pk)
    context = admin.site.each_context(request) | {"title": _("Import a suppression list"), "form": form}
    return render(request, "desk/readers/bar.html", context, status=400 if form.is_bound else 200)


@require_POST
def start_barring(request: HttpRequest, pk: int) -> HttpResponse:
    errand = get_object_or_404(Errand, pk=pk, kind=Errand.Kind.BAR, user=request.user)
    if begin_import(errand, timezone.now()):
        wake(tasks.work_on_errands)
    else:
        messages.info(request, _("It was begun already, or its file is gone."))
    return redirect("admin:reader_errand", errand.pk)


def _kept_list(form: ListForm, user: Any) -> Errand:
    """Keep what was sent and let it be tried; raise FileError for what is no list, and keep nothing of what fails."""
    file, options, now = form.cleaned_data["file"], {"reason": form.cleaned_data["reason"]}, timezone.now()
    errand = prepare_import(one_line(file.name or ""), options, user=user, now=now, kind=Errand.Kind.BAR)
    try:
        errand.total = files.keep(errand, files.GIVEN, pieces(file))
        with barring.opened(files.path_of(errand, files.GIVEN)):
            pass
    except BaseException:
        files.remove(errand)
        errand.delete()
        raise
    errand.save(update_fields=["total"])
    errand.begin(now, Errand.State.TRYING)
    return errand
