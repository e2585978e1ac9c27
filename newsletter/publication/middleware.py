"""Middleware: language and time zone of the publication, content security policy, static files, compression."""

from collections.abc import Callable
from copy import copy
from http import HTTPStatus
from wsgiref.headers import Headers

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csp import ContentSecurityPolicyMiddleware
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django.utils.csp import CSP
from django.utils.deprecation import MiddlewareMixin
from whitenoise.middleware import WhiteNoiseMiddleware

from newsletter.limits import body_size
from newsletter.mail import typesetting
from newsletter.page_cache.pages import accepts_gzip
from newsletter.publication import stylesheet
from newsletter.publication.models import Publication
from newsletter.publication.response_headers import PERMISSIONS, add_static_headers

OPEN_BEFORE_SETUP = ("/admin/", "/api/", "/outbox/", "/static/", "/media/", "/icon.svg", "/favicon.ico")


class PermissionsMiddleware(MiddlewareMixin):
    """Add Permissions-Policy to every response; the outermost middleware."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers["Permissions-Policy"] = PERMISSIONS
        return response


class PublicationMiddleware:
    """Activate the publication's language and time zone; Accept-Language counts only until it is set up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # /healthz, /readyz and /r/ must work without a database; the others have no language.
        if request.path in {"/healthz", "/readyz", "/metrics"} or request.path.startswith(
            (body_size.WEBHOOKS_PREFIX, "/r/", "/healthz/")
        ):
            return self.get_response(request)
        version: int | None = getattr(request, "site_version", None)
        try:
            publication = Publication.objects.fresh() if version is None else Publication.objects.at(version)
        except (OperationalError, InterfaceError):  # unsubscribing works without a database; other pages answer 503
            return self.get_response(request)
        if not publication.is_set_up:
            publication = _in_language_of(request, publication)
        request.publication_name = publication.name  # type: ignore[attr-defined]  # for ReaderPageMiddleware
        language, zone = translation.override(publication.language), timezone.override(publication.zone)
        with Publication.objects.used(publication), language, zone:
            is_open = publication.is_set_up or request.path.startswith(OPEN_BEFORE_SETUP)
            response = self.get_response(request) if is_open else _soon(request)
        response.headers.setdefault("Content-Language", publication.language)
        return response


class ReaderPageMiddleware(MiddlewareMixin):
    """Finish a reader's page: the publication's name on one line, and of the sheet only the rules that can match.

    The innermost middleware.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        is_page = response.headers.get("Content-Type", "").startswith("text/html") and not response.streaming
        if is_page and not request.path.startswith(("/desk/", "/admin/")):
            name = getattr(request, "publication_name", "")  # without a database there is none
            html = typesetting.keep_name(response.content.decode(), name, '<span class="name">')
            response.content = _with_used_css(request, html)
        return response


def _with_used_css(request: HttpRequest, html: str) -> str:
    sheet: str = getattr(request, "sheet", "")
    before, style, after = html.partition(f"<style>{sheet}</style>")
    if not sheet or not style:
        return html
    used = stylesheet.used_css(sheet, stylesheet.names_in(before + after))
    request.sheet = used  # type: ignore[attr-defined]  # for PolicyMiddleware
    return f"{before}<style>{used}</style>{after}"


def _in_language_of(request: HttpRequest, publication: Publication) -> Publication:
    """The publication in the browser's language: Chinese if it reads any or names none, else English."""
    named = request.headers.get("Accept-Language", "").lower()
    found = copy(publication)
    found.language = translation.get_language_from_request(request) if not named or "zh" in named else "en"
    return found


def _soon(request: HttpRequest) -> HttpResponse:
    status = HTTPStatus.OK if request.path == "/" else HTTPStatus.NOT_FOUND
    response = render(request, "publication/soon.html", status=status)
    add_never_cache_headers(response)
    return response


class PolicyMiddleware(ContentSecurityPolicyMiddleware):
    """Django's, with the hashes of the page's inline script and style sheet."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        answer: HttpResponse = super().process_response(request, response)
        policy = answer.headers.get(CSP.HEADER_ENFORCE, "")
        if stylesheet.STYLE_HASH_PLACEHOLDER in policy:
            sheet = getattr(request, "sheet", "")
            found = policy.replace(stylesheet.STYLE_HASH_PLACEHOLDER, stylesheet.csp_hash(sheet) if sheet else "")
            found = found.replace(stylesheet.SCRIPT_HASH_PLACEHOLDER, stylesheet.SCRIPT_CSP_HASH)
            answer.headers[str(CSP.HEADER_ENFORCE)] = found.replace(" ;", ";")
        return answer


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # it has no types
    def add_mime_headers(self, headers: Headers, path: str, url: str) -> None:
        super().add_mime_headers(headers, path, url)
        add_static_headers(headers)


class CompressedPagesMiddleware(GZipMiddleware):
    """Django's, only for HTML: pictures would grow, and cached pages are compressed already.

    Django adds random bytes against BREACH.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not response.headers.get("Content-Type", "").startswith("text/html"):
            return response
        if not accepts_gzip(request):  # Django ignores q=0
            patch_vary_headers(response, ["Accept-Encoding"])
            return response
        answer: HttpResponseBase = super().process_response(request, response)
        return answer
