"""How the API is explained: to programs as OpenAPI, to people as a page."""

import json

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from newsletter.api.description import schema
from newsletter.api.description.explaining import sections

SECONDS = 300  # that proxies may keep the description


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """The description for programs."""
    text = json.dumps(schema.description(), ensure_ascii=False)
    headers = {"Cache-Control": f"public, max-age={SECONDS}"}
    return HttpResponse(text, content_type="application/json", headers=headers)


@require_safe
def documentation(request: HttpRequest) -> HttpResponse:
    """The description for people."""
    return render(request, "api/documentation.html", sections(schema.description()))
