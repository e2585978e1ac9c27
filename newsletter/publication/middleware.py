"""Language, time zone and style sheet of every request are the publication's."""

from collections.abc import Callable
from wsgiref.headers import Headers

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csp import ContentSecurityPolicyMiddleware
from django.middleware.gzip import GZipMiddleware
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.csp import CSP
from whitenoise.middleware import WhiteNoiseMiddleware

from newsletter.publication import bodies, look
from newsletter.publication.headers import PERMISSIONS, guard, takes_gzip
from newsletter.publication.models import Publication


class PermissionsMiddleware:
    """Tell the browser what no page here asks of it, with every answer: the first in the row sees them all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers["Permissions-Policy"] = PERMISSIONS
        return response


class PublicationMiddleware:
    """Speak the publication's language at the publication's local time, whatever the browser asks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # The first two and links of letters must answer without a database; to the others nobody listens in a language.
        if request.path in {"/healthz", "/readyz", "/metrics"} or request.path.startswith((bodies.WEBHOOKS, "/r/")):
            return self.get_response(request)
        version: int | None = getattr(request, "site_version", None)
        try:
            publication = Publication.objects.fresh() if version is None else Publication.objects.at(version)
        except (OperationalError, InterfaceError):  # a wish to leave is kept without a database; other pages say so
            return self.get_response(request)
        language, zone = translation.override(publication.language), timezone.override(publication.zone)
        with Publication.objects.used(publication), language, zone:
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", publication.language)
        return response


class PolicyMiddleware(ContentSecurityPolicyMiddleware):
    """Django's own, whose policy lets the script and the sheet apply that the page carries."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        answer: HttpResponse = super().process_response(request, response)
        policy = answer.headers.get(CSP.HEADER_ENFORCE, "")
        if look.SHEET_HASH in policy:
            found = policy.replace(look.SHEET_HASH, getattr(request, "sheet_hash", ""))
            found = found.replace(look.SCRIPT_HASH, look.INLINE_SCRIPT_HASH)
            answer.headers[str(CSP.HEADER_ENFORCE)] = found.replace(" ;", ";")
        return answer


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # it has no types
    """WhiteNoise's own; each file carries what keeps it from being used as a page."""

    def add_mime_headers(self, headers: Headers, path: str, url: str) -> None:
        super().add_mime_headers(headers, path, url)
        guard(headers)


class CompressedPagesMiddleware(GZipMiddleware):
    """Django's own, for pages: each carries its sheet. Pictures would only grow, and a kept page is compressed already.

    It adds some bytes by chance, so that nobody can guess what a page keeps secret by its length (BREACH).
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not response.headers.get("Content-Type", "").startswith("text/html"):
            return response
        if not takes_gzip(request.headers.get("Accept-Encoding", "")):  # Django's own does not read q=0
            patch_vary_headers(response, ["Accept-Encoding"])
            return response
        answer: HttpResponseBase = super().process_response(request, response)
        return answer
