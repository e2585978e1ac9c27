"""A year's book, and a year as one page for a printer with the addresses of links below each issue."""

from collections.abc import Callable
from hashlib import sha256
from typing import IO

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control
from django.views.decorators.http import require_safe

from newsletter.issues.volumes import book
from newsletter.issues.volumes.book import Contents
from newsletter.posts.markdown import RENDERER_VERSION
from newsletter.posts.models import Image
from newsletter.posts.responsive_images import PICTURE, with_sizes
from newsletter.publication import doors, limits, look, sharing
from newsletter.publication.kept import version_since
from newsletter.publication.limits import closed_seconds
from newsletter.publication.models import Publication

FORM = "5"
"""Changes whenever the same texts may give another book or page."""

PER_WINDOW, WINDOW_SECONDS = 20, 600  # volumes that one network is handed


@require_safe
def epub(request: HttpRequest, year: int) -> HttpResponseBase:
    contents = _contents(year)
    response = _handed_out(request, contents, str(year), ".epub", lambda file: book.write(file, contents))
    if isinstance(response, FileResponse):
        response.headers["Content-Type"] = "application/epub+zip"
        response.headers["Content-Disposition"] = f'attachment; filename="{year}.epub"'
    return response


@require_safe
def printable(request: HttpRequest, year: int) -> HttpResponseBase:
    contents = _contents(year)
    publication = Publication.objects.current()
    # For the policy. An answer of 304 has it too: its policy takes the place of the one that the browser kept.
    request.sheet_hash = look.sheet_hash(publication.accent, publication.theme)  # type: ignore[attr-defined]  # a fact of ours
    response = _handed_out(request, contents, f"{year}-page", ".html", lambda file: write_page(file, contents, request))
    if isinstance(response, FileResponse):
        response.headers["Content-Type"] = "text/html; charset=utf-8"
    return response


def _contents(year: int) -> Contents:
    contents = Contents(year, timezone.now())
    if not contents.numbers:
        raise Http404
    return contents


def _handed_out(
    request: HttpRequest, contents: Contents, name: str, suffix: str, write: Callable[[IO[bytes]], None]
) -> HttpResponseBase:
    """Return a volume, made anew only if something in it has changed; 429 to whoever asks for too many."""
    version = _version(request, contents)
    etag = f'"{version}"'
    if (known := get_conditional_response(request, etag)) is not None:
        return _for_all(known, etag)
    who = limits.neighbourhood(limits.client_address(request))
    if seconds := closed_seconds("volume", who, limit=PER_WINDOW, seconds=WINDOW_SECONDS, now=contents.now):
        return doors.too_many(request, seconds=seconds)
    return _for_all(FileResponse(_opened(f"volumes/{name}-{version}{suffix}", write)), etag)


def _opened(name: str, write: Callable[[IO[bytes]], None]) -> IO[bytes]:
    try:
        return sharing.made(name, write, turn="binding")
    except FileNotFoundError:  # another version took its place just now
        return sharing.made(name, write, turn="binding")


def _for_all[R: HttpResponseBase](response: R, etag: str) -> R:
    response.headers["ETag"] = etag
    response.headers["X-Robots-Tag"] = "noindex"  # the issues themselves are what search engines shall find
    patch_cache_control(response, public=True, max_age=0, s_maxage=60)
    return response


def _version(request: HttpRequest, contents: Contents) -> str:
    """Return what changes with everything that a volume shows: 20 hex characters."""
    site = getattr(request, "site_version", None) or version_since(None)
    publication = Publication.objects.current()
    sheets = (look.version(publication.accent, publication.theme), static("volume.css"), static("site.js"))
    facts = (FORM, RENDERER_VERSION, settings.SITE_URL, site, sheets, publication.language, contents.digest)
    return sha256(repr(facts).encode()).hexdigest()[:20]


GAP = "<!-- issues -->"


def write_page(file: IO[bytes], contents: Contents, request: HttpRequest) -> None:
    """Write the page of a year into `file`, an issue at a time."""
    before, after = render_to_string("issues/year_print.html", {"contents": contents}, request).split(GAP)
    file.write(before.rstrip(" ").encode())
    for bound in contents.issues():
        html = render_to_string("issues/_bound.html", {"bound": bound, "issue": bound.issue}, request)
        file.write(_pictured(html).encode())
    file.write(after.encode())


def _pictured(html: str) -> str:
    """Let the pictures come in their sizes; at once, because a printer does not scroll."""
    digests = {digest for _url, digest in PICTURE.findall(html)}
    images = Image.objects.filter(digest__in=digests) if digests else ()
    return with_sizes(html.replace(' loading="lazy"', ""), {image.get_absolute_url(): image for image in images})
