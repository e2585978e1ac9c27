"""The account of a move: what each post had before, what it has now, and a name for every difference."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from newsletter.posts.importers.html.counts import THINGS, Counts
from newsletter.posts.importers.html.notes import Remark
from newsletter.posts.importers.spool import Spool


@dataclass(frozen=True)
class Entry:
    """What became of one post. unnamed: the difference that no remark explains; there should be none."""

    name: str
    outcome: str  # created, updated, unchanged or rejected
    title: str = ""
    reason: str = ""  # of a rejection
    pk: int | None = None
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
    unnamed: tuple[str, ...] = ()

    @property
    def losses(self) -> int:
        return sum(remark.is_loss for remark in self.remarks) + len(self.unnamed)

    @property
    def differs(self) -> bool:
        return bool(self.reason or self.remarks or self.unnamed)

    @property
    def different(self) -> list[tuple[str, int, int]]:
        """Return the things that there are more or less of now: their name, before and after."""
        rows = ((name, self.before.get(name, 0), self.after.get(name, 0)) for name in THINGS)
        return [row for row in rows if row[1] != row[2]]


def compared(before: Counts, after: Counts, remarks: tuple[Remark, ...]) -> tuple[str, ...]:
    """Return in words what differs and is explained by no remark."""
    rest = after - before
    for remark in remarks:
        rest -= remark.effect
    found = [f"{name}: {change:+d}" for name, change in sorted(rest.things.items())]
    if lost := rest.words(-1):
        found.append(f"words missing: {lost}")
    if added := rest.words(1):
        found.append(f"words added: {added}")
    return tuple(found)


@dataclass
class Account:
    """All entries of a move, and what they come to."""

    program: str
    is_dry_run: bool = False
    entries: Spool[Entry] = field(default_factory=Spool)
    notes: list[str] = field(default_factory=list)  # about the whole
    redirects: int = 0
    links: int = 0  # between posts that lead to the new place now
    issues: int = 0  # of the archive, made of what was mailed

    def totals(self) -> Iterator[tuple[str, int, int]]:
        """Yield each thing with how many there were and are, in the posts that were looked at."""
        before, after = Counter[str](), Counter[str]()
        for entry in self.entries:
            before.update(entry.before)
            after.update(entry.after)
        yield from ((name, before[name], after[name]) for name in THINGS)

    def summary(self) -> dict[str, int]:
        """Return the last line of the command."""
        outcomes, losses = Counter[str](), 0
        for entry in self.entries:
            outcomes[entry.outcome] += 1
            losses += entry.losses
        counts = {name: outcomes[name] for name in ("created", "updated", "unchanged", "rejected")}
        return {"posts": len(self.entries), **counts, "losses": losses}
