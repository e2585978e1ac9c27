"""How a post of another program becomes one of ours: all of it or nothing, once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from django.db import transaction

from newsletter.posts.importers.fitting import fitting
from newsletter.posts.importers.imported import ImportedPost, Remark
from newsletter.posts.importers.pictures.finding import Finder
from newsletter.posts.importers.pictures.placing import Illustration, Placing, addresses
from newsletter.posts.models import Post, Redirect, Tag
from newsletter.posts.search.index import index_post

FIELDS = ("title", "words", "summary", "published_at", "is_web_only", "is_unlisted")
DIGEST = "2:"  # begins a digest of this form; those before it were of the text as it is here


@dataclass(frozen=True)
class Taken:
    """What became of one post. outcome: created, updated or unchanged; body: its text here, if it was looked at."""

    outcome: str
    post: ImportedPost
    body: str = ""
    pk: int | None = None
    remarks: tuple[Remark, ...] = ()


def digest_of(post: ImportedPost, placing: Placing) -> str:
    """Return what changes when anything changes that a post is made of, its pictures too."""
    pictures = [(address, placing.fingerprint(address)) for address in [post.cover, *addresses(post.body)] if address]
    parts = [*(getattr(post, name) for name in FIELDS), post.body, post.tags, post.cover_alt, post.mailed, pictures]
    return DIGEST + sha256(repr(parts).encode()).hexdigest()[:30]


def take(imported: ImportedPost, finders: Sequence[Finder], *, dry_run: bool) -> Taken:
    """Make or change the post of this source. Raises Rejected.

    A source that has changed wins: what was changed in the post since the last import is replaced. One that has
    not leaves the post alone.
    """
    imported = fitting(imported)
    placing = Placing(finders, imported.folder)
    digest = digest_of(imported, placing)
    post = Post.objects.select_related("cover").filter(source=imported.source).first() or Post(source=imported.source)
    if post.pk and post.source_digest == digest:
        if not dry_run:
            Redirect.objects.lead(imported.addresses, post)
        return Taken("unchanged", imported, pk=post.pk)
    cover = placing.illustration(imported.cover, imported.cover_alt or imported.title) if imported.cover else None
    body = placing.body(imported.body)
    remarks = (*imported.remarks, *placing.remarks)
    if post.pk and _is_kept(post, imported, body):
        if not dry_run:
            Post.objects.filter(pk=post.pk).update(source_digest=digest)
            Redirect.objects.lead(imported.addresses, post)
        return Taken("unchanged", imported, pk=post.pk)
    outcome = "updated" if post.pk else "created"
    if not dry_run:
        _write(post, replace(imported, body=body), digest, cover, list(placing.placed.values()))
    return Taken(outcome, imported, body, post.pk, remarks)


def _is_kept(post: Post, imported: ImportedPost, body: str) -> bool:
    """Return whether a post from before this form of digest is left alone: nothing says that its file has changed."""
    if post.source_digest.startswith(DIGEST):
        return False
    same = all(getattr(post, name) == getattr(imported, name) for name in FIELDS) and post.body == body
    return same or bool(post.source_digest)


@transaction.atomic
def _write(
    post: Post, imported: ImportedPost, digest: str, cover: Illustration | None, pictures: list[Illustration]
) -> None:
    for picture in pictures:
        picture.keep()
    for name in (*FIELDS, "body"):
        setattr(post, name, getattr(imported, name))
    post.cover = cover.keep() if cover else None
    post.source_digest = digest
    post.save()
    post.tags.set(Tag.objects.named(imported.tags))
    post.note_pictures()
    Redirect.objects.lead(imported.addresses, post)
    index_post(post)
