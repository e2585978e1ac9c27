"""The outbox as a small mail client, for the person trying the product. Real mailers have no such pages."""

import ipaddress
from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Concatenate
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.csp import CSP
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

from newsletter.mail import outbox

MAILS_PER_PAGE = 50
SEE_MAIL = "publication.see_mail"
# A request with one of these came through a proxy. Some proxies add none: see `is_on_trial`.
PROXY_FIELDS = ("X_FORWARDED_FOR", "X_FORWARDED_HOST", "X_FORWARDED_PROTO", "FORWARDED", "X_REAL_IP", "VIA")
# A mail may style itself and show pictures; it may not run, load or send anything.
MAIL_CSP: dict[str, list[str]] = {
    "default-src": [CSP.NONE],
    "style-src": [CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:", "https:", "http:"],
    "form-action": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.SELF],
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
}


def for_tester[**P](
    view: Callable[Concatenate[HttpRequest, Path, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Answer 404 unless mail goes to the outbox, and the client may see it there.

    That is whoever has the right to see all mail; and on a trial, whoever sits at this machine.
    """

    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        directory = outbox.directory()
        if directory is None:
            raise Http404
        if not (request.user.has_perm(SEE_MAIL) or is_tester(request)):
            raise PermissionDenied(SEE_MAIL) if request.user.is_staff else Http404
        return view(request, directory, *args, **kwargs)

    update_wrapper(guarded, view)
    return never_cache(require_safe(guarded))


def is_tester(request: HttpRequest) -> bool:
    """Return whether it is the person who tries the product on their own machine."""
    return is_on_trial() and is_local(request)


def is_on_trial() -> bool:
    """Return whether the site is for this machine alone: else everybody's request may come from a proxy on it."""
    host = urlsplit(settings.SITE_URL).hostname or ""
    return host == "localhost" or host.endswith(".localhost") or _is_loopback(host)


def is_local(request: HttpRequest) -> bool:
    """Return whether the client is on this machine; a proxy on it that is not trusted does not count."""
    address = request.META.get("REMOTE_ADDR", "")
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    trusted: int = settings.TRUSTED_PROXIES
    if trusted and hops[0]:
        address = hops[-trusted].strip() if len(hops) >= trusted else ""
    elif any(f"HTTP_{field}" in request.META for field in PROXY_FIELDS):
        return False
    return _is_loopback(address)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


@for_tester
def mail_list(request: HttpRequest, directory: Path) -> HttpResponse:
    page = Paginator(outbox.names(directory), MAILS_PER_PAGE).get_page(request.GET.get("page"))
    entries = [outbox.entry(directory, name) for name in page]
    return render(request, "outbox/list.html", {"entries": entries, "page": page})


@for_tester
def mail(request: HttpRequest, directory: Path, name: str) -> HttpResponse:
    return _page(request, directory, name, "html")


@for_tester
def mail_text(request: HttpRequest, directory: Path, name: str) -> HttpResponse:
    return _page(request, directory, name, "text", text=outbox.part(_octets(directory, name), "plain"))


@for_tester
def mail_headers(request: HttpRequest, directory: Path, name: str) -> HttpResponse:
    return _page(request, directory, name, "headers", fields=outbox.fields(_octets(directory, name)))


@for_tester
def mail_source(request: HttpRequest, directory: Path, name: str) -> HttpResponse:
    return _page(request, directory, name, "source", text=_octets(directory, name).decode("ascii", "replace"))


@csp_override(MAIL_CSP)
@xframe_options_sameorigin
@for_tester
def mail_frame(request: HttpRequest, directory: Path, name: str) -> HttpResponse:
    return framed(outbox.part(_octets(directory, name), "html"))


def framed(html: str) -> HttpResponse:
    """Return a mail's HTML for a frame, under MAIL_CSP; its links open beside the page."""
    return HttpResponse(html.replace("<head>", '<head><base target="_blank">', 1))


@for_tester
def mail_file(request: HttpRequest, directory: Path, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}.eml"'}
    return HttpResponse(_octets(directory, name), content_type="message/rfc822", headers=headers)


def _page(request: HttpRequest, directory: Path, name: str, tab: str, **shown: object) -> HttpResponse:
    _octets(directory, name)
    context = {"mail": outbox.entry(directory, name), "tab": tab, **shown}
    return render(request, f"outbox/mail_{tab}.html", context)


def _octets(directory: Path, name: str) -> bytes:
    try:
        return outbox.read(directory, name)
    except FileNotFoundError:
        raise Http404 from None
