"""The door for who follows a counted link: it leads on at once, and counts beside.

No address is in the request, so nobody can be led anywhere but to where a letter leads. What is known stays in the
process: while the database is locked or away, links work that were followed here before, and their neighbours.
"""

from django.core.cache import caches
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone, translation

from newsletter.delivery.links import counting
from newsletter.delivery.links.rewriting import LONGEST
from newsletter.delivery.models import Link
from newsletter.mail import tokens
from newsletter.publication import limits
from newsletter.publication.doors import capability, too_many
from newsletter.publication.models import Publication

ENCODED = 12  # octets that a character of an address has at most: four, each percent-encoded
UNKNOWN_MAX, UNKNOWN_SECONDS = 60, 600  # tokens of one network that open nothing


@capability
def follow(request: HttpRequest, token: str) -> HttpResponse:
    """Lead to where the link of this token leads; 404 for a token that is none."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    found = _found(token)
    if found is None:
        return _unknown(request)
    number, url = found
    if request.method == "GET":
        counting.note(number, request, timezone.now())
    return HttpResponseRedirect(url, max_length=LONGEST * ENCODED)


def _found(token: str) -> tuple[int, str] | None:
    """Return number and address of a link; None if there is none."""
    if tokens.number_of(token) is None:
        return None
    known: tuple[int, str] | None = caches["pages"].get(_key(token))
    return known or _learned(token)


def _learned(token: str) -> tuple[int, str] | None:
    """Remember all links of the mailing that a token is of: a letter's links are followed one after the other."""
    mailing = Link.objects.filter(token=token).values_list("mailing_id", flat=True).first()
    if mailing is None:
        return None
    rows = {one: (pk, url) for one, pk, url in Link.objects.filter(mailing=mailing).values_list("token", "pk", "url")}
    for name, row in rows.items():
        caches["pages"].set(_key(name), row, None)
    return rows.get(token)


def _key(token: str) -> str:
    return f"link:{token}"


def _unknown(request: HttpRequest) -> HttpResponse:
    who, publication = limits.neighbourhood(limits.client_address(request)), Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        if limits.is_over("links", who, limit=UNKNOWN_MAX, seconds=UNKNOWN_SECONDS):
            return too_many(request, seconds=UNKNOWN_SECONDS)
        return render(request, "404.html", status=404)
