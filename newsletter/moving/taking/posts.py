"""Imports a folder of posts, repeatably: each post in a transaction of its own, then the links."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from hashlib import sha256
from itertools import islice
from pathlib import Path

from django.db import transaction

from newsletter.mail.characters import nfc, single_line, without_control_characters
from newsletter.moving.counting import count_html
from newsletter.moving.folder import layout
from newsletter.moving.folder.layout import InvalidPost, LossReport, Mailed, PostFile, Remark, TagPage
from newsletter.moving.taking.linking import Links
from newsletter.moving.taking.pictures import Illustration, PostPictures, with_old_addresses
from newsletter.moving.taking.report import MoveReport, PostReport, unexplained
from newsletter.posts.models import (
    BODY_MAX,
    SERIES_TITLE_MAX,
    TAG_NAME_MAX,
    Post,
    Redirect,
    Rendering,
    Series,
    Tag,
    parse_tag_names,
)
from newsletter.posts.models.renderings import render_uncached
from newsletter.posts.search.index import index_post
from newsletter.publication.models import Publication

AHEAD, THREADS = 8, 2  # posts whose pictures are being made ready while one is written, and by how many threads
TITLE_MAX, SUMMARY_MAX, WORDS_MAX, SOURCE_MAX = 120, 200, 60, 200  # characters, as the columns of Post
UNTITLED = "(no title)"
# Version of the converters, in front of each digest: posts of another version are left alone.
DIGEST_VERSION = "5:"


@dataclass(frozen=True)
class PostFolder:
    """A folder of posts. names: its post files in order. zone: of dates without one."""

    root: Path
    account: layout.ConversionReport
    names: list[str]
    zone: tzinfo

    @classmethod
    def at(cls, root: Path) -> "PostFolder":
        zone = Publication.objects.current().zone
        return cls(root, layout.read_report(root), layout.post_names(root), zone)

    def __len__(self) -> int:
        """All posts to account for, rejected ones included."""
        return len(self.names) + len(self.account.rejected)

    def read_post(self, name: str) -> PostFile:
        return layout.read_post(self.root, name, self.zone)

    def readable(self, names: list[str] | None = None) -> Iterator[PostFile]:
        for name in self.names if names is None else names:
            try:
                yield self.read_post(name)
            except InvalidPost:
                continue

    def links(self) -> Links:
        return Links(self.account.site, self.readable())


def fitting(file: PostFile, remarks: list[Remark]) -> PostFile:
    """Cut fields to the columns of Post, with a remark for each. Raises InvalidPost."""
    body = nfc(without_control_characters(file.body)).strip()
    if not body and not file.title.strip():
        raise InvalidPost("it has no text")
    if len(body) > BODY_MAX:
        raise InvalidPost(f"it is too long: {len(body):,} characters")
    if len(file.source) > SOURCE_MAX:
        raise InvalidPost("its name is too long")
    tags = _tags(file.tags, remarks)
    return replace(
        file,
        title=_cut("title", nfc(single_line(file.title)).strip() or UNTITLED, TITLE_MAX, remarks),
        slug=file.slug[:WORDS_MAX].strip("-"),
        summary=_cut("summary", nfc(single_line(file.summary)).strip(), SUMMARY_MAX, remarks),
        series=_cut("series", nfc(single_line(file.series)).strip(), SERIES_TITLE_MAX, remarks),
        tags=tags,
        tag_pages=_pages(file.tag_pages, tags),
        body=body,
    )


def _cut(name: str, text: str, most: int, remarks: list[Remark]) -> str:
    if len(text) <= most:
        return text
    remarks.append(Remark(f"its {name} is cut", text))
    return text[: most - 1].rstrip() + "…"


def _pages(pages: tuple[TagPage, ...], tags: tuple[str, ...]) -> tuple[TagPage, ...]:
    """Pages of the tags that are kept, each with its tag's name here."""
    named = {name.casefold(): name for name in tags}
    keys = [" ".join(parse_tag_names(page.name)).casefold() for page in pages]
    return tuple(replace(page, name=named[key]) for page, key in zip(pages, keys, strict=True) if key in named)


def _tags(names: tuple[str, ...], remarks: list[Remark]) -> tuple[str, ...]:
    found: list[str] = []
    for given in names:
        name = " ".join(parse_tag_names(given))
        if len(name) > TAG_NAME_MAX:
            remarks.append(Remark("a tag that is too long stays away", name))
        elif name and name.casefold() not in {one.casefold() for one in found}:
            found.append(name)
    return tuple(found)


def digest_of(file: PostFile, account: layout.ConversionReport) -> str:
    """A digest of all that a post is made of; pictures count by the digests in their names."""
    texts = [with_old_addresses(text, account) for text in (file.cover, file.body)]
    names = ("title", "slug", "summary", "date", "is_web_only", "is_unlisted", "tags", "cover_alt", "mailed")
    parts = [*texts, *(getattr(file, name) for name in names)]
    parts += [file.series, file.series_number] if file.series else []
    return DIGEST_VERSION + sha256(repr(parts).encode()).hexdigest()[:30]


@dataclass
class PostStep:
    """One post of a folder, compared with the database. file: None if rejected for `reason`."""

    name: str
    reason: str = ""
    file: PostFile | None = None
    post: Post = field(default_factory=Post)
    outcome: str = "rejected"
    digest: str = ""
    remarks: list[Remark] = field(default_factory=list)
    losses: LossReport = field(default_factory=lambda: LossReport(""))
    pictures: PostPictures | None = None
    body: str = ""  # with the addresses of its pictures here, once it is ready
    cover: Illustration | None = None

    def make_ready(self) -> "PostStep":
        """Wait for its pictures, outside of any transaction."""
        if self.file and self.pictures:
            self.cover = self.pictures.illustration(self.file.cover, self.file.cover_alt or self.file.title)
            self.body = self.pictures.rewrite_addresses(self.file.body)
            self.remarks += self.pictures.remarks
        return self

    def dry_run(self) -> PostReport:
        return self._entry(None if self.outcome in {"rejected", "unchanged"} else render_uncached(self.body))

    def write(self) -> PostReport:
        """Save the post, over edits of the desk, unless its file is unchanged. Raises OSError for pictures."""
        if self.file is None:
            return self._entry()
        html = None
        if self.outcome != "unchanged":
            for picture in self.illustrations:
                picture.write()  # no database waits for a bucket
            html = self._write(self.file)
        elif self.post.source_digest != self.digest:
            Post.objects.filter(pk=self.post.pk).update(source_digest=self.digest)
        Redirect.objects.add_for_post(self.file.addresses, self.post)
        if self.file.date:
            _redirect_tag_pages(self.file.tag_pages)
        return self._entry(html)

    @property
    def illustrations(self) -> list[Illustration]:
        return [one for one in self.pictures.illustrations.values() if one] if self.pictures else []

    def _entry(self, html: str | None = None) -> PostReport:
        title, pk = self.file.title if self.file else "", self.post.pk
        if html is None:
            return PostReport(self.name, self.outcome, title, self.reason, pk)
        after, remarks = count_html(html).numbers, tuple(sorted(self.remarks, key=lambda one: not one.is_loss))
        before, different = self.losses.before or after, unexplained(self.losses, after, remarks)
        lost = len(self.losses.lost_words)
        return PostReport(self.name, self.outcome, title, "", pk, before, after, remarks, different, lost)

    @transaction.atomic
    def _write(self, file: PostFile) -> str:
        """Write the post; return the page that readers see."""
        post = self.post
        for picture in self.illustrations:
            picture.store()
        post.title, post.words, post.summary, post.body = file.title, file.slug, file.summary, self.body
        post.published_at, post.is_web_only, post.is_unlisted = file.date, file.is_web_only, file.is_unlisted
        post.series, post.series_number = _place_in_series(file, post)
        post.cover = self.cover.store() if self.cover else None
        post.source_digest, post.trashed_at = self.digest, None
        post.save()
        slugs = {page.name: page.slug for page in reversed(file.tag_pages)}
        post.tags.set(Tag.objects.get_or_create_named(file.tags, slugs))
        post.update_picture_links()
        index_post(post)
        html = post.html
        Rendering.objects.evict(post.body)
        return html


def _place_in_series(file: PostFile, post: Post) -> tuple[Series | None, int | None]:
    """The series of a post and its number: that of the file, or the one it has; the next if another post has it."""
    if not file.series:
        return None, None
    series = Series.objects.get_or_create_titled(file.series)
    number = file.series_number or (post.series_number if post.series_id == series.pk else None)
    is_taken = series.posts.exclude(pk=post.pk).filter(series_number=number).exists()
    return series, series.next_number(post) if number is None or is_taken else number


def _redirect_tag_pages(pages: tuple[TagPage, ...]) -> None:
    """Redirect old tag pages and their feeds."""
    tags = {tag.name: tag for tag in Tag.objects.filter(name__in=[page.name for page in pages])} if pages else {}
    ends = {page.address: tags[page.name].get_absolute_url() for page in pages if page.name in tags}
    feeds = {f"{address.rstrip('/')}/rss/": f"{end}feed.xml" for address, end in ends.items()}
    Redirect.objects.add_targets(ends | feeds)


def steps(folder: PostFolder, seen: set[str], *, skipped: int = 0) -> Generator[PostStep]:
    """Yield posts, their pictures prepared ahead. seen: sources of earlier posts; skipped: posts done before."""
    ahead: deque[PostStep] = deque()
    with ThreadPoolExecutor(THREADS, "pictures") as pool:
        for name in folder.names[skipped:]:
            ahead.append(_step(folder, name, seen, pool))
            if len(ahead) > AHEAD:
                yield ahead.popleft().make_ready()
        while ahead:
            yield ahead.popleft().make_ready()
    for name, reason in islice(folder.account.rejected, max(0, skipped - len(folder.names)), None):
        yield PostStep(name, reason)


def _step(folder: PostFolder, name: str, seen: set[str], pool: Executor) -> PostStep:
    try:
        file = folder.read_post(name)
        losses = folder.account.posts.get(file.source) or LossReport(name)
        remarks = list(losses.remarks)
        file = fitting(file, remarks)
    except InvalidPost as error:
        return PostStep(name, str(error))
    if file.source in seen:
        return PostStep(name, "an earlier post has the same source")
    seen.add(file.source)
    digest = digest_of(file, folder.account)
    post = Post.with_trash.select_related("cover").filter(source=file.source).first() or Post(source=file.source)
    step = PostStep(losses.name, "", file, post, _outcome(post, digest), digest, remarks, losses)
    if step.outcome != "unchanged":
        step.pictures = PostPictures(folder.root, folder.account, pool)
        step.pictures.submit(file.cover, file.body)
    return step


def _outcome(post: Post, digest: str) -> str:
    is_unchanged = post.source_digest == digest or not post.source_digest.startswith(DIGEST_VERSION)
    if is_unchanged and post.pk and not post.trashed_at:  # else it comes out of the trash
        return "unchanged"
    return "updated" if post.pk else "created"


@dataclass
class MoveResult:
    """The result so far. By the source of a post, its mailing and its date."""

    report: MoveReport
    mailings_by_source: dict[str, Mailed] = field(default_factory=dict)
    published_at_by_source: dict[str, datetime | None] = field(default_factory=dict)

    def published_sources(self, now: datetime) -> set[str]:
        return {own for own, at in self.published_at_by_source.items() if at and at <= now}


def take(root: Path, *, dry_run: bool, report: Callable[[PostReport], None]) -> MoveResult:
    """Import all posts, then rewrite links. A rejected post does not stop the others. Raises FolderError."""
    folder = PostFolder.at(root)
    made = MoveResult(MoveReport(folder.account.program, dry_run))
    for step in steps(folder, set()):
        entry = step.dry_run() if dry_run else step.write()
        if file := step.file:
            made.published_at_by_source[file.source] = file.date
            made.mailings_by_source |= {file.source: file.mailed} if file.mailed else {}
        made.report.entries.append(entry)
        report(entry)
    if not dry_run:
        made.report.links = folder.links().mend(folder.readable())
    return made
