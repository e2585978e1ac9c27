"""The account of an import as a file: a page that stands for itself, and data to count with."""

import json

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe

from newsletter.desk.intake.keeping import account_of
from newsletter.desk.models import PostImport
from newsletter.posts.importers.account import as_data, as_page


@require_safe
def as_html(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(PostImport, pk=pk)
    return _file(found, as_page(account_of(found)), "text/html; charset=utf-8", "html")


@require_safe
def as_json(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(PostImport, pk=pk)
    text = json.dumps(as_data(account_of(found)), ensure_ascii=False, indent=1)
    return _file(found, text, "application/json", "json")


def _file(found: PostImport, text: str, kind: str, suffix: str) -> HttpResponse:
    name = f"move-{timezone.localtime(found.created_at):%Y-%m-%d}-{found.pk}.{suffix}"
    return HttpResponse(text, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
