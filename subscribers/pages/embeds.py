"""The sign-up elsewhere: a form in a frame of another site, without script or cookie, and a code to be photographed."""

import io
from typing import Any

import segno
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.csp import CSP
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

from newsletter.publication.kept import kept

# What another site may choose, and the values that are taken.
CHOICES = {"scheme": ("light", "dark"), "lead": ("none",)}
FRAME_CSP: dict[str, Any] = settings.SECURE_CSP | {"frame-ancestors": ["*"], "script-src": [CSP.NONE]}
QUIET_ZONE = 4  # modules around the code; ISO/IEC 18004


@kept(parameters=tuple(CHOICES))
@csp_override(FRAME_CSP)
@xframe_options_exempt
@require_safe
def frame(request: HttpRequest) -> HttpResponse:
    """Show the form alone, for a frame of any site; whatever is pressed in it opens in a window of its own."""
    if any(request.GET[name] not in values for name, values in CHOICES.items() if name in request.GET):
        raise Http404
    return render(request, "subscribers/embed.html", {"chosen": {name: request.GET.get(name, "") for name in CHOICES}})


@kept()
@require_safe
def qr_code(request: HttpRequest) -> HttpResponse:
    """Serve the code that leads to the sign-up, black on white whatever the scheme: cameras need the contrast."""
    drawn = io.BytesIO()
    code = segno.make(f"{settings.SITE_URL}{reverse('subscribers:subscribe')}?utm_source=qr", error="m", micro=False)
    code.save(drawn, kind="svg", border=QUIET_ZONE, light="#fff", omitsize=True, svgclass=None, lineclass=None)
    return HttpResponse(drawn.getvalue(), content_type="image/svg+xml")


@kept()
@require_safe
def sheet(request: HttpRequest) -> HttpResponse:
    """Show the code as large as a page, to be printed and put up."""
    return render(request, "subscribers/qr_sheet.html")
