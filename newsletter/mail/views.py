"""The outbox as a small mail client, for a trial. Not available with a real mailer."""

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
SEE_MAIL_PERMISSION = "publication.see_mail"
# Headers that proxies add. Some add none: see `is_trial_site`.
PROXY_HEADERS = ("X_FORWARDED_FOR", "X_FORWARDED_HOST", "X_FORWARDED_PROTO", "FORWARDED", "X_REAL_IP", "VIA")
# A mail may have styles and pictures, but no scripts, requests or forms.
MAIL_CSP: dict[str, list[str]] = {
    "default-src": [CSP.NONE],
    "style-src": [CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:", "https:", "http:"],
    "form-action": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.SELF],
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
}


def outbox_view[**P](
    view: Callable[Concatenate[HttpRequest, Path, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """404 without an outbox or the mail, or if the client neither has SEE_MAIL_PERMISSION nor tries the product."""

    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        directory = outbox.directory()
        if directory is None:
            raise Http404
        if not (request.user.has_perm(SEE_MAIL_PERMISSION) or is_trial_user(request)):
            raise PermissionDenied(SEE_MAIL_PERMISSION) if request.user.is_staff else Http404
        try:
            return view(request, directory, *args, **kwargs)
        except FileNotFoundError:
            raise Http404 from None

    update_wrapper(guarded, view)
    return never_cache(require_safe(guarded))


def is_trial_user(request: HttpRequest) -> bool:
    """A local client of a site that only this machine uses."""
    return is_trial_site() and is_local(request)


def is_trial_site() -> bool:
    """Whether SITE_URL is loopback; otherwise every request may come from a local proxy."""
    host = urlsplit(settings.SITE_URL).hostname or ""
    return host == "localhost" or host.endswith(".localhost") or _is_loopback(host)


def is_local(request: HttpRequest) -> bool:
    """Whether the client is on this machine. A request through an untrusted local proxy is not."""
    address = request.META.get("REMOTE_ADDR", "")
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    trusted: int = settings.TRUSTED_PROXIES
    if trusted and hops[0]:
        address = hops[-trusted].strip() if len(hops) >= trusted else ""
    elif any(f"HTTP_{field}" in request.META for field in PROXY_HEADERS):
        return False
    return _is_loopback(address)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


@outbox_view
def mail_list(request: HttpRequest, directory: Path) -> HttpResponse:
    page = Paginator(outbox.mail_names(directory), MAILS_PER_PAGE).get_page(request.GET.get("page"))
    entries = [outbox.read_summary(directory, name) for name in page]
    return render(request, "outbox/list.html", {"entries": entries, "page": page})


@outbox_view
def mail(request: HttpRequest, directory: Path, name: str) -> HttpResponse:
    return _tab(request, directory, name, "html")


@outbox_view
def mail_text(request: HttpRequest, directory: Path, name: str) -> HttpResponse:
    return _tab(request, directory, name, "text", text=outbox.body_part(outbox.read_mail(directory, name), "plain"))


@outbox_view
def mail_headers(request: HttpRequest, directory: Path, name: str) -> HttpResponse:
    return _tab(request, directory, name, "headers", fields=outbox.header_fields(outbox.read_mail(directory, name)))


@csp_override(MAIL_CSP)
@xframe_options_sameorigin
@outbox_view
def mail_frame(request: HttpRequest, directory: Path, name: str) -> HttpResponse:
    return html_frame_response(outbox.body_part(outbox.read_mail(directory, name), "html"))


def html_frame_response(html: str) -> HttpResponse:
    """A mail's HTML for an iframe; links open in a new tab. The caller sets MAIL_CSP."""
    return HttpResponse(html.replace("<head>", '<head><base target="_blank">', 1))


@outbox_view
def mail_file(request: HttpRequest, directory: Path, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}.eml"'}
    return HttpResponse(outbox.read_mail(directory, name), content_type="message/rfc822", headers=headers)


def _tab(request: HttpRequest, directory: Path, name: str, tab: str, **shown: object) -> HttpResponse:
    context = {"mail": outbox.read_summary(directory, name), "tab": tab, **shown}
    return render(request, f"outbox/mail_{tab}.html", context)
