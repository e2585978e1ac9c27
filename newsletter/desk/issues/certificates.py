"""The certificate of a mailing, to be read, printed or kept as a file."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from newsletter.delivery.certificate import canonical
from newsletter.delivery.models.history import Certificate
from newsletter.desk.issues.audit import provider_in_words
from newsletter.desk.issues.composer import page


@require_safe
def certificate(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Show one certificate, and lead to the others of its mailing."""
    found = _found(pk, number)
    times = {name: datetime.fromisoformat(at) for name, at in found.document["times"].items() if at}
    context: dict[str, Any] = {
        "title": _("Certificate"),
        "certificate": found,
        "document": found.document,
        "times": times,
        "contents": _dated(found.document["contents"]),
        "providers": [
            entry | {"provider": provider_in_words(entry["provider"])} for entry in _dated(found.document["providers"])
        ],
        "others": found.mailing.certificates.exclude(pk=found.pk),
        "mailing": found.mailing,
    }
    return page(request, "desk/certificate.html", found.mailing.issue, context)


@require_safe
def document(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Return the octets whose SHA-256 the certificate carries."""
    found = _found(pk, number)
    response = HttpResponse(canonical(found.document), content_type="application/json")
    name = f"issue-{found.document['issue']}-mailing-{pk}-certificate-{number}.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _found(pk: int, number: int) -> Certificate:
    papers = Certificate.objects.select_related("mailing__issue").defer("mailing__html", "mailing__text")
    return get_object_or_404(papers, mailing=pk, number=number)


def _dated(entries: list[dict[str, str]]) -> list[dict[str, Any]]:
    return [entry | {"since": datetime.fromisoformat(entry["since"])} for entry in entries]
