"""A folder of a whole site. manifest.json, written last, names every file with its size and SHA-256. No Django."""

import csv
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from newsletter.moving.folder import layout
from newsletter.moving.folder.layout import COPIED_BYTES, FolderError, new_file

FORM = 1  # of the manifest; a reader refuses a later one
MANIFEST = "manifest.json"
MANIFEST_BYTES = 256 * 1024**2  # of a million pictures
CELL_CHARACTERS = 16 * 1024**2
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ExportReader:
    """An export as it was written. Every file is one of the manifest, a file indeed, and inside the folder."""

    root: Path
    facts: dict[str, Any]

    @classmethod
    def at(cls, root: Path) -> "ExportReader":
        """The export in a folder; nothing but its manifest is read. Raises FolderError."""
        if not root.is_dir():
            raise FolderError(f"{root} is no folder")
        facts = _manifest(root)
        if facts.get("form") != FORM:
            raise FolderError(f"an export of form {facts.get('form')}; this version reads form {FORM}")
        files = facts.get("files")
        if not isinstance(files, dict) or not all(_is_described(name, one) for name, one in files.items()):
            raise FolderError(f"{MANIFEST} cannot be read")
        for name in files:
            layout.refuse_name(name)
        return cls(root, facts)

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        files: dict[str, dict[str, Any]] = self.facts["files"]
        return files

    def below(self, folder: str) -> list[str]:
        return [name for name in self.files if name.startswith(f"{folder}/")]

    def verify(self) -> None:
        """Check size and SHA-256 of every file. Raises FolderError."""
        for name, entry in self.files.items():
            with self.open(name) as source:
                found = hashlib.file_digest(source, "sha256").hexdigest()
            if found != entry["sha256"]:
                raise FolderError(f"{name} is not what was written")

    @contextmanager
    def open(self, name: str) -> Iterator[io.BufferedReader]:
        """Yield a file's octets. Raises FolderError for one that is missing, a link, or longer than it was."""
        if name not in self.files:
            raise FolderError(f"{name} is not in {MANIFEST}")
        with layout.open_file(self.root, name) as source:
            if os.fstat(source.fileno()).st_size != self.files[name]["bytes"]:
                raise FolderError(f"{name} is not what was written")
            yield source

    def octets(self, name: str, most: int) -> bytes:
        """A small file. Raises FolderError if it is larger than `most` octets."""
        with self.open(name) as source:
            if self.files[name]["bytes"] > most:
                raise FolderError(f"{name} is larger than {most:,} octets")
            return source.read()

    def text(self, name: str, most: int) -> str:
        try:
            return self.octets(name, most).decode()
        except UnicodeDecodeError as error:
            raise FolderError(f"{name} is not UTF-8 text (octet {error.start})") from None

    def rows(self, name: str) -> Iterator[list[str]]:
        """Yield the lines of a table, the heading first. Raises FolderError where one has not its number of cells."""
        with _large_cells(), self.open(name) as source, io.TextIOWrapper(source, "utf-8", newline="") as text:
            lines = csv.reader(text, strict=True)
            try:
                heading = next(lines, [])
                yield heading
                for row in lines:
                    if len(row) != len(heading):
                        raise FolderError(f"{name}, line {lines.line_num}: {len(row)} cells in place of {len(heading)}")
                    yield row
            except (csv.Error, UnicodeDecodeError) as error:
                raise FolderError(f"{name}, line {lines.line_num}: {error}") from None


@contextmanager
def _large_cells() -> Iterator[None]:
    """Let a cell have the text of a post. The limit is the whole process's: other files keep the usual one."""
    usual = csv.field_size_limit(CELL_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(usual)


def _manifest(root: Path) -> dict[str, Any]:
    if not (root / MANIFEST).exists():
        raise FolderError(f"{root} has no {MANIFEST}: it is no export, or was never finished")
    try:
        return dict(json.loads(layout.read_file(root, MANIFEST, MANIFEST_BYTES)))
    except (TypeError, ValueError, RecursionError):
        raise FolderError(f"{MANIFEST} cannot be read") from None


def _is_described(name: str, entry: object) -> bool:
    if not isinstance(entry, dict) or not SHA256.fullmatch(str(entry.get("sha256"))):
        return False
    return all(type(one) is int and one >= 0 for one in (entry.get("bytes"), entry.get("rows", 0)))


@dataclass
class ExportWriter:
    """Writes files of their owner alone; `finish` makes the folder an export."""

    root: Path
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        """Open a new file; its size and SHA-256 go into the manifest."""
        with new_file(self.root, name) as target:
            yield target
        with (self.root / name).open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
            self.files[name] = {"bytes": written.tell(), "sha256": digest}

    def add(self, name: str, octets: bytes) -> None:
        with self.file(name) as target:
            target.write(octets)

    def copy(self, source: Path, name: str) -> None:
        """Add a file as it is. Raises FileNotFoundError if it is gone."""
        with source.open("rb") as octets, self.file(name) as target:
            shutil.copyfileobj(octets, target, COPIED_BYTES)

    def add_rows(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
        """Write a table, the heading first; return how many rows it has."""
        count = 0
        with self.file(name) as target, io.TextIOWrapper(target, "utf-8", newline="") as text:
            lines = csv.writer(text)
            lines.writerow(columns)
            for count, row in enumerate(rows, 1):  # noqa: B007 - the last one is returned
                lines.writerow(row)
        self.files[name]["rows"] = count
        return count

    def finish(self, facts: dict[str, Any]) -> None:
        data = {"form": FORM} | facts | {"files": dict(sorted(self.files.items()))}
        with new_file(self.root, MANIFEST) as target:
            target.write(json.dumps(data, ensure_ascii=False, indent=1).encode())
