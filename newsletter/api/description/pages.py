"""How the API is described: to programs as OpenAPI, to people as a page that leads to the guide and to that."""

import json

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from newsletter.api.description import schema
from newsletter.api.problems import KINDS
from newsletter.api.scopes import SCOPES

SECONDS = 300  # that proxies may keep the description


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """The description for programs."""
    text = json.dumps(schema.description(), ensure_ascii=False)
    headers = {"Cache-Control": f"public, max-age={SECONDS}"}
    return HttpResponse(text, content_type="application/json", headers=headers)


@require_safe
def documentation(request: HttpRequest) -> HttpResponse:
    """What there is, in a line each. The type of a problem leads here, to its name."""
    operations = schema.operations(schema.description())
    endpoints = [(method.upper(), path, one["summary"], one.get("x-scope", "")) for path, method, one in operations]
    context = {"endpoints": endpoints, "scopes": SCOPES.items(), "problems": KINDS.items()}
    return render(request, "api/documentation.html", context)
