"""What the two engines share: a dump, what goes wrong, and programs that it is piped through."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, cast

COPIED_BYTES = 1024**2
TOLD_CHARACTERS = 2000  # of what a program says when it fails
ASIDE = "before_restore_"  # begins the name of a schema or file that a restore has put aside; no backup holds it
# Tables whose rows no backup holds: by a day's salt its hashes could be traced to networks, long after that night.
WITHOUT_ROWS = ("delivery_visit", "delivery_daysalt")


class Unusable(Exception):
    """The database cannot be dumped or loaded. Its words say why and what to do."""


@dataclass(frozen=True)
class Dump:
    """A snapshot: its rows by table, and its octets, which can be read once."""

    rows: dict[str, int]
    source: IO[bytes]


@contextmanager
def giving(command: Sequence[str], env: Mapping[str, str]) -> Iterator[IO[bytes]]:
    """Yield what a program writes. Raises Unusable, with its own words, if it is missing or fails."""
    with tempfile.TemporaryFile() as errors, _started(command, env, stdout=subprocess.PIPE, stderr=errors) as process:
        output = cast("IO[bytes]", process.stdout)
        try:
            yield output
        except BaseException:
            process.kill()
            raise
        output.close()
        _raise_failure(command[0], process.wait(), errors)


def feed(command: Sequence[str], env: Mapping[str, str], source: IO[bytes]) -> None:
    """Have a program read all of `source`. Raises Unusable, with its own words, if it is missing or fails."""
    with tempfile.TemporaryFile() as errors, _started(command, env, stdin=subprocess.PIPE, stderr=errors) as process:
        entry = cast("IO[bytes]", process.stdin)
        try:
            shutil.copyfileobj(source, entry, COPIED_BYTES)
            entry.close()
        except BrokenPipeError:  # it has ended early, and says why
            process.stdin = None
        except BaseException:
            process.kill()
            raise
        _raise_failure(command[0], process.wait(), errors)


@contextmanager
def _started(
    command: Sequence[str],
    env: Mapping[str, str],
    *,
    stderr: IO[bytes],
    stdin: int | None = None,
    stdout: int | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    try:
        process = subprocess.Popen(command, env=dict(env), stdin=stdin, stdout=stdout, stderr=stderr)  # noqa: S603 - ours
    except FileNotFoundError:
        hint = " (Debian: apt install postgresql-client)" if command[0].startswith("pg_") else ""
        raise Unusable(f"the program {command[0]} is missing{hint}") from None
    with process:
        yield process


def _raise_failure(program: str, code: int, errors: IO[bytes]) -> None:
    if code:
        errors.seek(0)
        told = errors.read(TOLD_CHARACTERS).decode(errors="replace").strip()
        raise Unusable(f"{program} failed: {told or f'exit code {code}'}")
