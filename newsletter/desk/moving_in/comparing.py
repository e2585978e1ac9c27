"""Ten posts of an import, old and new side by side: first those with the most differences, then others at random."""

import random
from typing import Any

import nh3
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.csp import CSP
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

from newsletter.desk.intake import files
from newsletter.desk.models import PostImport, PostImportEntry
from newsletter.desk.moving_in import showing
from newsletter.desk.moving_in.pages import page
from newsletter.desk.moving_in.showing import LOOKED_AT

FRAME_CSP: dict[str, Any] = settings.SECURE_CSP | {
    "script-src": [CSP.NONE],
    "frame-src": [CSP.NONE],
    "form-action": [CSP.NONE],
    "frame-ancestors": [CSP.SELF],
    "sandbox": True,
}
TAGS = nh3.ALLOWED_TAGS | {"figure", "figcaption", "details", "summary", "section", "article", "mark", "picture", "u"}
ATTRIBUTES: dict[str, set[str]] = {
    "*": {"title", "lang", "dir"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan", "align"},
    "th": {"colspan", "rowspan", "align", "scope"},
    "ol": {"start", "reversed"},
    "details": {"open"},
}


def chosen(found: PostImport) -> list[int]:
    """Return the places of the posts that are worth a look, the same ones each time."""
    rows = showing.comparable(found)
    first = list(rows.filter(losses__gt=0).order_by("-losses", "place").values_list("place", flat=True)[:LOOKED_AT])
    others = list(rows.filter(losses=0).values_list("place", flat=True))
    count = min(LOOKED_AT - len(first), len(others))
    return first + sorted(random.Random(found.pk).sample(others, count))  # noqa: S311 - no secret


@require_safe
def compare(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Show one of the posts beside its old page."""
    found = get_object_or_404(PostImport, pk=pk)
    places = chosen(found)
    if not places:
        return page(request, "nothing_to_compare", {"found": found, "title": _("Side by side")})
    if not 1 <= number <= len(places):
        raise Http404(number)
    row = found.entries.select_related("post").get(place=places[number - 1])
    context = {
        "found": found,
        "text": showing.text_of(row),
        "post": row.post,
        "number": number,
        "count": len(places),
        "older": number - 1,
        "newer": number + 1 if number < len(places) else 0,
        "title": _("Side by side"),
    }
    return page(request, "compare", context)


@csp_override(FRAME_CSP)
@xframe_options_sameorigin
@require_safe
def old(request: HttpRequest, pk: int, place: int) -> HttpResponse:
    """Return the old page as the file holds it, without what could do anything."""
    row = _row(pk, place)
    html = files.page_of(row.post_import, row)
    clean = nh3.clean(html, tags=TAGS, attributes=ATTRIBUTES, url_schemes={"http", "https", "mailto", "data"})
    return _frame(request, clean)


@csp_override(FRAME_CSP)
@xframe_options_sameorigin
@require_safe
def new(request: HttpRequest, pk: int, place: int) -> HttpResponse:
    """Return the text of the post as it is here."""
    row = _row(pk, place)
    return _frame(request, str(row.post.html) if row.post else "")


def _row(pk: int, place: int) -> PostImportEntry:
    return get_object_or_404(PostImportEntry.objects.select_related("post", "post_import"), post_import=pk, place=place)


def _frame(request: HttpRequest, html: str) -> HttpResponse:
    return render(request, "desk/moving_in/frame.html", {"html": html})
