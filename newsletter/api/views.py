"""The addresses of the API. What answers them is imported with the first request."""

from http import HTTPStatus
from typing import TYPE_CHECKING

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import resolve
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from newsletter.api import problems
from newsletter.api.problems import Problem
from newsletter.publication.kept import kept

if TYPE_CHECKING:
    from newsletter.api.entrance import ApiRequest

ROUTES = "newsletter.api.v1"  # by its name: it imports pydantic, 13 MB


@csrf_exempt  # no cookie opens anything here
def private(request: "ApiRequest", rest: str) -> HttpResponse:
    with translation.override(problems.language_of(request)):
        response = _routed(request)
        response.headers.setdefault("Content-Language", translation.get_language() or "")
    patch_vary_headers(response, ["Accept-Language", "Authorization"])
    return response


@kept()
@csrf_exempt
def public(request: HttpRequest) -> HttpResponse:
    return _routed(request)


def _routed(request: HttpRequest) -> HttpResponse:
    """Return what the endpoint of an address answers. HEAD is asked as GET: the server leaves the body out."""
    method = request.method
    request.method = "GET" if method == "HEAD" else method
    try:
        match = resolve(request.path_info, urlconf=ROUTES)
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    except Http404:  # of a view that is none of ours: Resolver404 is one
        return problems.answer(request, Problem("not-found"))
    finally:
        request.method = method
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return problems.answer(request, Problem("method", headers={"Allow": response.headers["Allow"]}))
    return response
