"""SQLite in a backup: copied by VACUUM INTO while everything runs, put back as a file."""

import gzip
import os
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from django.db import connections

from newsletter.operation.backup.dumps import ASIDE, COPIED_BYTES, WITHOUT_ROWS, Dump, Unusable, giving

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
        return not self.path.exists() or not self.rows()

    @contextmanager
    def put_aside(self, mark: str) -> Iterator[None]:
        connections.close_all()
        moved = [(file, file.with_name(f"{ASIDE}{mark}.{file.name}")) for file in self._files() if file.exists()]
        for file, aside in moved:
            file.rename(aside)
        try:
            yield
        except BaseException:
            self.clear()
            for file, aside in moved:
                aside.rename(file)
            raise

    def clear(self) -> None:
        connections.close_all()
        for file in self._files():
            file.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return [self.path.with_name(self.path.name + end) for end in ("", "-wal", "-shm")]

    def load(self, source: IO[bytes]) -> None:
        connections.close_all()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f".{self.path.name}.new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            try:
                with gzip.open(source) as plain:
                    shutil.copyfileobj(plain, target, COPIED_BYTES)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise Unusable(f"the database in it is damaged: {error}") from None
            target.flush()
            os.fsync(descriptor)
        with closing(sqlite3.connect(fresh)) as database:
            if (answer := database.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise Unusable(f"the database in it is damaged: {answer}")
        fresh.replace(self.path)


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
