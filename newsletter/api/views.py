"""URLs of the API. The implementation is imported by the first request."""

from http import HTTPStatus
from typing import TYPE_CHECKING

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import resolve
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from newsletter.api import problems
from newsletter.api.problems import Problem
from newsletter.page_cache.pages import cached_page

if TYPE_CHECKING:
    from newsletter.api.auth import ApiRequest

ROUTES = "newsletter.api.v1"  # by its name: it imports pydantic, 13 MB


@csrf_exempt  # no cookie opens anything here
def api_request(request: "ApiRequest", rest: str) -> HttpResponse:
    with translation.override(problems.language_of(request)):
        response = _routed(request)
        response.headers.setdefault("Content-Language", translation.get_language() or "")
    patch_vary_headers(response, ["Accept-Language", "Authorization"])
    return response


@cached_page()
@csrf_exempt
def api_page(request: HttpRequest) -> HttpResponse:
    return _routed(request)


def _routed(request: HttpRequest) -> HttpResponse:
    """Dispatch to the endpoint. HEAD is handled as GET; the server drops the body."""
    method = request.method
    request.method = "GET" if method == "HEAD" else method
    try:
        match = resolve(request.path_info, urlconf=ROUTES)
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    except Http404:  # Resolver404 included
        return problems.problem_response(request, Problem("not-found"))
    finally:
        request.method = method
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return problems.problem_response(request, Problem("method", headers={"Allow": response.headers["Allow"]}))
    return response
