"""Public doors: pages that anybody may post to, without a cookie and so without a CSRF token."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.csrf import csrf_exempt

ORIGIN_MAX = 300  # characters: a scheme, a host of 253 (RFC 1035 section 2.3.4) and a port


def same_origin[V: Callable[..., HttpResponse]](view: V) -> V:
    """Let a view be posted to from this site's own pages without a CSRF token, and from no other site's.

    Harmless without a cookie: a sign-up does nothing before it is confirmed, and the page of a
    token carries its capability in its address.
    """

    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and not is_own(request):
            return refused(request)
        return view(request, *args, **kwargs)

    return cast("V", guarded)


def capability[V: Callable[..., HttpResponse]](view: V) -> V:
    """Keep an address that opens something out of caches, search engines and Referer headers."""

    @wraps(view)
    def discreet(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        response.headers["Cache-Control"] = "no-store, private"
        return response

    return cast("V", discreet)


def refused(request: HttpRequest) -> HttpResponse:
    text = _("This form was sent from another site. Please open the page here and send it again.")
    return _shut(request, _("That did not come from here"), text, status=403)


def too_many(request: HttpRequest, *, seconds: int) -> HttpResponse:
    text = _("There have been many attempts from your network or for this address. Please try again at %(time)s.")
    text %= {"time": opening(seconds, timezone.now())}
    response = _shut(request, _("One moment, please"), text, status=429)
    response.headers["Retry-After"] = str(seconds)
    return response


def opening(seconds: int, now: datetime) -> str:
    """Return the local time, to the minute, at which a door that opens in `seconds` is open, with the day if not today.

    A time within a minute is rounded up: nobody shall come too early.
    """
    at = timezone.localtime(now + timedelta(seconds=seconds + 59))
    return date_format(at, "H:i" if at.date() == timezone.localdate(now) else pgettext("format of a date", "F j, H:i"))


def is_own(request: HttpRequest) -> bool:
    """Return whether a POST comes from this site, or from a client that does not say.

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


def _shut(request: HttpRequest, title: str, text: str, *, status: int) -> HttpResponse:
    response = render(request, "publication/shut.html", {"title": title, "text": text}, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response
