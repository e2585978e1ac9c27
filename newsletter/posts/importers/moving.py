"""A whole move: each post in turn, then the links between them, then the account of it."""

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Protocol

from newsletter.posts.importers import linking
from newsletter.posts.importers.account import Account, Entry, compared
from newsletter.posts.importers.html.converting import shown
from newsletter.posts.importers.html.counts import Counts
from newsletter.posts.importers.imported import ImportedPost, Mailed, Rejected
from newsletter.posts.importers.pictures import Finder
from newsletter.posts.importers.raw_words import missing
from newsletter.posts.importers.taking import Looked, Ready, look, make_ready
from newsletter.posts.models.redirects import normal

log = logging.getLogger(__name__)

AHEAD, THREADS = 4, 2  # posts whose pictures are being made ready while one is written, and by how many threads
# What a file that nobody foresaw may raise in the pure code that reads it. Such a post is rejected, the others come.
UNFORESEEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class Source(Protocol):
    """What an importer is: its posts, where its pictures are, and how its links are read."""

    @property
    def name(self) -> str: ...
    @property
    def site(self) -> str:
        """Return what the old addresses begin with, as https://old.example.org; "" if nobody knows."""

    @property
    def finders(self) -> Sequence[Finder]: ...
    def articles(self) -> Iterator[tuple[str, Callable[[], ImportedPost]]]: ...
    def keys(self, href: str, source: str) -> list[str]: ...
    def names(self, source: str) -> list[str]: ...


@dataclass(frozen=True)
class Step:
    """One post of a move. ready: what can be written, None if it was rejected; keys: under which links may name it."""

    entry: Entry
    ready: Ready | None = None
    keys: tuple[str, ...] = ()

    @property
    def imported(self) -> ImportedPost | None:
        return self.ready.looked.imported if self.ready else None

    def write(self) -> Entry:
        """Make or change the post, all of it or nothing; return its entry with the number that it has here."""
        return replace(self.entry, pk=self.ready.write()) if self.ready else self.entry


@dataclass
class Move:
    """What a move has learnt so far: the account, which posts it brought, and which of them were mailed."""

    account: Account
    taken: dict[str, int | None] = field(default_factory=dict)  # by source, the post
    mailed: dict[str, Mailed] = field(default_factory=dict)
    days: dict[str, datetime | None] = field(default_factory=dict)  # by source, when its post is public
    addresses: dict[str, str] = field(default_factory=dict)  # by key, the source that it leads to

    def public(self, now: datetime) -> set[str]:
        """Return the sources of the posts that readers may see now."""
        return {own for own, at in self.days.items() if at and at <= now}


def move(source: Source, finders: Sequence[Finder], *, dry_run: bool, report: Callable[[Entry], None]) -> Move:
    """Take one post after the other; one that is rejected stops none of the others. Then mend the links."""
    made = Move(Account(source.name, dry_run))
    for step in steps(source, finders, set()):
        entry = step.entry if dry_run else step.write()
        _learn(step, entry, made)
        made.account.entries.append(entry)
        report(entry)
    made.account.redirects = len(made.addresses)
    if not dry_run:
        posts = {own: number for own, number in made.taken.items() if number}
        made.account.links = linking.mend_links(source, posts.values(), linking.ends(made.addresses, posts))
    return made


def _learn(step: Step, entry: Entry, made: Move) -> None:
    if imported := step.imported:
        made.taken[imported.source], made.days[imported.source] = entry.pk, imported.published_at
        if imported.mailed:
            made.mailed[imported.source] = imported.mailed
        for key in step.keys:
            made.addresses.setdefault(key, imported.source)


def steps(source: Source, finders: Sequence[Finder], seen: set[str], *, skipped: int = 0) -> Generator[Step]:
    """Yield each post made ready, while the pictures of the next ones are being looked for.

    seen: the sources of the posts before, which grows; skipped: so many posts were done with in an earlier run.
    """
    places = [*source.finders, *finders]
    ahead: deque[tuple[str, Looked | Rejected]] = deque()
    with ThreadPoolExecutor(THREADS, "pictures") as pool:
        for name, read in islice(source.articles(), skipped, None):
            ahead.append((name, _looked(name, read, places, seen, pool)))
            if len(ahead) > AHEAD:
                yield _step(*ahead.popleft(), source)
        while ahead:
            yield _step(*ahead.popleft(), source)


def _looked(
    name: str, read: Callable[[], ImportedPost], finders: Sequence[Finder], seen: set[str], pool: Executor
) -> Looked | Rejected:
    try:
        return look(_once(read(), seen), finders, pool)
    except Rejected as error:
        return error
    except UNFORESEEN as error:
        log.exception("%s cannot be read", name)
        return Rejected(f"it cannot be read: {type(error).__name__} {error}"[:300])


def _once(post: ImportedPost, seen: set[str]) -> ImportedPost:
    """Return the post under a name that no other of this export has: two of one name are two posts."""
    number, own = 1, post.source
    while post.source in seen:
        number += 1
        post = replace(post, source=f"{own}#{number}")
    seen.add(post.source)
    return post


def _step(name: str, looked: Looked | Rejected, source: Source) -> Step:
    if isinstance(looked, Rejected):
        return Step(Entry(name, "rejected", reason=str(looked)))
    try:
        ready = make_ready(looked)
    except Rejected as error:
        return Step(Entry(name, "rejected", reason=str(error)))
    imported = looked.imported
    keys = filter(None, [*source.names(imported.source), *map(normal, imported.addresses)])
    return Step(_entry(name, ready), ready, tuple(dict.fromkeys(keys)))


def _entry(name: str, ready: Ready) -> Entry:
    post, pk = ready.looked.imported, ready.looked.post.pk
    if ready.outcome == "unchanged":
        return Entry(name, "unchanged", post.title, pk=pk)
    after = shown(ready.body)
    own = post.before if post.before is not None else after
    lost, unnamed = missing(post.raw, ready.body, ready.remarks), compared(own, after, ready.remarks)
    if lost:
        others = (one for one in unnamed if not one.startswith("words missing: "))
        unnamed = (f"words missing: {Counts(lost).words()}", *others)
    return Entry(
        name,
        ready.outcome,
        post.title,
        pk=pk,
        before=own.numbers,
        after=after.numbers,
        remarks=ready.remarks,
        unnamed=unnamed,
        lost=lost.total(),
    )
