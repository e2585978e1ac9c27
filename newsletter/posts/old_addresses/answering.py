"""What is nowhere on this site may have been somewhere on the old one: there it leads."""

from datetime import date
from urllib.parse import urlsplit

from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.utils import timezone
from django.views.defaults import page_not_found

from newsletter.posts.models.redirects import Redirect, normal
from newsletter.publication.limits import closed_seconds

COUNTED_A_MINUTE = 30  # requests for old addresses that are written down, from everybody together


def missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Lead to where the page is now, or say that there is none."""
    if found := moved(request):
        return found
    return page_not_found(request, exception)


def moved(request: HttpRequest) -> HttpResponse | None:
    """Return the way to the new place of an old address; None if it was none."""
    if request.method not in {"GET", "HEAD"}:
        return None
    query = request.META.get("QUERY_STRING", "")
    row = Redirect.objects.of(request.path, query)
    if row is None or (row.post and not row.post.is_published(timezone.now())):
        return None
    if normal(row.end) == normal(request.path) and not row.path.endswith("*") and not urlsplit(row.end).netloc:
        return None
    _note(row, timezone.localdate())
    # What counts visits goes along, and other things that the old page was asked with.
    goes_along = query and "?" not in row.path
    return HttpResponsePermanentRedirect(_asked_with(row.end, query) if goes_along else row.end)


def _asked_with(end: str, query: str) -> str:
    parts = urlsplit(end)
    return parts._replace(query="&".join(filter(None, (parts.query, query)))).geturl()


def _note(row: Redirect, today: date) -> None:
    """Count a use, so that the author sees which old addresses live; at most COUNTED_A_MINUTE are written."""
    if not _is_closed():
        Redirect.objects.filter(pk=row.pk).update(asked=F("asked") + 1, asked_on=today)


def _is_closed() -> bool:
    return bool(closed_seconds("old-address", "all", limit=COUNTED_A_MINUTE, seconds=60, now=timezone.now()))
