"""Which field each column of a file is. Pure.

A column that is in no table stops an import: it may be the one that says who left.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from subscribers.importers.names import COLUMNS, FIELD_OF, KEPT, NEEDLESS, plain
from subscribers.importers.programs import LEFT_OUT, NONE, Program, recognised


class ColumnError(ValueError):
    """What whoever imports says of a column does not fit the file."""


@dataclass(frozen=True)
class Choices:
    """What whoever imports says of columns: which field each is (by its name in the file), and which to leave out.

    A column that is KEPT stays to be read, in a note.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    ignored: Iterable[str] = ()


NOTHING: Final = Choices()


@dataclass(frozen=True)
class Columns:
    """Where the columns of each field stand, and the names of the others as the file writes them.

    kept: the names of those whose cells go into a note, by their places.
    proofs: the places of those one of which has a time for everybody who asked for mail.
    """

    places: dict[str, list[int]]
    used: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    program: Program = NONE
    kept: dict[int, str] = field(default_factory=dict)
    proofs: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, heading: list[str], choices: Choices) -> "Columns":
        """Sort the columns of a heading; raise ColumnError when a choice names none of them, or no field."""
        chosen = {plain(name): meant for name, meant in choices.fields.items()}
        ignored = {plain(name) for name in choices.ignored}
        _insist(heading, choices)
        keys = [plain(name) for name in heading]
        found = cls({}, program=recognised(keys))
        for place, (name, key) in enumerate(zip(heading, keys, strict=True)):
            if not key:
                continue
            if key in found.program.proofs:
                found.proofs.append(place)
            meant = LEFT_OUT if key in ignored else chosen.get(key) or meaning(key, found.program)
            found._sort(place, name.strip(), meant)
        for places in found.places.values():
            places.sort(key=lambda place: _rank(heading[place]))
        return found

    def _sort(self, place: int, name: str, meant: str | None) -> None:
        if meant is None:
            self.unknown.append(name)
        elif meant == LEFT_OUT:
            self.unused.append(name)
        else:
            self.used[name] = meant
            self.places.setdefault(meant, []).append(place)
            if meant == KEPT:
                self.kept[place] = name

    def question(self) -> str:
        """Return what whoever imports must say before anything is written."""
        names = ", ".join(f"“{name[:40]}”" for name in self.unknown)
        first = self.unknown[0][:40]
        return (
            f"Unknown columns: {names}. One of them may say who has left. For each, say which field it is "
            f'(--map "{first}=FIELD", of {", ".join(COLUMNS)}), keep it in a note (--keep "{first}") or leave it out '
            f'(--ignore "{first}").'
        )


def meaning(name: str, program: Program = NONE) -> str | None:
    """Return the field of a column by its plain name, LEFT_OUT if it has no use here; None if nobody knows."""
    said = program.meaning(name)
    if said is not None:
        return said
    return FIELD_OF.get(name) or (LEFT_OUT if name in NEEDLESS else None)


def _insist(heading: list[str], choices: Choices) -> None:
    there = {plain(name) for name in heading}
    for name in (*choices.fields, *choices.ignored):
        if plain(name) not in there:
            raise ColumnError(f"The file has no column “{name}”; it has {', '.join(heading)[:200]}")
    for name, meant in choices.fields.items():
        if meant not in COLUMNS:
            raise ColumnError(f"“{name}” cannot be {meant!r}; it can be {', '.join(COLUMNS)}")


def _rank(name: str) -> int:
    """Return how soon a name is asked among those of its field; what somebody chose comes first."""
    names = COLUMNS.get(FIELD_OF.get(plain(name), ""), ())
    return names.index(plain(name)) if plain(name) in names else -1
