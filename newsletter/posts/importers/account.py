"""The account of a move: what each post had before, what it has now, and a name for every difference."""

from collections import Counter
from collections.abc import Iterator, Sequence
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
    lost: int = 0  # words of the old page that the new one does not show, and that no remark names

    @property
    def losses(self) -> int:
        return sum(remark.is_loss for remark in self.remarks) + len(self.unnamed)

    @property
    def differs(self) -> bool:
        return bool(self.reason or self.remarks or self.unnamed)

    @property
    def different(self) -> list[tuple[str, int, int]]:
        """Return the things that there are more or less of now, those that are fewer first: name, before and after."""
        rows = [(name, self.before.get(name, 0), self.after.get(name, 0)) for name in THINGS]
        return [row for row in rows if row[1] > row[2]] + [row for row in rows if row[1] < row[2]]


def compared(before: Counts, after: Counts, remarks: tuple[Remark, ...]) -> tuple[str, ...]:
    """Return in words what differs and is explained by no remark, what is missing first."""
    rest = after - before
    for remark in remarks:
        rest -= remark.effect
    found = [f"words missing: {lost}"] if (lost := rest.words(-1)) else []
    found += [f"{name}: {change:+d}" for name, change in sorted(rest.things.items(), key=lambda one: (one[1] > 0, one))]
    found += [f"words added: {added}"] if (added := rest.words(1)) else []
    return tuple(found)


def with_raw(unnamed: Sequence[str], words: Counter[str], bolds: int) -> tuple[str, ...]:
    """Return what is explained by no remark, with what raw_words.py misses; nothing is said twice."""
    found = [f"words missing: {Counts(words).words()}"] if words else []
    found += [f"bold runs: {-bolds:+d}"] if bolds and not any(one.startswith("bold runs: -") for one in unnamed) else []
    return (*found, *(one for one in unnamed if not (words and one.startswith("words missing: "))))


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
