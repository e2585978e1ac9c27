"""Decorators and responses for public forms, which have no cookie and so no CSRF token."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

ORIGIN_MAX = 300  # characters: a scheme, a host of 253 (RFC 1035 section 2.3.4) and a port


def same_origin[V: Callable[..., HttpResponse]](view: V) -> V:
    """Accept POST without a CSRF token, but only from this site's pages.

    Safe without a cookie: a sign-up has no effect before it is confirmed, and other forms need the secret URL.
    """

    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and not is_same_origin(request):
            return _cross_site_response(request)
        return view(request, *args, **kwargs)

    return cast("V", guarded)


def private_view[V: Callable[..., HttpResponseBase]](view: V) -> V:
    """Keep a URL with a token out of caches, search engines and Referer headers."""

    @wraps(view)
    def private(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        response.headers["Cache-Control"] = "no-store, private"
        return response

    return cast("V", private)


def private_form[V: Callable[..., HttpResponse]](view: V) -> V:
    """A private view that shows a form, and accepts it from this site's pages."""
    return private_view(require_http_methods(["GET", "HEAD", "POST"])(same_origin(view)))


def private_post[V: Callable[..., HttpResponse]](view: V) -> V:
    return private_view(require_POST(same_origin(view)))


def _cross_site_response(request: HttpRequest) -> HttpResponse:
    text = _("This form was sent from another site. Please open the page here and send it again.")
    return _refuse(request, _("That did not come from here"), text, status=403)


def too_many_requests(request: HttpRequest, *, seconds: int) -> HttpResponse:
    text = _("There have been many attempts from your network or for this address. Please try again at %(time)s.")
    text %= {"time": retry_time_text(seconds, timezone.now())}
    response = _refuse(request, _("One moment, please"), text, status=429)
    response.headers["Retry-After"] = str(seconds)
    return response


def retry_time_text(seconds: int, now: datetime) -> str:
    """The local time in `seconds`, rounded up to the minute; with the day if it is not today."""
    at = timezone.localtime(now + timedelta(seconds=seconds + 59))
    return date_format(at, "H:i" if at.date() == timezone.localdate(now) else pgettext("format of a date", "F j, H:i"))


def is_same_origin(request: HttpRequest) -> bool:
    """Whether a POST comes from this site, or from a client that sends no origin.

    A page with Referrer-Policy no-referrer posts with `Origin: null`, even to itself; so does a
    sandboxed frame of another site, which the browser tells apart in Sec-Fetch-Site (sent over
    HTTPS and to localhost).

    Source: Fetch Standard, "append a request Origin header"; W3C Fetch Metadata section 2.3.
    """
    fetch_site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if fetch_site in {"same-origin", "none"}:
        return True
    if origin is None or origin == "null":
        return fetch_site is None
    if len(origin) > ORIGIN_MAX:
        return False
    own = {request.get_host(), urlsplit(settings.SITE_URL).netloc}
    return urlsplit(origin).netloc in own


def _refuse(request: HttpRequest, title: str, text: str, *, status: int) -> HttpResponse:
    response = render(request, "publication/shut.html", {"title": title, "text": text}, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response
