"""The description of the API: OpenAPI 3.1, made of the endpoints themselves."""

from functools import cache
from typing import Any

from django.conf import settings

from newsletter.api.describing import HEADERS, PROBLEM, Facts, problem_responses
from newsletter.api.scopes import SCOPES
from newsletter.api.v1 import api

METHODS = ("get", "post", "patch", "put", "delete")
ABOUT = """\
What the desk does, for programs.

Send the token that you made on the desk (Settings, API) as `Authorization: Bearer nl_…`. What is under `/public/` \
needs none.

Every refusal is a problem of RFC 9457 (`application/problem+json`), in Chinese or English by `Accept-Language`.

A POST that does something needs an `Idempotency-Key` of yours: asked again within a day, it is done once. A change \
needs `If-Match` with the `ETag` that you have read, or `*` for whatever there is.

Lists go page by page: `next` is the cursor of the page behind. Times are ISO 8601 with an offset.
"""


@cache
def description() -> Facts:
    """Return the description. Made once in a process: nothing in it changes."""
    made: Facts = dict(api.get_openapi_schema(path_prefix="api/v1/"))
    made["info"] |= {"title": "Newsletter", "description": ABOUT, "license": {"name": "MIT", "identifier": "MIT"}}
    made["servers"] = [{"url": settings.SITE_URL}]
    for _path, _method, operation in operations(made):
        _finish(operation)
    components = made["components"]
    components["schemas"] = dict(sorted(components["schemas"].items())) | {"Problem": PROBLEM}
    components["headers"] = HEADERS
    components["responses"] = problem_responses()
    components["securitySchemes"] = {"token": _token()}
    return made


def operations(made: Facts) -> list[tuple[str, str, Facts]]:
    """Return path, method and description of each endpoint."""
    paths: dict[str, Facts] = made["paths"]
    return [(path, method, one[method]) for path, one in paths.items() for method in METHODS if method in one]


def _finish(operation: Facts) -> None:
    """Say of an endpoint which scope opens it, and leave out what pydantic cannot know."""
    scope = operation.pop("x-scope", "")
    if scope:
        operation["security"] = [{"token": [scope]}]
        operation["x-scope"] = scope
    operation["responses"] = {str(status): one for status, one in sorted(operation["responses"].items())}


def _token() -> dict[str, Any]:
    scopes = "\n".join(f"- `{name}`: {scope.label}" for name, scope in SCOPES.items())
    text = f"A token of the desk. It may do what its scopes name and its account may:\n\n{scopes}"
    return {"type": "http", "scheme": "bearer", "bearerFormat": "nl_ and 48 hexadecimal digits", "description": text}
