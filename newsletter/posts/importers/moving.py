"""A whole move: each post in turn, then the links between them, then the account of it."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import batched
from typing import Protocol
from urllib.parse import unquote, urlsplit

from django.db import transaction

from newsletter.posts.importers.account import Account, Entry, compared
from newsletter.posts.importers.html.converting import shown
from newsletter.posts.importers.imported import ImportedPost, Mailed, Rejected
from newsletter.posts.importers.pictures.finding import GHOST_URL, Finder
from newsletter.posts.importers.taking import Looked, Taken, finish, look
from newsletter.posts.models import Post
from newsletter.posts.models.redirects import normal

AHEAD, THREADS = 4, 2  # posts whose pictures are being made ready while one is written, and by how many threads
AT_ONCE = 100  # posts whose links are looked at together
_LINK = re.compile(
    r"^[ \t]*(?P<fence>```+|~~~+).*?(?:^[ \t]*(?P=fence)|\Z)|(?P<ticks>`+)[^`\n].*?(?P=ticks)"
    r"|(?P<before>(?<!\\)\]\(|\bhref=\"|^ {0,3}\[[^\]\n^]+\]:[ \t]*)(?P<open><?)"
    r"(?P<url>[^\s<>\"()]+(?:\([^\s<>\"()]*\)[^\s<>\"()]*)*|(?<=<)[^<>\n]+)",
    re.DOTALL | re.MULTILINE,
)


class Source(Protocol):
    """What an importer is: its posts, where its pictures are, and how its links are read."""

    name: str

    @property
    def site(self) -> str:
        """Return what the old addresses begin with, as https://old.example.org; "" if nobody knows."""

    @property
    def finders(self) -> Sequence[Finder]: ...
    def articles(self) -> Iterator[tuple[str, Callable[[], ImportedPost]]]: ...
    def keys(self, href: str, source: str) -> list[str]: ...
    def names(self, source: str) -> list[str]: ...


@dataclass
class Move:
    """What a move has learnt so far: the account, which posts it brought, and which of them were mailed."""

    account: Account
    seen: set[str] = field(default_factory=set)  # the sources of all posts that were read
    taken: dict[str, int | None] = field(default_factory=dict)  # by source, the post
    mailed: dict[str, Mailed] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)  # by key, the source that it leads to


def move(source: Source, finders: Sequence[Finder], *, dry_run: bool, report: Callable[[Entry], None]) -> Move:
    """Take one post after the other; one that is rejected stops none of the others. Then mend the links."""
    made = Move(Account(source.name, dry_run))
    places = [*source.finders, *finders]
    ahead: deque[tuple[str, Looked | Rejected]] = deque()

    def finish_one() -> None:
        entry = _entry(*ahead.popleft(), source, made, dry_run=dry_run)
        made.account.entries.append(entry)
        report(entry)

    with ThreadPoolExecutor(THREADS, "pictures") as pool:
        for name, read in source.articles():
            ahead.append((name, _looked(read, places, made, pool)))
            if len(ahead) > AHEAD:
                finish_one()
        while ahead:
            finish_one()
    made.account.redirects = len(made.addresses)
    if not dry_run:
        made.account.links = mend_links(source, made)
    return made


def _looked(
    read: Callable[[], ImportedPost], finders: Sequence[Finder], made: Move, pool: Executor
) -> Looked | Rejected:
    try:
        return look(_once(read(), made), finders, pool)
    except Rejected as error:
        return error


def _entry(name: str, looked: Looked | Rejected, source: Source, made: Move, *, dry_run: bool) -> Entry:
    if isinstance(looked, Rejected):
        return Entry(name, "rejected", reason=str(looked))
    try:
        taken = finish(looked, dry_run=dry_run)
    except Rejected as error:
        return Entry(name, "rejected", reason=str(error))
    _learn(taken, source, made)
    if taken.outcome == "unchanged":
        return Entry(name, "unchanged", taken.post.title, pk=taken.pk)
    after, before = shown(taken.body), taken.post.before
    own = before if before is not None else after
    unnamed = compared(own, after, taken.remarks)
    return Entry(
        name,
        taken.outcome,
        taken.post.title,
        pk=taken.pk,
        before=own.numbers,
        after=after.numbers,
        remarks=taken.remarks,
        unnamed=unnamed,
    )


def _once(post: ImportedPost, made: Move) -> ImportedPost:
    """Return the post under a name that no other of this export has: two of one name are two posts."""
    number, own = 1, post.source
    while post.source in made.seen:
        number += 1
        post = replace(post, source=f"{own}#{number}")
    made.seen.add(post.source)
    return post


def _learn(taken: Taken, source: Source, made: Move) -> None:
    own = taken.post.source
    made.taken[own] = taken.pk
    if taken.post.mailed:
        made.mailed[own] = taken.post.mailed
    for key in [*source.names(own), *map(normal, taken.post.addresses)]:
        if key:
            made.addresses.setdefault(key, own)


# --- Links between posts ---


def mend_links(source: Source, made: Move) -> int:
    """Let links between the posts of this move lead to where they are now; return how many were changed."""
    changed = 0
    pks = {own: number for own, number in made.taken.items() if number}
    homes = {post.pk: post.get_absolute_url() for post in _lightly(pks.values())}
    ends = {key: homes[pks[own]] for key, own in made.addresses.items() if own in pks and pks[own] in homes}
    for some in batched(pks.values(), AT_ONCE, strict=False):
        for post in Post.objects.filter(pk__in=some).only("pk", "body", "source"):
            body, count = mended(post.body, partial(_end, own=post.source, source=source, ends=ends))
            if count:
                _rewrite(post, body)
                changed += count
    return changed


def _lightly(pks: Iterable[int]) -> Iterator[Post]:
    for some in batched(pks, 500, strict=False):
        yield from Post.objects.filter(pk__in=some).only("pk", "words")


@transaction.atomic
def _rewrite(post: Post, body: str) -> None:
    """Keep the text if nobody has changed it meanwhile. When it changed last stays: readers see the same words."""
    Post.objects.filter(pk=post.pk, body=post.body).update(body=body)


def mended(body: str, end: Callable[[str], str]) -> tuple[str, int]:
    """Return a text with the links that have an end somewhere else now, and how many these are; code stays."""
    count = 0

    def rewritten(match: re.Match[str]) -> str:
        nonlocal count
        url = match["url"] or ""
        found = end(url) if url and not url.startswith(("#", "/media/", "/p/", "mailto:")) else ""
        if not found or found == url:
            return match[0]
        count += 1
        return f"{match['before']}{match['open']}{found}"

    return _LINK.sub(rewritten, body), count


def _end(href: str, own: str, source: Source, ends: dict[str, str]) -> str:
    """Return where a link of the old site leads now, with its place in the page; "" if it is no such link."""
    url = href.replace(GHOST_URL, source.site or "").replace("&amp;", "&")
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    place = f"#{parts.fragment}" if parts.fragment else ""
    is_own = not parts.netloc or parts.netloc.lower().removeprefix("www.") == _host(source.site)
    keys = [*source.keys(href, own), *(_forms(parts.path, parts.query) if is_own else [])]
    return next((ends[key] + place for key in keys if key in ends), "")


def _forms(path: str, query: str) -> list[str]:
    if not path.startswith("/") and not query:
        return []
    return [
        form for form in (normal(f"{path}?{query}") if query else "", normal(unquote(path))) if form not in {"", "/"}
    ]


def _host(site: str) -> str:
    return urlsplit(site).netloc.lower().removeprefix("www.")
