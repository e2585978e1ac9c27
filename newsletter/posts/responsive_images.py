"""`<picture>` with `srcset` on web pages, so that the browser chooses among sizes and formats.

A step after rendering, once for a whole page, so that cached renderings stay valid when a picture gets a new size.
Mails and feeds keep the plain `<img>`.
"""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join

from newsletter.posts.models.images import Image

# As templates and the sanitiser write it: values in double quotes, which they cannot contain.
IMG_PATTERN = re.compile(
    r'<img(?:\s+[a-z-]+="[^"]*")*?\s+src="(/media/([0-9a-f]{16})/[^"]+)"(?:\s+[a-z-]+="[^"]*")*\s*/?>'
)
# Width of a picture in site.css: --measure and the page's margins at a font size of up to 18 pixels. In `sizes`, a rem
# is the browser's own 16 pixels (CSS Values, relative lengths in media queries and `sizes`).
MEASURE = "(min-width: 45.5rem) 43rem, calc(100vw - 2.6rem)"
MEASURE_PIXELS = 43 * 16
ABOVE_FOLD = 800  # characters of HTML after the title: about one telephone screen
MIME_TYPES = {"avif": "image/avif", "webp": "image/webp"}  # preferred first


def responsive_pictures[V: Callable[..., HttpResponse]](view: V) -> V:
    """Decorate a view: offer sizes and formats of the pictures on its page, by at most one query."""

    @wraps(view)
    def with_pictures(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if b'src="/media/' in response.content:
            html = response.content.decode()
            digests = {digest for _url, digest in IMG_PATTERN.findall(html)}
            images = Image.objects.filter(digest__in=digests) if digests else ()
            response.content = add_picture_sizes(html, {image.get_absolute_url(): image for image in images})
        return response

    return cast("V", with_pictures)


def add_picture_sizes(html: str, images: Mapping[str, Image]) -> str:
    """Wrap each `img` of `images` (by URL) into a `picture`. One right after the title is not loaded lazily."""
    title_ends = html.find("</h1>")

    def wrap(found: re.Match[str]) -> str:
        image, tag = images.get(found[1]), found[0]
        if 0 < title_ends < found.start() < title_ends + ABOVE_FOLD:
            tag = tag.replace(' loading="lazy"', "")
        return _picture(tag, image) if image and image.sizes else tag

    return IMG_PATTERN.sub(wrap, html)


def _picture(tag: str, image: Image) -> str:
    sizes = f"{image.width}px" if image.width < MEASURE_PIXELS else MEASURE
    sources = format_html_join(
        "",
        '<source type="{}" srcset="{}" sizes="{}">',
        ((mime, _srcset(image, name), sizes) for name, mime in MIME_TYPES.items() if image.sizes.get(name)),
    )
    own = format_html(' srcset="{}" sizes="{}"', _srcset(image, "fallback"), sizes)
    if 'width="' not in tag:
        own += format_html(' width="{}" height="{}"', image.width, image.height)
    return f"<picture>{sources}{tag.rstrip('/>').rstrip()}{own}></picture>"


def _srcset(image: Image, format_name: str) -> str:
    return ", ".join(f"{image.url_for(format_name, width)} {width}w" for width in image.widths(format_name))
