"""The addresses of the API. What answers them is imported with the first request."""

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from newsletter.api import problems
from newsletter.api.problems import Problem

if TYPE_CHECKING:
    from newsletter.api.entrance import ApiRequest

ROUTES = "newsletter.api.routes"  # by its name: it imports pydantic, 16 MB


@csrf_exempt  # no cookie opens anything here
def private(request: "ApiRequest", rest: str) -> HttpResponseBase:
    """Answer a program with a token."""
    with translation.override(problems.language_of(request)):
        response = _routed(request)
        response.headers.setdefault("Content-Language", translation.get_language() or "")
    patch_vary_headers(response, ["Accept-Language", "Authorization"])
    if pace := getattr(request, "pace", None):
        for name, value in pace.headers().items():
            response.headers[name] = value
    return response


def _routed(request: HttpRequest) -> HttpResponseBase:
    try:
        match = resolve(request.path_info, urlconf=ROUTES)
    except Resolver404:
        return problems.answer(request, Problem("not-found"))
    response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    if response.status_code == 405 and isinstance(response, HttpResponse):
        return problems.answer(request, Problem("method", headers={"Allow": response.headers["Allow"]}))
    return response
