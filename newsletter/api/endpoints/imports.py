"""Readers from a file, on the errands of the desk: sent, its columns named, tried, and only then written.

An import is seen by its sender alone, as on the desk. It mails nobody.
"""

from datetime import datetime
from typing import Annotated, Any, cast

from django.http import FileResponse, Http404
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from ninja import File, Form, Query, Schema, UploadedFile
from pydantic import ConfigDict, Field

from newsletter.api.auth import FORM, ApiRequest
from newsletter.api.cursors import PageOf, PageQuery, paginate
from newsletter.api.endpoint import ApiResponse, EndpointRouter, PathId, iso_time, page_response
from newsletter.api.problems import FieldError, Problem, form_problem
from newsletter.desk.jobs import files
from newsletter.desk.models import Errand
from newsletter.desk.readers import errands, importing
from subscribers.importers import csv_file, merging

imports = EndpointRouter(tags=["imports"])
SCOPE, RIGHTS = "imports:write", importing.RIGHTS
PATH = "/imports/{number:number}"
COLUMNS_MAX = 200
State = Errand.State


class ColumnOut(Schema):
    """means: what it is taken for; "" is left out, "?" has to be said."""

    name: str
    samples: list[str]
    means: str


class ProblemOut(Schema):
    line: int
    detail: str


class ImportOut(Schema):
    """state: draft, trying, tried, running, done, stopped or failed. rows: of the file, read so far.

    After a try the numbers say what would happen, after the import what has. rejected: with the first of them in
    problems; all are in the file of refused lines.
    """

    id: int
    state: str
    name: str
    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    bytes: int
    bytes_read: int
    problems: list[ProblemOut]
    error: str
    begun_at: datetime | None
    ended_at: datetime | None


class OneImportOut(ImportOut):
    """columns: empty once the file is gone, a day after its end."""

    columns: list[ColumnOut]


class ColumnsIn(Schema):
    """columns: what those mean that are taken for something else, by their names; "" leaves one out."""

    model_config = ConfigDict(extra="forbid")
    columns: Annotated[dict[str, str], Field(max_length=COLUMNS_MAX)] = {}


@imports.reads("/imports", scope=SCOPE, permissions=RIGHTS, returns=PageOf[ImportOut])
def list_imports(request: ApiRequest, wanted: Query[PageQuery]) -> ApiResponse:
    """A page of your own imports, the newest first."""
    own = Errand.objects.filter(kind=Errand.Kind.IMPORT, user=request.user)
    page = paginate(own, limit=wanted.limit, cursor=wanted.cursor)
    return page_response([_numbers(errand) for errand in page.rows], page.next)


@imports.makes("/imports", scope=SCOPE, permissions=RIGHTS, returns=OneImportOut, takes=FORM)
def send_file(
    request: ApiRequest,
    file: File[UploadedFile],
    consent: Form[Annotated[str, Field(min_length=1, max_length=importing.CONSENT_LENGTH)]],
) -> ApiResponse:
    """Send a CSV, TSV or Excel file, or a ZIP with one; at most 64 MB.

    consent: how its readers agreed; it stands in the record of each.
    """
    form = importing.ReaderUploadForm({"consent": consent}, MultiValueDict({"file": [file]}))
    errand = importing.kept(form, request.user)
    if errand is None:
        raise form_problem(form, {})
    return ApiResponse(_import_out(errand), status=201, location=f"/api/v1/imports/{errand.pk}")


@imports.reads(PATH, scope=SCOPE, permissions=RIGHTS, returns=OneImportOut)
def read_import(request: ApiRequest, number: PathId) -> ApiResponse:
    """How far an import is, and what it has done or would do."""
    return ApiResponse(_import_out(importing.own(request, number)))


@imports.makes(f"{PATH}/try", scope=SCOPE, permissions=RIGHTS, returns=OneImportOut, status=202)
def try_import(request: ApiRequest, number: PathId, wanted: ColumnsIn) -> ApiResponse:
    """Try an import: nothing is written but which lines would be refused."""
    errand = importing.own(request, number)
    found = _columns(errand, wanted.columns)
    _refuse_unknown(wanted.columns, found)
    if problem := importing.problem_with(found):
        raise Problem("invalid", errors=[FieldError(problem, pointer="/columns")])
    if not errand.has_files(timezone.now()) or not importing.try_import(errand, found):
        raise _begun_already()
    return ApiResponse(_import_out(errand), status=202)


@imports.makes(f"{PATH}/start", scope=SCOPE, permissions=RIGHTS, returns=OneImportOut, status=202)
def start_import(request: ApiRequest, number: PathId) -> ApiResponse:
    """Write what was tried. Nobody is mailed."""
    errand = importing.own(request, number)
    if errand.state in {State.DRAFT, State.TRYING}:
        raise Problem("conflict", _("Try the import first: it says which lines would be refused."))
    if not importing.start_import(errand):
        raise _begun_already()
    return ApiResponse(_import_out(errand), status=202)


@imports.makes(f"{PATH}/stop", scope=SCOPE, permissions=RIGHTS, returns=OneImportOut, status=200)
def stop_import(request: ApiRequest, number: PathId) -> ApiResponse:
    """Stop before the next readers; what was done stays done."""
    errand = importing.own(request, number)
    if not errand.stop(timezone.now()):
        raise Problem("conflict", _("It is not at work."))
    return ApiResponse(_import_out(errand))


@imports.reads(f"{PATH}/refused", scope=SCOPE, permissions=RIGHTS, returns=None)
def read_refused(request: ApiRequest, number: PathId) -> FileResponse:
    """The lines that were refused, as a CSV file that can be mended and sent again. There for a day."""
    errand = importing.own(request, number)
    if files.REFUSED not in errands.file_names(errand):
        raise Http404
    return cast("FileResponse", errands.file_response(errand, files.REFUSED))


def _begun_already() -> Problem:
    return Problem("conflict", _("It was begun already, or its file is gone."))


def _columns(errand: Errand, wanted: dict[str, str]) -> list[importing.Column]:
    """The columns of a file as they are taken; none once it is gone."""
    if not errand.has_files(timezone.now()):
        return []
    try:
        with csv_file.opened(files.path_of(errand, files.GIVEN), is_checked=True) as table:
            return importing.columns_of(table, table.samples(importing.SAMPLES), errand.chosen | wanted)
    except OSError:
        return []


def _refuse_unknown(wanted: dict[str, str], found: list[importing.Column]) -> None:
    """Raise a Problem for a column that the file does not have, or a field that there is not."""
    names, fields = {column.name for column in found}, {*importing.FIELDS, ""}
    if wrong := [name for name, field in wanted.items() if name not in names or field not in fields]:
        text = _("This is no column of the file, or no meaning: choose of %(meanings)s.")
        detail = text % {"meanings": ", ".join(importing.FIELDS)}
        raise Problem("invalid", errors=[FieldError(detail, pointer=f"/columns/{name}") for name in wrong])


def _import_out(errand: Errand) -> dict[str, Any]:
    columns = [{"name": one.name, "samples": one.samples, "means": one.field} for one in _columns(errand, {})]
    return _numbers(errand) | {"columns": columns}


def _numbers(errand: Errand) -> dict[str, Any]:
    return {
        "id": errand.pk,
        "state": str(errand.state),
        "name": errand.about,
        **{name: errand.counts.get(name, 0) for name in merging.COUNTED},
        "bytes": errand.total or 0,
        "bytes_read": errand.position,
        "problems": [{"line": line, "detail": why} for line, why in errand.problems],
        "error": errand.error,
        "begun_at": iso_time(errand.begun_at),
        "ended_at": iso_time(errand.ended_at),
    }
