"""How a post of another program becomes one of ours: all of it or nothing, once."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from hashlib import sha256

from django.db import transaction

from newsletter.mail.characters import nfc, single_line, without_control
from newsletter.posts.importers.imported import ImportedPost, Rejected, Remark, TagPage
from newsletter.posts.importers.pictures import Finder, Illustration, Placing, addresses
from newsletter.posts.models import BODY_MAX, TAG_NAME_MAX, Post, Redirect, Rendering, Tag, tag_names
from newsletter.posts.search.index import index_post

TITLE_MAX, SUMMARY_MAX, WORDS_MAX, SOURCE_MAX = 120, 200, 60, 200  # characters, as the columns of Post
UNTITLED = "(no title)"


def fitting(post: ImportedPost) -> ImportedPost:
    """Return `post` with every part in a form that can be kept. Raises Rejected when there is nothing to keep."""
    body = nfc(without_control(post.body)).strip()
    remarks = list(post.remarks)
    if not body and not post.title.strip():
        raise Rejected("it has no text")
    if len(body) > BODY_MAX:
        raise Rejected(f"it is too long: {len(body):,} characters")
    if len(post.source) > SOURCE_MAX:
        raise Rejected("its name is too long")
    if not body:
        remarks.append(Remark("it has no text", is_loss=False))
    tags = _tags(post.tags, remarks)
    return replace(
        post,
        title=_cut("title", nfc(single_line(post.title)).strip() or UNTITLED, TITLE_MAX, remarks),
        words=post.words[:WORDS_MAX].strip("-"),
        summary=_cut("summary", nfc(single_line(post.summary)).strip(), SUMMARY_MAX, remarks),
        tags=tags,
        tag_pages=_pages(post.tag_pages, tags),
        body=body,
        remarks=tuple(remarks),
    )


def _cut(name: str, text: str, most: int, remarks: list[Remark]) -> str:
    if len(text) <= most:
        return text
    remarks.append(Remark(f"its {name} is cut", text))
    return text[: most - 1].rstrip() + "…"


def _pages(pages: tuple[TagPage, ...], tags: tuple[str, ...]) -> tuple[TagPage, ...]:
    """Return the pages of the tags that are kept, each under the name that its tag has here."""
    named = {name.casefold(): name for name in tags}
    keys = [" ".join(tag_names(page.name)).casefold() for page in pages]
    return tuple(replace(page, name=named[key]) for page, key in zip(pages, keys, strict=True) if key in named)


def _tags(names: tuple[str, ...], remarks: list[Remark]) -> tuple[str, ...]:
    found: list[str] = []
    for given in names:
        name = " ".join(tag_names(given))
        if len(name) > TAG_NAME_MAX:
            remarks.append(Remark("a tag that is too long stays away", name))
        elif name and name.casefold() not in {one.casefold() for one in found}:
            found.append(name)
    return tuple(found)


FIELDS = ("title", "words", "summary", "published_at", "is_web_only", "is_unlisted")
# Begins a digest of what this importer makes; one that has learnt more leaves alone what an earlier one has brought.
DIGEST = "4:"


def digest_of(post: ImportedPost, placing: Placing) -> str:
    """Return what changes when anything changes that a post is made of, its pictures too."""
    pictures = [(address, placing.fingerprint(address)) for address in [post.cover, *addresses(post.body)] if address]
    parts = [*(getattr(post, name) for name in FIELDS), post.body, post.tags, post.cover_alt, post.mailed, pictures]
    return DIGEST + sha256(repr(parts).encode()).hexdigest()[:30]


@dataclass(frozen=True)
class Looked:
    """A post that was compared with what is here, and not yet written."""

    imported: ImportedPost
    placing: Placing
    digest: str
    post: Post
    is_of_many: bool

    @property
    def is_unchanged(self) -> bool:
        return bool(self.post.pk) and self.post.source_digest == self.digest


def look(imported: ImportedPost, finders: Sequence[Finder], pool: Executor | None = None) -> Looked:
    """Compare a post with the one of its source, and begin to make its pictures ready. Raises Rejected."""
    imported = fitting(imported)
    placing = Placing(finders, imported.folder)
    digest = digest_of(imported, placing)
    post = Post.objects.select_related("cover").filter(source=imported.source).first() or Post(source=imported.source)
    looked = Looked(imported, placing, digest, post, pool is not None)
    if pool and not looked.is_unchanged:
        placing.begin([url for url in (imported.cover, *addresses(imported.body)) if url], pool)
    return looked


@dataclass(frozen=True)
class Ready:
    """A post with its pictures, which can be written at once. is_kept: only where it came from is noted."""

    looked: Looked
    outcome: str
    body: str = ""
    cover: Illustration | None = None
    remarks: tuple[Remark, ...] = ()
    is_kept: bool = False

    def write(self) -> int | None:
        """Make or change the post, or leave it as it is; return its key. Raises OSError if a picture cannot be kept."""
        looked = self.looked
        if self.outcome != "unchanged":
            for picture in looked.placing.placed.values():
                picture.write()  # no database waits for a bucket
            _write(looked, replace(looked.imported, body=self.body), self.cover)
        elif self.is_kept:
            Post.objects.filter(pk=looked.post.pk).update(source_digest=looked.digest)
        Redirect.objects.lead(looked.imported.addresses, looked.post)
        if looked.imported.published_at:
            _lead_tags(looked.imported.tag_pages)
        return looked.post.pk


def make_ready(looked: Looked) -> Ready:
    """Return what would be written of a post that was looked at.

    A source that has changed wins: what was changed in the post since the last import is replaced. One that has
    not leaves the post alone.
    """
    imported, placing, post = looked.imported, looked.placing, looked.post
    if looked.is_unchanged:
        return Ready(looked, "unchanged")
    if post.pk and not post.source_digest.startswith(DIGEST):
        return Ready(looked, "unchanged", is_kept=True)
    cover = placing.illustration(imported.cover, imported.cover_alt or imported.title) if imported.cover else None
    body = placing.body(imported.body)
    return Ready(looked, "updated" if post.pk else "created", body, cover, (*imported.remarks, *placing.remarks))


def _lead_tags(pages: Sequence[TagPage]) -> None:
    """Let the pages of tags there lead to those here, and their feeds to the feeds."""
    tags = {tag.name: tag for tag in Tag.objects.filter(name__in=[page.name for page in pages])} if pages else {}
    ends = {page.address: tags[page.name].get_absolute_url() for page in pages if page.name in tags}
    feeds = {f"{address.rstrip('/')}/rss/": f"{end}feed.xml" for address, end in ends.items()}
    Redirect.objects.lead_all(ends | feeds)


@transaction.atomic
def _write(looked: Looked, imported: ImportedPost, cover: Illustration | None) -> None:
    post, later = looked.post, looked.is_of_many
    for picture in looked.placing.placed.values():
        picture.keep(later=later)
    for name in (*FIELDS, "body"):
        setattr(post, name, getattr(imported, name))
    post.cover = cover.keep(later=later) if cover else None
    post.source_digest = looked.digest
    post.save()
    post.tags.set(Tag.objects.named(imported.tags, {page.name: page.slug for page in reversed(imported.tag_pages)}))
    post.note_pictures()
    index_post(post)
    Rendering.objects.leave(post.body)
