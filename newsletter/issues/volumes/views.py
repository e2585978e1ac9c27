"""A year as an EPUB and as one printable page."""

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
from newsletter.issues.volumes.book import YearContents
from newsletter.limits import client_ip, public_views
from newsletter.limits.rate_limits import retry_after_seconds
from newsletter.page_cache.site_version import site_version
from newsletter.posts.markdown import RENDERER_VERSION
from newsletter.posts.models import Image
from newsletter.posts.responsive_images import IMG_PATTERN, add_picture_sizes
from newsletter.publication import sharing, stylesheet
from newsletter.publication.models import Publication

FORMAT_VERSION = "7"  # of the generated files; part of their cache key

DOWNLOADS_PER_WINDOW, WINDOW_SECONDS = 20, 600  # downloads per client network


@require_safe
def epub(request: HttpRequest, year: int) -> HttpResponseBase:
    contents = _contents(year)
    response = _volume_response(request, contents, str(year), ".epub", lambda file: book.write_book(file, contents))
    if isinstance(response, FileResponse):
        response.headers["Content-Type"] = "application/epub+zip"
        response.headers["Content-Disposition"] = f'attachment; filename="{year}.epub"'
    return response


@require_safe
def printable(request: HttpRequest, year: int) -> HttpResponseBase:
    contents = _contents(year)
    publication = Publication.objects.current()
    # PolicyMiddleware puts its hash into the CSP header, also of a 304, whose header replaces the cached one.
    request.sheet = stylesheet.full_css(publication.accent, publication.theme)  # type: ignore[attr-defined]  # our own attribute
    response = _volume_response(
        request, contents, f"{year}-page", ".html", lambda file: write_page(file, contents, request)
    )
    if isinstance(response, FileResponse):
        response.headers["Content-Type"] = "text/html; charset=utf-8"
    return response


def _contents(year: int) -> YearContents:
    contents = YearContents(year, timezone.now())
    if not contents.issue_numbers:
        raise Http404
    return contents


def _volume_response(
    request: HttpRequest, contents: YearContents, name: str, suffix: str, write: Callable[[IO[bytes]], None]
) -> HttpResponseBase:
    """Serve a volume, created if missing; 304 if unchanged, 429 over the rate limit."""
    version = _version(request, contents)
    etag = f'"{version}"'
    if (not_modified := get_conditional_response(request, etag)) is not None:
        return _with_cache_headers(not_modified, etag)
    network = client_ip.client_network(client_ip.client_address(request))
    if seconds := retry_after_seconds(
        "volume", network, limit=DOWNLOADS_PER_WINDOW, seconds=WINDOW_SECONDS, now=contents.now
    ):
        return public_views.too_many_requests(request, seconds=seconds)
    return _with_cache_headers(FileResponse(_open_or_create(f"volumes/{name}-{version}{suffix}", write)), etag)


def _open_or_create(name: str, write: Callable[[IO[bytes]], None]) -> IO[bytes]:
    try:
        return sharing.open_or_create(name, write, lock="binding")
    except FileNotFoundError:  # replaced by another version meanwhile
        return sharing.open_or_create(name, write, lock="binding")


def _with_cache_headers[R: HttpResponseBase](response: R, etag: str) -> R:
    response.headers["ETag"] = etag
    response.headers["X-Robots-Tag"] = "noindex"  # search engines should list the issues themselves
    patch_cache_control(response, public=True, max_age=0, s_maxage=60)
    return response


def _version(request: HttpRequest, contents: YearContents) -> str:
    """20 hex characters that change whenever visible content does."""
    site = getattr(request, "site_version", None) or site_version()
    publication = Publication.objects.current()
    assets = (stylesheet.css_version(publication.accent, publication.theme), static("volume.css"), static("site.js"))
    facts = (FORMAT_VERSION, RENDERER_VERSION, settings.SITE_URL, site, assets, publication.language, contents.digest)
    return sha256(repr(facts).encode()).hexdigest()[:20]


ISSUES_PLACEHOLDER = "<!-- issues -->"


def write_page(file: IO[bytes], contents: YearContents, request: HttpRequest) -> None:
    page = render_to_string("issues/year_print.html", {"contents": contents}, request)
    before, after = page.split(ISSUES_PLACEHOLDER)
    file.write(before.rstrip(" ").encode())
    for volume_issue in contents.issues():
        html = render_to_string("issues/_volume_issue.html", {"volume_issue": volume_issue}, request)
        eager = html.replace(' loading="lazy"', "")  # it leaves pictures blank in print
        images = Image.objects.filter(digest__in={digest for _url, digest in IMG_PATTERN.findall(eager)})
        file.write(add_picture_sizes(eager, {image.get_absolute_url(): image for image in images}).encode())
    file.write(after.encode())
