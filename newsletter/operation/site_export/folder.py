"""The folder of an export: written beside its place, read with suspicion. No Django.

    manifest.json    what it is: form, moment, facts, and of every other file the octets, the SHA-256 and the rows

A folder without a manifest was never finished. Files are named by the manifest alone: what else lies there is not read.
"""

import csv
import hashlib
import io
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from newsletter.operation.site_export.progress import Count, Counted, uncounted

FORM = 1  # of the manifest; a reader refuses a later one
MANIFEST = "manifest.json"
MANIFEST_BYTES = 256 * 1024**2  # of a million pictures
COPIED_BYTES = 1024**2
CELL_CHARACTERS = 16 * 1024**2
NAME_MAX = 400  # characters
PART = re.compile(r"[^\x00-\x1f\x7f\\/:]{1,200}")
SHA256 = re.compile(r"[0-9a-f]{64}")


class Damaged(Exception):
    """The folder is no export, or not whole. Its words say where."""


@dataclass(frozen=True)
class Reader:
    """An export as it was written. Every file is one of the manifest, a file indeed, and inside the folder."""

    root: Path
    facts: dict[str, Any]
    count: Count = uncounted  # is told how much was read

    @classmethod
    def at(cls, root: Path, count: Count = uncounted) -> "Reader":
        """Return the export in a folder; nothing but its manifest is read. Raises Damaged."""
        if not root.is_dir():
            raise Damaged(f"{root} is no folder")
        facts = _manifest(root)
        if facts.get("form") != FORM:
            raise Damaged(f"an export of form {facts.get('form')}; this version reads form {FORM}")
        files = facts.get("files")
        if not isinstance(files, dict) or not all(_is_described(name, one) for name, one in files.items()):
            raise Damaged(f"{MANIFEST} cannot be read")
        for name in files:
            _refuse(name)
        return cls(root, facts, count)

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        files: dict[str, dict[str, Any]] = self.facts["files"]
        return files

    def below(self, folder: str) -> list[str]:
        return [name for name in self.files if name.startswith(f"{folder}/")]

    def verify(self) -> None:
        """Read every file once, and raise Damaged at the first that is not what was written."""
        for name, told in self.files.items():
            found, size = hashlib.sha256(), 0
            with self.open(name) as source:
                while octets := source.read(COPIED_BYTES):
                    found.update(octets)
                    size += len(octets)
            if size != told["bytes"] or found.hexdigest() != told["sha256"]:
                raise Damaged(f"{name} is not what was written")

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Yield a file's octets. Raises Damaged for one that is missing, a link, or longer than it was."""
        if name not in self.files:
            raise Damaged(f"{name} is not in {MANIFEST}")
        try:
            descriptor = os.open(self._path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise Damaged(f"{name} cannot be read: {error.strerror}") from None
        with io.BufferedReader(Counted(descriptor, self.count), COPIED_BYTES) as source:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode) or about.st_size != self.files[name]["bytes"]:
                raise Damaged(f"{name} is not what was written")
            yield source

    def _path(self, name: str) -> Path:
        """Return where a file is. Raises Damaged if a folder on the way is a link: it may lead anywhere."""
        path = self.root
        for part in name.split("/")[:-1]:
            path /= part
            if path.is_symlink():
                raise Damaged(f"{name} is reached over a link")
        return self.root / name

    def octets(self, name: str, most: int) -> bytes:
        """Return a small file. Raises Damaged if it is larger than `most` octets."""
        if self.files.get(name, {}).get("bytes", 0) > most:
            raise Damaged(f"{name} is larger than {most:,} octets")
        with self.open(name) as source:
            return source.read()

    def text(self, name: str, most: int) -> str:
        try:
            return self.octets(name, most).decode()
        except UnicodeDecodeError as error:
            raise Damaged(f"{name} is not UTF-8 text (octet {error.start})") from None

    def rows(self, name: str) -> Iterator[list[str]]:
        """Yield the lines of a table, the heading first. Raises Damaged where one has not its number of cells."""
        with (
            _large_cells(),
            self.open(name) as source,
            io.TextIOWrapper(source, "utf-8", newline="") as text,
        ):
            lines = csv.reader(text, strict=True)
            try:
                heading = next(lines, [])
                yield heading
                for row in lines:
                    if len(row) != len(heading):
                        raise Damaged(f"{name}, line {lines.line_num}: {len(row)} cells in place of {len(heading)}")
                    yield row
            except (csv.Error, UnicodeDecodeError) as error:
                raise Damaged(f"{name}, line {lines.line_num}: {error}") from None


@contextmanager
def _large_cells() -> Iterator[None]:
    """Let a cell have the text of a post. The limit is the whole process's: other files keep the usual one."""
    usual = csv.field_size_limit(CELL_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(usual)


def _manifest(root: Path) -> dict[str, Any]:
    path = root / MANIFEST
    try:
        if path.is_symlink() or path.stat().st_size > MANIFEST_BYTES:
            raise Damaged(f"{MANIFEST} cannot be read")
        facts = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise Damaged(f"{root} has no {MANIFEST}: it is no export, or was never finished") from None
    except (OSError, ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict):
        raise Damaged(f"{MANIFEST} cannot be read")
    return facts


def _is_described(name: str, told: object) -> bool:
    """Return whether a manifest says of a file what it should."""
    if not isinstance(told, dict) or not isinstance(told.get("sha256"), str):
        return False
    numbers = (told.get("bytes"), told.get("rows", 0))
    return bool(SHA256.fullmatch(told["sha256"])) and all(type(one) is int and one >= 0 for one in numbers)


def _refuse(name: str) -> None:
    """Raise Damaged for a name that is not of a file inside the folder."""
    parts = name.split("/")
    if len(name) > NAME_MAX or any(part in {".", ".."} or not PART.fullmatch(part) for part in parts):
        raise Damaged(f"{name[:NAME_MAX]!r} does not belong into an export")
