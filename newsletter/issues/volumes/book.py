"""A year's book: one chapter an issue, with the pictures of this site."""

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

from newsletter.buckets import PicturesUnavailable
from newsletter.issues.models import Issue, IssueItem, prefix_ids
from newsletter.issues.volumes.epub import (
    MEDIA_TYPES,
    BookChapter,
    BookMetadata,
    BookPicture,
    EpubWriter,
    TocEntry,
    to_xhtml,
)
from newsletter.mail.typesetting import keep_endings
from newsletter.posts.models import Image, Post, attach_renderings
from newsletter.posts.models.images import BYTES_MAX
from newsletter.posts.models.renderings import render_cached
from newsletter.publication.models import Publication
from newsletter.publication.pictures.cards import Cover, FontUnusable
from newsletter.publication.pictures.storages import media
from newsletter.publication.sharing import language_tag


@dataclass(frozen=True)
class YearContents:
    """The public content of a year's issues at `now`."""

    year: int
    now: datetime

    @cached_property
    def _rows(self) -> list[tuple[int, int, datetime, datetime]]:
        issues = Issue.objects.archived().in_year(self.year)
        items = IssueItem.objects.filter(issue__in=issues.order_by(), post__published_at__lte=self.now)
        rows = items.order_by("issue__sent_at", "issue__number", "position", "pk")
        return list(rows.values_list("post_id", "issue__number", "post__updated_at", "issue__updated_at"))

    @cached_property
    def issue_numbers(self) -> list[int]:
        return list(Issue.objects.archived().in_year(self.year).values_list("number", flat=True))

    @cached_property
    def issue_of(self) -> dict[int, int]:
        """Post to the number of the first issue that contains it."""
        return {post: number for post, number, *_changes in reversed(self._rows)}

    @property
    def changed_at(self) -> datetime:
        newest: datetime = Issue.objects.archived().in_year(self.year).aggregate(at=Max("updated_at"))["at"]
        return max([newest, *(max(post, issue) for _post, _number, post, issue in self._rows)])

    @property
    def digest(self) -> str:
        """Changes with every text and position."""
        return sha256(repr((self.issue_numbers, self._rows, self.changed_at)).encode()).hexdigest()

    def issues(self) -> Iterator["VolumeIssue"]:
        """Yield one loaded issue at a time."""
        for number in self.issue_numbers:
            if issue := Issue.objects.archived().filter(number=number).first():
                yield self._volume_issue(issue)

    def _volume_issue(self, issue: Issue) -> "VolumeIssue":
        # Not by `prefetch_whole`: its reference cycles would stay in memory until garbage collection.
        items = list(
            IssueItem.objects.filter(issue_id=issue.pk, post__published_at__lte=self.now).select_related("post__cover")
        )
        attach_renderings(item.post for item in items)
        posts = tuple(self._post(item, issue.number) for item in items)
        introduction, closing = render_cached(issue.introduction), render_cached(issue.closing)
        before, after = f"i{issue.number}", f"c{issue.number}"
        return VolumeIssue(issue, prefix_ids(introduction, before), prefix_ids(closing, after), posts)

    def _post(self, item: IssueItem, number: int) -> "VolumePost":
        first = self.issue_of.get(item.post_id, number)
        return VolumePost(item.post, item.html, None) if first == number else VolumePost(item.post, "", first)


@dataclass(frozen=True)
class VolumePost:
    """earlier_issue: number of an earlier issue of the volume with this post; then `html` is empty."""

    post: Post
    html: str
    earlier_issue: int | None

    @property
    def cover(self) -> Image | None:
        return self.post.cover if self.earlier_issue is None else None


@dataclass(frozen=True)
class VolumeIssue:
    """An issue of a volume; HTML ids are prefixed."""

    issue: Issue
    introduction: str
    closing: str
    posts: tuple[VolumePost, ...]


BOOK_PICTURES_BYTES_MAX = 40_000_000  # of pictures: Amazon accepts 50 MB by mail


class BookPictures:
    def __init__(self, writer: EpubWriter, bytes_left: int = BOOK_PICTURES_BYTES_MAX) -> None:
        self.writer, self.bytes_left = writer, bytes_left
        self._known: dict[str, Image] = {}
        self._shown: dict[str, BookPicture | None] = {}

    def load(self, *sources: str, covers: Iterable[Image | None] = ()) -> None:
        """Look up a chapter's pictures by one query, before `show`."""
        found = [*Image.objects.within(*sources), *(cover for cover in covers if cover)]
        self._known = {image.get_absolute_url(): image for image in found}

    def show(self, address: str) -> BookPicture | None:
        """Add the picture of this URL, if it was loaded; None if it cannot be included."""
        if address not in self._shown:
            image = self._known.get(address)
            self._shown[address] = self._add(image) if image else None
        return self._shown[address]

    def _add(self, image: Image) -> BookPicture | None:
        for width in reversed([width for width in image.widths("fallback") if width <= image.width]):
            path = image.path("fallback", width)
            suffix = Path(path).suffix.lower()
            data = _read_picture(path) if suffix in MEDIA_TYPES else None
            if data and len(data) <= min(BYTES_MAX, self.bytes_left):
                self.bytes_left -= len(data)
                name = f"{image.digest}-{width}{suffix}"
                self.writer.add_picture(name, data)
                return BookPicture(name, width, max(1, round(image.height * width / image.width)))
        return None


def _read_picture(path: str) -> bytes | None:
    """None for a missing or too large file. Raises PicturesUnavailable, or a book without pictures would be cached."""
    try:
        return None if media.size(path) > BYTES_MAX else media.read(path)
    except PicturesUnavailable:
        raise
    except OSError:
        return None


COVER_FILE = "cover.png"
SAFE_IN_URL = "%/:?@!$&'()*+,;=~-._"
_HOST = re.compile(r"[a-z0-9.-]+|\[[0-9a-f:.]+\]", re.IGNORECASE)
_POST = re.compile(r"/p/([0-9]{1,10})[^/]*/")
_ISSUE = re.compile(r"/issues/([0-9]{1,10})/")

logger = logging.getLogger(__name__)


def write_book(file: IO[bytes], contents: YearContents) -> None:
    writer = EpubWriter(file, _facts(contents))
    _add_cover(writer)
    writer.add_chapters([_title_page(contents, writer.facts)])
    writer.add_chapters(_chapters(contents, BookPictures(writer)))
    writer.finish()


def _facts(contents: YearContents) -> BookMetadata:
    publication = Publication.objects.current()
    address = settings.SITE_URL + reverse("issues:issue", args=[contents.year])  # the year's page: no issue's number
    return BookMetadata(
        title=_("%(name)s %(year)s") % {"name": publication.name, "year": contents.year},
        author=publication.author or publication.name,
        publisher=publication.name,
        description=publication.promise,
        language=language_tag(publication),
        identifier=f"urn:uuid:{uuid5(NAMESPACE_URL, address)}",
        source_url=address,
        published_on=str(contents.year),
        changed_at=contents.changed_at,
        cover=COVER_FILE,
    )


def _add_cover(writer: EpubWriter) -> None:
    facts, publication = writer.facts, Publication.objects.current()
    cover = Cover(publication.name, publication.promise, facts.author, facts.published_on, publication.accent)
    try:
        writer.add_picture(COVER_FILE, cover.png())
    except FontUnusable as error:
        logger.error("The cover of a book cannot be drawn: %s", error)  # noqa: TRY400 - it says all


def _title_page(contents: YearContents, facts: BookMetadata) -> BookChapter:
    context = {"facts": facts, "contents": contents, "publication": Publication.objects.current()}
    body = render_to_string("issues/book/title.xhtml", context)
    return BookChapter("title.xhtml", facts.title, body, kind="titlepage")


def _chapters(contents: YearContents, pictures: BookPictures) -> Iterator[BookChapter]:
    link = _links(contents)

    def xhtml(html: str) -> str:
        # Few reading devices know `text-wrap: pretty`.
        return keep_endings(to_xhtml(html, link=link, picture=pictures.show, absent=_("picture"), film=_("film")))

    for volume_issue in contents.issues():
        issue = volume_issue.issue
        sources = [volume_issue.introduction, volume_issue.closing, *(one.html for one in volume_issue.posts)]
        pictures.load(*sources, covers=[one.cover for one in volume_issue.posts])
        context = {
            "issue": issue,
            "sent_at": issue.sent_at and localtime(issue.sent_at),
            "introduction": xhtml(volume_issue.introduction),
            "closing": xhtml(volume_issue.closing),
            "posts": [_post(one, pictures, xhtml) for one in volume_issue.posts],
        }
        name = chapter_name(issue.number)
        entries = tuple(TocEntry(one.post.title, f"{name}#post-{one.post.pk}") for one in volume_issue.posts)
        title = _("Issue %(number)s: %(subject)s") % {"number": issue.number, "subject": issue.subject}
        yield BookChapter(name, title, render_to_string("issues/book/issue.xhtml", context), entries)


def _post(volume_post: VolumePost, pictures: BookPictures, xhtml: Callable[[str], str]) -> dict[str, object]:
    """Template context of a post: its text, or a link to its earlier chapter."""
    earlier_issue = volume_post.earlier_issue
    return {
        "post": volume_post.post,
        "html": xhtml(volume_post.html),
        "cover": volume_post.cover and pictures.show(volume_post.cover.get_absolute_url()),
        "earlier_issue": earlier_issue,
        "before": f"{chapter_name(earlier_issue)}#post-{volume_post.post.pk}" if earlier_issue is not None else "",
    }


def chapter_name(number: int) -> str:
    return f"issue-{number}.xhtml"


def _links(contents: YearContents) -> Callable[[str], str | None]:
    """A function that maps URLs to chapters of the book, or to absolute URLs."""
    numbers = set(contents.issue_numbers)

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
        return _external_url(url)

    return link


def _external_url(url: str) -> str | None:
    parts = urlsplit(url)
    if parts.scheme in {"mailto", "tel"}:
        return quote(url, safe=SAFE_IN_URL) if parts.path else None
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(parts.hostname or ""):
        return None
    if "[" in parts.netloc:  # IPv6, which keeps its brackets
        return url
    before, sign, fragment = url.partition("#")
    return quote(before, safe=SAFE_IN_URL) + sign + quote(fragment, safe=SAFE_IN_URL)
