"""A year as a book: its texts an issue at a time, each a chapter, with the pictures that are kept here."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import IO
from urllib.parse import quote, urljoin, urlsplit
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.db.models import Max
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from newsletter.buckets import PicturesAway
from newsletter.issues.models import Issue, IssueItem, named_apart
from newsletter.issues.volumes.epub import MEDIA_TYPES, Chapter, Entry, Facts, Shown, Writer, translated
from newsletter.posts.models import Image, Post, with_renderings
from newsletter.posts.models.images import BYTES_MOST
from newsletter.posts.models.renderings import rendered
from newsletter.publication.models import Publication
from newsletter.publication.pictures.cards import Cover, FontUnusable
from newsletter.publication.pictures.storages import media
from newsletter.publication.sharing import language_tag


@dataclass(frozen=True)
class Contents:
    """The issues of a year, as readers may see them now."""

    year: int
    now: datetime

    @cached_property
    def _places(self) -> list[tuple[int, int, datetime, datetime]]:
        issues = Issue.objects.archived().in_year(self.year)
        items = IssueItem.objects.filter(issue__in=issues.order_by(), post__published_at__lte=self.now)
        rows = items.order_by("issue__sent_at", "issue__number", "position", "pk")
        return list(rows.values_list("post_id", "issue__number", "post__updated_at", "issue__updated_at"))

    @cached_property
    def numbers(self) -> list[int]:
        return list(Issue.objects.archived().in_year(self.year).values_list("number", flat=True))

    @cached_property
    def issue_of(self) -> dict[int, int]:
        """Return the number of the issue in which each post stands first."""
        return {post: number for post, number, *_changes in reversed(self._places)}

    @property
    def changed_at(self) -> datetime:
        newest: datetime = Issue.objects.archived().in_year(self.year).aggregate(at=Max("updated_at"))["at"]
        return max([newest, *(max(post, issue) for _post, _number, post, issue in self._places)])

    @property
    def digest(self) -> str:
        """Return what changes with every text and every place."""
        return sha256(repr((self.numbers, self._places, self.changed_at)).encode()).hexdigest()

    def issues(self) -> Iterator["BoundIssue"]:
        """Yield the issues one after the other, each with all that a page shows of it."""
        for number in self.numbers:
            if issue := Issue.objects.archived().filter(number=number).first():
                yield self._bound(issue)

    def _bound(self, issue: Issue) -> "BoundIssue":
        # Not by `fetch_whole`: an issue and items that know each other stay in memory until Python looks for rings.
        items = list(
            IssueItem.objects.filter(issue_id=issue.pk, post__published_at__lte=self.now).select_related("post__cover")
        )
        with_renderings(item.post for item in items)
        posts = tuple(self._post(item, issue.number) for item in items)
        introduction, closing = rendered(issue.introduction), rendered(issue.closing)
        before, after = f"i{issue.number}", f"c{issue.number}"
        return BoundIssue(issue, named_apart(introduction, before), named_apart(closing, after), posts)

    def _post(self, item: IssueItem, number: int) -> "BoundPost":
        first = self.issue_of.get(item.post_id, number)
        return BoundPost(item.post, item.html, None) if first == number else BoundPost(item.post, "", first)


@dataclass(frozen=True)
class BoundPost:
    """A post in a volume. told_in: the number of the issue that has told it before; then it has no `html` here."""

    post: Post
    html: str
    told_in: int | None

    @property
    def cover(self) -> Image | None:
        return self.post.cover if self.told_in is None else None


@dataclass(frozen=True)
class BoundIssue:
    """An issue in a volume, all its texts as HTML whose names are its own."""

    issue: Issue
    introduction: str
    closing: str
    posts: tuple[BoundPost, ...]


BYTES_ALL = 40_000_000  # of a book's pictures: Amazon takes 50 MB by mail, Apple and Kobo more


class Pictures:
    """Puts the pictures of a book's chapters into it while it is written."""

    def __init__(self, writer: Writer, bytes_left: int = BYTES_ALL) -> None:
        self.writer, self.bytes_left = writer, bytes_left
        self._known: dict[str, Image] = {}
        self._shown: dict[str, Shown | None] = {}

    def meet(self, *sources: str, covers: Iterable[Image | None] = ()) -> None:
        """Look up the pictures of a chapter, by one query."""
        found = [*Image.objects.within(*sources), *(cover for cover in covers if cover)]
        self._known = {image.get_absolute_url(): image for image in found}

    def show(self, address: str) -> Shown | None:
        """Return what the book has of the picture at this address, which a chapter has met; None for nothing."""
        if address not in self._shown:
            image = self._known.get(address)
            self._shown[address] = self._taken(image) if image else None
        return self._shown[address]

    def _taken(self, image: Image) -> Shown | None:
        """Put the widest form of a picture that weighs no more than it may into the book."""
        for width in reversed([width for width in image.widths("fallback") if width <= image.width]):
            path = image.path("fallback", width)
            suffix = Path(path).suffix.lower()
            data = _read(path) if suffix in MEDIA_TYPES else None
            if data and len(data) <= min(BYTES_MOST, self.bytes_left):
                self.bytes_left -= len(data)
                name = f"{image.digest}-{width}{suffix}"
                self.writer.add_picture(name, data)
                return Shown(name, width, max(1, round(image.height * width / image.width)))
        return None


def _read(path: str) -> bytes | None:
    """Return a picture's file; None for one that is lost or too heavy, which is not read.

    Raises PicturesAway: a book without pictures would be kept.
    """
    try:
        return None if media.size(path) > BYTES_MOST else media.read(path)
    except PicturesAway:
        raise
    except OSError:
        return None


COVER = "cover.png"
SAFE_IN_URL = "%/:?@!$&'()*+,;=~-._"
_HOST = re.compile(r"[a-z0-9.-]+|\[[0-9a-f:.]+\]", re.IGNORECASE)
_POST = re.compile(r"/p/([0-9]{1,10})[^/]*/")
_ISSUE = re.compile(r"/issues/([0-9]{1,10})/")

logger = logging.getLogger(__name__)


def write(file: IO[bytes], contents: Contents) -> None:
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
