"""Pictures as pages show them: the browser chooses among their sizes and forms.

A step after rendering, once for a whole page, so that what Markdown became need not be made anew when a
picture gets another form; mails and feeds have the plain picture, which every program knows.
"""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join

from newsletter.posts.models.images import Image

# As templates and the sanitiser write it: each value in double quotes, in which no other can stand.
PICTURE = re.compile(r'<img(?:\s+[a-z-]+="[^"]*")*?\s+src="(/media/([0-9a-f]{16})/[^"]+)"(?:\s+[a-z-]+="[^"]*")*\s*/?>')
# How wide site.css shows a picture: --measure and the page's margins, at the page's type of up to 18 pixels. Here a
# rem is the browser's own 16 (CSS Values, relative lengths in media queries and `sizes`).
MEASURE = "(min-width: 45.5rem) 43rem, calc(100vw - 2.6rem)"
MEASURE_PIXELS = 43 * 16
FOLD = 800  # characters of HTML behind the title: about what a telephone shows before anybody scrolls
FORMS = {"avif": "image/avif", "webp": "image/webp"}  # the best first


def pictured[V: Callable[..., HttpResponse]](view: V) -> V:
    """Let the pictures on a view's pages come in their sizes and forms; at most one query for a page."""

    @wraps(view)
    def marked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if b'src="/media/' in response.content:
            html = response.content.decode()
            digests = {digest for _url, digest in PICTURE.findall(html)}
            images = Image.objects.filter(digest__in=digests) if digests else ()
            response.content = with_sizes(html, {image.get_absolute_url(): image for image in images})
        return response

    return cast("V", marked)


def with_sizes(html: str, images: Mapping[str, Image]) -> str:
    """Return `html` with a `picture` around each `img` of `images`, which are named by their addresses.

    A picture just behind the title does not wait until it is near: it is there at once.
    """

    title_ends = html.find("</h1>")

    def around(found: re.Match[str]) -> str:
        image, tag = images.get(found[1]), found[0]
        if 0 < title_ends < found.start() < title_ends + FOLD:
            tag = tag.replace(' loading="lazy"', "")
        return _picture(tag, image) if image and image.sizes else tag

    return PICTURE.sub(around, html)


def _picture(tag: str, image: Image) -> str:
    sizes = f"{image.width}px" if image.width < MEASURE_PIXELS else MEASURE
    sources = format_html_join(
        "",
        '<source type="{}" srcset="{}" sizes="{}">',
        ((FORMS[form], _srcset(image, form), sizes) for form in FORMS if image.sizes.get(form)),
    )
    own = format_html(' srcset="{}" sizes="{}"', _srcset(image, "fallback"), sizes)
    if 'width="' not in tag:
        own += format_html(' width="{}" height="{}"', image.width, image.height)
    return f"<picture>{sources}{tag.rstrip('/>').rstrip()}{own}></picture>"


def _srcset(image: Image, form: str) -> str:
    return ", ".join(f"{image.address(form, width)} {width}w" for width in image.widths(form))
