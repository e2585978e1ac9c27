"""The import of a file by the command, against the same columns written into an empty table without an index."""

import csv
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import batched
from pathlib import Path

import psycopg

from benchmarks.end_to_end import cpu_seconds, database
from benchmarks.importing.files import Expected
from tests.support.postgres import Postgres
from tests.support.product import ROOT, Product

COLUMNS = "email, name, created_at, unsubscribed_at, tags"
TABLE = f"CREATE TABLE peer ({COLUMNS.replace(',', ' text,')} text)"
AT_ONCE = 4000  # rows of a transaction, as in an import


@dataclass(frozen=True)
class Spent:
    """What writing a file took. database: CPU seconds of the server; own: of the writer. memory: MB at most."""

    rows: int
    seconds: float
    own: float
    database: float
    memory: float = 0.0

    def tell(self, name: str) -> None:
        cpu = self.own + self.database
        print(
            f"{name:8} {self.seconds:7.1f} s {self.rows / self.seconds:8.0f} rows/s   CPU {self.own:.1f} s, database "
            f"{self.database:.1f} s: {self.rows / cpu:.0f} rows per CPU second; memory {self.memory:.0f} MB",
            flush=True,
        )


def play(path: Path, expected: Expected, made: Product, databases: list[Postgres]) -> None:
    """Import the file twice, and write it plainly; say how much longer an import takes."""
    peer = _plainly(path, made, databases)
    peer.tell("plain")
    first, counts = _imported(path, made, databases)
    first.tell("command")
    assert (counts["rows"], counts["rejected"]) == (expected.rows, expected.rejected), counts
    second, counts = _imported(path, made, databases)
    second.tell("again")
    assert counts["unchanged"] == expected.rows - expected.rejected, counts
    cpu = (first.own + first.database) / (peer.own + peer.database)
    print(f"an import takes {first.seconds / peer.seconds:.1f} times as long as plain writing, {cpu:.1f} times the CPU")


def _imported(path: Path, made: Product, databases: list[Postgres]) -> tuple[Spent, dict[str, int]]:
    began, before = time.perf_counter(), cpu_seconds(database(databases))
    command = [sys.executable, "manage.py", "import_subscribers", str(path)]
    process = subprocess.Popen(command, cwd=ROOT, env=made.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    output = process.stdout.read()
    _pid, status, used = os.wait4(process.pid, 0)
    assert status == 0, output
    seconds, counts = time.perf_counter() - began, json.loads(output)
    server = cpu_seconds(database(databases)) - before
    return Spent(counts["rows"], seconds, used.ru_utime + used.ru_stime, server, used.ru_maxrss / 1000), counts


def _plainly(path: Path, made: Product, databases: list[Postgres]) -> Spent:
    """Write the cells as they are: by COPY, or by one prepared statement."""
    write = _copied if made.env["DATABASE_URL"] else _executed
    began, own, before = time.perf_counter(), time.process_time(), cpu_seconds(database(databases))
    rows = write(path, made)
    spent = time.perf_counter() - began, time.process_time() - own, cpu_seconds(database(databases)) - before
    return Spent(rows, *spent)


def _copied(path: Path, made: Product) -> int:
    with psycopg.connect(made.env["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(TABLE)

        def write(rows: Sequence[list[str]]) -> None:
            with connection.transaction(), connection.cursor().copy(f"COPY peer ({COLUMNS}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)

        written = _each(path, write)
        connection.execute("DROP TABLE peer")
    return written


def _executed(path: Path, made: Product) -> int:
    file = made.folder / "peer.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {TABLE}")

        def write(rows: Sequence[list[str]]) -> None:
            with connection:
                connection.executemany("INSERT INTO peer VALUES (?, ?, ?, ?, ?)", rows)

        return _each(path, write)


def _each(path: Path, write: Callable[[Sequence[list[str]]], None]) -> int:
    """Write the file in transactions; return how many rows it has."""
    count = 0
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        next(lines)
        for rows in batched(lines, AT_ONCE, strict=False):
            write(rows)
            count += len(rows)
    return count
