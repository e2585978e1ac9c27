"""A year as one page for a printer: all issues one after the other, the addresses of their links below each."""

from typing import IO

from django.http import HttpRequest
from django.template.loader import render_to_string

from newsletter.issues.volumes.contents import Contents
from newsletter.posts.models import Image
from newsletter.posts.responsive_images import PICTURE, with_sizes

GAP = "<!-- issues -->"


def write(file: IO[bytes], contents: Contents, request: HttpRequest) -> None:
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
