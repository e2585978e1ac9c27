"""The API: its routers, the OpenAPI document, and URLs."""

import json
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import translation
from django.views.decorators.http import require_safe
from ninja import NinjaAPI

from newsletter import converters  # noqa: F401 - registers <number:…>
from newsletter.api import error_handling
from newsletter.api.endpoints import (
    events,
    health,
    issues,
    mailings,
    pictures,
    post_writing,
    posts,
    readers,
    suppressions,
    tags,
)
from newsletter.api.error_handling import StrictParser
from newsletter.api.openapi import ANY_PROBLEM, HEADERS, PROBLEM, JsonObject
from newsletter.api.problems import PROBLEM_KINDS
from newsletter.api.tokens import SCOPES

VERSION = "1"
ROUTERS = (
    post_writing.posts_router,
    posts.texts_router,
    pictures.pictures,
    tags.tags,
    health.health,
    issues.issues,
    mailings.issues,
    readers.readers,
    suppressions.suppressions,
    events.events,
)

api = NinjaAPI(title="Newsletter", version=VERSION, openapi_url=None, docs_url=None, parser=StrictParser())
error_handling.register_handlers(api)
for router in dict.fromkeys(ROUTERS):  # several modules can share one
    api.add_router("", router)


METHODS = ("get", "post", "patch", "put", "delete")
INTRODUCTION = """\
What the desk does, for programs.

Send the token that you made on the desk (Settings, API) as `Authorization: Bearer nl_…`.

Every refusal is a problem of RFC 9457 (`application/problem+json`), in Chinese or English by `Accept-Language`.

A POST that does something needs an `Idempotency-Key` of yours: repeated within a day, it is done once. A change \
needs `If-Match` with the `ETag` that you have read, or `*` for any version.

Lists go page by page: `next` is the cursor of the next page. Times are ISO 8601 with an offset.
"""


@cache
@translation.override("en")
def openapi_document() -> JsonObject:
    """Cached: constant per process."""
    made: JsonObject = dict(api.get_openapi_schema(path_prefix="api/v1/"))
    made["info"] |= {
        "title": "Newsletter",
        "description": INTRODUCTION,
        "license": {"name": "MIT", "identifier": "MIT"},
    }
    made["servers"] = [{"url": settings.SITE_URL}]
    for _path, _method, operation in operations(made):
        if scope := operation.get("x-scope"):
            operation["security"] = [{"token": [scope]}]
        operation["responses"] = {str(status): one for status, one in operation["responses"].items()}
    components = made["components"]
    components["schemas"] = dict(sorted(components["schemas"].items())) | {"Problem": PROBLEM}
    components["headers"] = HEADERS
    components["responses"] = {"Problem": ANY_PROBLEM}
    components["securitySchemes"] = {"token": _token()}
    return made


def operations(made: JsonObject) -> list[tuple[str, str, JsonObject]]:
    paths: dict[str, JsonObject] = made["paths"]
    return [(path, method, one[method]) for path, one in paths.items() for method in METHODS if method in one]


def _token() -> dict[str, Any]:
    scopes = "\n".join(f"- `{name}`: {scope.label}" for name, scope in SCOPES.items())
    text = f"A token of the desk. It may do what its scopes name and its account may:\n\n{scopes}"
    return {"type": "http", "scheme": "bearer", "bearerFormat": "nl_ and 48 hexadecimal digits", "description": text}


CACHE_SECONDS = 300  # cache lifetime of the document


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    text = json.dumps(openapi_document(), ensure_ascii=False)
    headers = {"Cache-Control": f"public, max-age={CACHE_SECONDS}"}
    return HttpResponse(text, content_type="application/json", headers=headers)


@require_safe
def documentation(request: HttpRequest) -> HttpResponse:
    """The documentation page. `type` of problems links to its anchors."""
    endpoints = [
        (method.upper(), path, one["summary"], one.get("x-scope", ""))
        for path, method, one in operations(openapi_document())
    ]
    context = {"endpoints": endpoints, "scopes": SCOPES.items(), "problems": PROBLEM_KINDS.items()}
    return render(request, "api/documentation.html", context)


urlpatterns = [path("api/v1/openapi.json", openapi), path("api/docs/", documentation), path("api/v1/", api.urls)]
