"""A list of readers that was dropped where posts move in: it goes on in the import of readers."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from newsletter.desk.models import Errand
from newsletter.desk.readers import importing

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
    return redirect("admin:reader_import_consent", importing.kept(file, "", request.user).pk)


@require_http_methods(["GET", "HEAD", "POST"])
def consent(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask how the readers of a file agreed that is here already."""
    errand = importing.own(request, pk)
    form = importing.ConsentForm(request.POST) if request.method == "POST" else importing.ConsentForm()
    if form.is_bound and form.is_valid():
        if errand.state == Errand.State.DRAFT:
            errand.options |= {"consent": form.cleaned_data["consent"]}
            errand.save(update_fields=["options"])
        return redirect("admin:reader_import_columns", pk)
    context = {"form": form, "errand": errand}
    return importing.page(request, "import", context, status=400 if form.is_bound else 200)
