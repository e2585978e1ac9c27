"""A year as a book: each issue is a chapter, each post a part of it with a line of its own in the contents."""

import logging
import re
from collections.abc import Callable, Iterator
from typing import IO
from urllib.parse import quote, urljoin, urlsplit
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from newsletter.issues.volumes.contents import BoundPost, Contents
from newsletter.issues.volumes.epub import Chapter, Entry, Facts, Writer
from newsletter.issues.volumes.pictures import Pictures
from newsletter.issues.volumes.xhtml import translated
from newsletter.publication.models import Publication
from newsletter.publication.pictures.cards import Cover, FontUnusable
from newsletter.publication.sharing import language_tag

COVER = "cover.png"
SAFE_IN_URL = "%/:?@!$&'()*+,;=~-._"
_HOST = re.compile(r"[a-z0-9.-]+|\[[0-9a-f:.]+\]", re.IGNORECASE)
_POST = re.compile(r"/p/([0-9]{1,10})[^/]*/")
_ISSUE = re.compile(r"/issues/([0-9]{1,10})/")

logger = logging.getLogger(__name__)


def write(file: IO[bytes], contents: Contents) -> None:
    """Write the book of a year into `file`."""
    writer = Writer(file, _facts(contents))
    _add_cover(writer)
    writer.add_chapters([_title_page(contents, writer.facts)])
    writer.add_chapters(_chapters(contents, Pictures(writer)))
    writer.finish()


def _facts(contents: Contents) -> Facts:
    publication = Publication.objects.current()
    address = settings.SITE_URL + reverse("issues:issue", args=[contents.year])
    return Facts(
        title=_("%(name)s %(year)s") % {"name": publication.name, "year": contents.year},
        author=publication.author or publication.name,
        publisher=publication.name,
        description=publication.promise,
        language=language_tag(publication),
        identifier=f"urn:uuid:{uuid5(NAMESPACE_URL, address)}",
        source_url=address,
        published_on=str(contents.year),
        changed_at=contents.changed_at,
        cover=COVER,
    )


def _add_cover(writer: Writer) -> None:
    """Put the cover into the book; without a font to draw it, a device shows the title page."""
    facts, publication = writer.facts, Publication.objects.current()
    cover = Cover(publication.name, publication.promise, facts.author, facts.published_on, publication.accent)
    try:
        writer.add_picture(COVER, cover.png())
    except FontUnusable as error:
        logger.error("The cover of a book cannot be drawn: %s", error)  # noqa: TRY400 - `doctor` reports the rest


def _title_page(contents: Contents, facts: Facts) -> Chapter:
    context = {"facts": facts, "contents": contents, "publication": Publication.objects.current()}
    body = render_to_string("issues/book/title.xhtml", context)
    return Chapter("title.xhtml", facts.title, body, kind="titlepage")


def _chapters(contents: Contents, pictures: Pictures) -> Iterator[Chapter]:
    link = _links(contents)

    def xhtml(html: str) -> str:
        return translated(html, link=link, picture=pictures.show, absent=_("picture"), film=_("film"))

    for bound in contents.issues():
        issue = bound.issue
        sources = [bound.introduction, bound.closing, *(one.html for one in bound.posts)]
        pictures.meet(*sources, covers=[one.cover for one in bound.posts])
        context = {
            "issue": issue,
            "sent_at": issue.sent_at and localtime(issue.sent_at),
            "introduction": xhtml(bound.introduction),
            "closing": xhtml(bound.closing),
            "posts": [_post(one, pictures, xhtml) for one in bound.posts],
        }
        name = chapter_name(issue.number)
        entries = tuple(Entry(one.post.title, f"{name}#post-{one.post.pk}") for one in bound.posts)
        title = _("Issue %(number)s: %(subject)s") % {"number": issue.number, "subject": issue.subject}
        yield Chapter(name, title, render_to_string("issues/book/issue.xhtml", context), entries)


def _post(bound: BoundPost, pictures: Pictures, xhtml: Callable[[str], str]) -> dict[str, object]:
    """Return what a chapter shows of a post: all of it, or where it stood before."""
    told_in = bound.told_in
    return {
        "post": bound.post,
        "html": xhtml(bound.html),
        "cover": bound.cover and pictures.show(bound.cover.get_absolute_url()),
        "told_in": told_in,
        "before": f"{chapter_name(told_in)}#post-{bound.post.pk}" if told_in is not None else "",
    }


def chapter_name(number: int) -> str:
    return f"issue-{number}.xhtml"


def _links(contents: Contents) -> Callable[[str], str | None]:
    """Return what makes an address lead on from within the book: to a chapter of it where it has the page."""
    numbers = set(contents.numbers)

    def link(address: str) -> str | None:
        if address.startswith("#"):
            return address
        try:
            url = urljoin(f"{settings.SITE_URL}/", address.strip())
            parts = urlsplit(url)
        except ValueError:
            return None
        if url.startswith(f"{settings.SITE_URL}/"):
            if (post := _POST.match(parts.path)) and int(post[1]) in contents.issue_of:
                return f"{chapter_name(contents.issue_of[int(post[1])])}#post-{int(post[1])}"
            if (issue := _ISSUE.fullmatch(parts.path)) and int(issue[1]) in numbers:
                return chapter_name(int(issue[1]))
        return _outside(url)

    return link


def _outside(url: str) -> str | None:
    """Return an address that a reading device takes; None for one that is none."""
    parts = urlsplit(url)
    if parts.scheme in {"mailto", "tel"}:
        return quote(url, safe=SAFE_IN_URL) if parts.path else None
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(parts.hostname or ""):
        return None
    if "[" in parts.netloc:  # an address of IPv6, which keeps its brackets
        return url
    before, sign, fragment = url.partition("#")
    return quote(before, safe=SAFE_IN_URL) + sign + quote(fragment, safe=SAFE_IN_URL)
