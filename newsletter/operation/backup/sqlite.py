"""SQLite in a backup: copied by VACUUM INTO while everything runs, put back as a file."""

import gzip
import os
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, ClassVar, Self

from django.db import connection, connections

from newsletter.operation.backup.dumps import ASIDE, COPIED_BYTES, WITHOUT_ROWS, Dump, Unusable, giving
from subscribers.departures import keep_name

WAIT_SECONDS = 60  # for a writer, before the snapshot begins


@dataclass(frozen=True)
class SQLite:
    """The database in a file."""

    path: Path
    name: ClassVar[str] = "sqlite"

    @contextmanager
    def dumped(self, scratch: Path) -> Iterator[Dump]:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=scratch) as folder:
            copy = Path(folder) / "copy.sqlite3"
            with closing(sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)) as database:
                database.execute("VACUUM INTO ?", [str(copy)])
            _empty(copy)
            # A process of its own compresses, lightly: higher levels take thrice as long for a tenth less.
            with giving(["gzip", "-1", "--stdout", str(copy)], os.environ) as source:
                yield Dump(SQLite(copy).rows(), source)

    def rows(self) -> dict[str, int]:
        with closing(sqlite3.connect(self.path)) as database:
            tables = _tables(database)
            return {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}  # noqa: S608 - ours

    def others(self) -> list[str]:
        return [f"process {pid}" for pid in _holders(self.path)]

    def is_empty(self) -> bool:
        """Return whether no table is there. A file that cannot be read is not empty."""
        if not self.path.exists() or not self.path.stat().st_size:
            return True
        try:
            with closing(sqlite3.connect(self.path)) as database:
                return not _tables(database)
        except sqlite3.DatabaseError:
            return False

    @contextmanager
    def replaced(self, mark: str) -> Iterator[Self]:
        """Have the block fill a file beside ours, which then takes its name in one step."""
        self.forget_half()
        fresh = self._fresh()
        self._settle()
        connection.settings_dict["NAME"] = fresh.path  # for the block's migrations
        try:
            yield fresh
            connections.close_all()
            fresh._settle()
            self._give_way(mark)
            fresh.path.replace(self.path)
            keep_name(self.path.parent)
        finally:
            connections.close_all()
            connection.settings_dict["NAME"] = self.path
            fresh.clear()

    def _fresh(self) -> Self:
        return replace(self, path=self.path.with_name(f".{self.path.name}.new"))

    def forget_half(self) -> None:
        self._fresh().clear()

    def meanwhile(self, mark: str) -> str:
        return "what was here before is as it was"

    def _settle(self) -> None:
        """Have all that was written stand in the file itself, as the last connection does that closes it.

        What is damaged stays as it is; a log without a database is of one that is gone.
        """
        connections.close_all()
        if self.path.exists() and self.path.stat().st_size:
            with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(self.path)) as database:
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _give_way(self, mark: str) -> None:
        """Keep what is here under a name with `mark`; only the database itself stays where it is, too."""
        database, *logs = self._files()
        for file in logs:
            if file.exists():
                file.rename(file.with_name(f"{ASIDE}{mark}.{file.name}"))
        if database.exists() and database.stat().st_size:
            os.link(database, database.with_name(f"{ASIDE}{mark}.{database.name}"))

    def clear(self) -> None:
        for file in self._files():
            file.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return [self.path.with_name(self.path.name + end) for end in ("", "-wal", "-shm", "-journal")]

    def load(self, source: IO[bytes]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            try:
                with gzip.open(source) as plain:
                    shutil.copyfileobj(plain, target, COPIED_BYTES)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise Unusable(f"the database in it is damaged: {error}") from None
            target.flush()
            os.fsync(descriptor)
        if (answer := self._check()) != "ok":
            raise Unusable(f"the database in it is damaged: {answer}")

    def _check(self) -> str:
        try:
            with closing(sqlite3.connect(self.path)) as database:
                return str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
        except sqlite3.DatabaseError as error:
            return str(error)


def _empty(copy: Path) -> None:
    """Delete the rows that no backup holds, and overwrite where they were."""
    with closing(sqlite3.connect(copy, isolation_level=None)) as database:
        database.execute("PRAGMA secure_delete = ON")
        for name in set(WITHOUT_ROWS).intersection(_tables(database)):
            database.execute(f'DELETE FROM "{name}"')  # noqa: S608 - ours


def _tables(database: sqlite3.Connection) -> list[str]:
    found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [name for (name,) in found if not name.startswith("sqlite_")]


def _holders(path: Path) -> list[int]:
    """Return the processes but ours that have a file open, as far as the system lets us see."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int(process.name) != os.getpid() and any(link.readlink() == path for link in (process / "fd").iterdir()):
                found.append(int(process.name))
        except OSError:  # it has ended, or belongs to somebody else
            continue
    return found
