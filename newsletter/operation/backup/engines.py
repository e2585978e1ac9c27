"""The database of this installation, as a backup sees it."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, ClassVar, Protocol

from django.db import connection

from newsletter.operation.backup.dumps import Dump
from newsletter.operation.backup.postgresql import PostgreSQL
from newsletter.operation.backup.sqlite import SQLite


class Engine(Protocol):
    """What a backup asks of a database. Each raises Unusable with words for the operator."""

    name: ClassVar[str]

    def dumped(self, scratch: Path) -> AbstractContextManager[Dump]:
        """Yield a snapshot, while others read and write. scratch: a folder with room for a copy."""

    def rows(self) -> dict[str, int]:
        """Return how many rows each table has."""

    def others(self) -> list[str]:
        """Return who uses the database beside us, in words."""

    def is_empty(self) -> bool: ...

    def replaced(self, mark: str) -> "AbstractContextManager[Engine]":
        """Yield an empty database, which takes the place of what is here when the block ends.

        What was here is kept under a name with `mark`. If the block raises, all is as it was.
        """

    def meanwhile(self, mark: str) -> str:
        """Return where what was here is while the block of `replaced` runs, for whoever finds it killed."""

    def forget_half(self) -> None:
        """Remove what the block of `replaced` has left when it was killed, and that would lie there for ever."""

    def load(self, source: IO[bytes]) -> None:
        """Load a dump into the empty database."""


def here() -> Engine:
    """Return the database of this installation."""
    name = connection.settings_dict["NAME"]
    return SQLite(Path(name)) if connection.vendor == "sqlite" else PostgreSQL(str(name))
