"""What every importer hands over, and how it becomes a post: all of it or nothing, once."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256

from django.db import transaction

from newsletter.posts.models import Image, Post, Tag
from newsletter.posts.search.index import index_post
from newsletter.publication.pictures.uploads import Picture

FIELDS = ("title", "words", "summary", "body", "published_at")


class Rejected(ValueError):
    """This article cannot be imported; the message says why."""


@dataclass(frozen=True)
class Illustration:
    """A picture that belongs to an article, under the name by which it will be served."""

    picture: Picture
    name: str
    alt: str

    @classmethod
    def of(cls, picture: Picture, name: str, alt: str) -> "Illustration":
        """Return it under the name that the same content has already, if it is here."""
        known = Image.objects.filter(digest=picture.digest).first()
        return cls(picture, known.name if known else picture.file_name(name), alt)

    @property
    def url(self) -> str:
        return f"/media/{self.picture.digest}/{self.name}"

    def keep(self) -> Image:
        return Image.objects.keep(self.picture, self.name, self.alt)[0]


@dataclass(frozen=True, kw_only=True)
class Draft:
    """One article as its file has it.

    source: where it came from; a second import of the same source finds its post by it.
    body: Markdown, in which `pictures` stand with their `url`.
    remarks: what whoever imports should know although the article comes in.
    """

    source: str
    title: str
    body: str
    words: str = ""
    summary: str = ""
    tags: tuple[str, ...] = ()
    published_at: datetime | None = None
    cover: Illustration | None = None
    pictures: tuple[Illustration, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Return what changes when anything changes that a post is made of: 32 hex characters."""
        parts = [getattr(self, name) for name in FIELDS]
        pictures = [one.picture.digest for one in (self.cover, *self.pictures) if one]
        return sha256(repr([*parts, self.tags, self.cover is not None, pictures]).encode()).hexdigest()[:32]


@dataclass
class Summary:
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    def count(self, outcome: str) -> None:
        self.rows += 1
        setattr(self, outcome, getattr(self, outcome) + 1)

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


def _outcome(draft: Draft, post: Post) -> str:
    """Return what importing `draft` into `post` does."""
    if post.pk is None:
        return "created"
    if post.source_digest:  # what the author has changed in the post since is theirs
        return "unchanged" if post.source_digest == draft.digest else "updated"
    same_fields = all(getattr(post, name) == getattr(draft, name) for name in FIELDS)
    same_tags = {tag.name.casefold() for tag in post.tags.all()} == {name.casefold() for name in draft.tags}
    covers = post.cover and post.cover.digest, draft.cover and draft.cover.picture.digest
    return "unchanged" if same_fields and same_tags and covers[0] == covers[1] else "updated"


def _write(draft: Draft, post: Post) -> None:
    for picture in draft.pictures:
        picture.keep()
    for name in FIELDS:
        setattr(post, name, getattr(draft, name))
    post.cover = draft.cover.keep() if draft.cover else None
    post.source_digest = draft.digest
    post.save()
    post.tags.set(Tag.objects.named(draft.tags))
    post.note_pictures()
    index_post(post)


@transaction.atomic
def take(draft: Draft, *, dry_run: bool) -> str:
    """Make or change the post of this source; return created, updated or unchanged.

    A source that has changed wins: what was changed in the post since the last import is replaced. One that has
    not leaves the post alone.
    """
    post = Post.objects.select_related("cover").filter(source=draft.source).first() or Post(source=draft.source)
    outcome = _outcome(draft, post)
    if outcome != "unchanged" and not dry_run:
        _write(draft, post)
    elif not post.source_digest and not dry_run:  # imported before digests were kept
        Post.objects.filter(pk=post.pk).update(source_digest=draft.digest)
    return outcome


def take_all(
    articles: Iterable[tuple[str, Callable[[], Draft]]], *, dry_run: bool, report: Callable[[str], None]
) -> Summary:
    """Take one article after the other; one that is rejected stops none of the others.

    articles: the name to show and what reads it; reading may raise Rejected.
    """
    summary = Summary()
    for name, read in articles:
        try:
            draft = read()
            outcome, reasons = take(draft, dry_run=dry_run), draft.remarks
        except Rejected as error:
            outcome, reasons = "rejected", (str(error),)
        summary.count(outcome)
        if outcome != "unchanged":
            report(f"{name}: {'; '.join([outcome, *reasons]) if outcome != 'rejected' else f'rejected: {reasons[0]}'}")
    return summary
