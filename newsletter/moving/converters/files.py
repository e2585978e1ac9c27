"""The files of an export, in a ZIP or a folder, as untrusted input. Nothing is unpacked to the disk."""

import stat
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import IO

FILES_MAX = 100_000
MEMBER_MAX = 1024**3
TEXT_MAX = 200 * 1024**2  # bytes of a text that is read at once: four times the largest export that is known
RATIO_MAX = 200  # how much larger than its packed form a member, or a whole, above SMALL may be: text reaches 30
SMALL = 10 * 1024**2
_JUNK = ("__MACOSX/", ".DS_Store")
# What a ZIP raises that is broken, cut off or packed in an unknown way.
UNREADABLE = (zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, OSError, EOFError)


class Rejected(ValueError):
    """This cannot be converted; the message says why."""


class Files(ABC):
    """Names are paths from the top, with slashes. is_single_file: only the file that was named is among `names`."""

    is_single_file = False
    names: Sequence[str]

    @abstractmethod
    def size(self, name: str) -> int: ...
    @abstractmethod
    def open(self, name: str) -> IO[bytes]: ...  # raises Rejected

    @abstractmethod
    def has(self, name: str) -> bool: ...

    @cached_property
    def _by_last_part(self) -> dict[str, list[str]]:
        return {last: [*names] for last, names in groupby(sorted(self.names, key=_last_part), _last_part)}

    def ending_in(self, path: str) -> str:
        """The shortest path that ends in these parts; "" if none does, or several end in a mere name."""
        if self.has(path):
            return path
        names = self._by_last_part.get(_last_part(path), [])
        if "/" not in path:
            return names[0] if len(names) == 1 else ""
        return min((name for name in names if name.endswith(f"/{path}")), key=len, default="")

    def with_suffix(self, *suffixes: str) -> list[str]:
        return [name for name in self.names if name.lower().endswith(suffixes)]

    def read_bytes(self, name: str, most: int = MEMBER_MAX) -> bytes:
        """The first `most` bytes of a file, whatever size its head claims. Raises Rejected."""
        with self.open(name) as opened:
            try:
                return opened.read(most)
            except UNREADABLE as error:
                raise Rejected(f"a member cannot be read: {name[:80]!r}, {error}") from error

    def head(self, name: str, most: int) -> bytes:
        """The first bytes of a file; none of one that cannot be read."""
        with suppress(Rejected, OSError):
            return self.read_bytes(name, most)
        return b""

    def text(self, name: str, most: int = TEXT_MAX) -> str:
        """A file as UTF-8 text. Raises Rejected."""
        data = self.read_bytes(name, most + 1)
        if len(data) > most:
            raise Rejected(f"a member is too large: {name[:80]!r}")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Rejected(f"it is not UTF-8 text: {name[:80]!r}, byte {error.start}") from error


def _last_part(path: str) -> str:
    return path.rpartition("/")[2]


class InFolder(Files):
    """Files below a folder, or one of them. No link leads out of it."""

    def __init__(self, path: Path) -> None:
        self.is_single_file = not path.is_dir()
        self.root = (path.parent if self.is_single_file else path).resolve()
        files = [path.name] if self.is_single_file else [file for file in self.root.rglob("*") if file.is_file()]
        if len(files) > FILES_MAX:
            raise Rejected(f"it has too many members: {len(files):,}")
        self.names = sorted((self.root / file).relative_to(self.root).as_posix() for file in files)

    def has(self, name: str) -> bool:
        with suppress(OSError, ValueError):  # a name that no file system has
            return self._path_of(name).is_file()
        return False

    def size(self, name: str) -> int:
        return (self.root / name).lstat().st_size

    def open(self, name: str) -> IO[bytes]:
        return self._path_of(name).open("rb")

    def _path_of(self, name: str) -> Path:
        path = (self.root / name).resolve()
        if not path.is_relative_to(self.root):
            raise Rejected("it is a link to a file outside the folder")
        return path


class InArchive(Files):
    """The members of a ZIP. A folder that all of them are in does not count. Raises Rejected for no honest archive."""

    def __init__(self, path: Path) -> None:
        try:
            self.zip, self.bytes = zipfile.ZipFile(path), path.stat().st_size
        except UNREADABLE as error:
            raise Rejected(f"it is no zip that can be read: {error}") from error
        members = [info for info in self._checked() if not any(mark in info.filename for mark in _JUNK)]
        tops = {info.filename.partition("/")[0] for info in members}
        is_in_one = len(tops) == 1 and all("/" in info.filename for info in members)
        top = f"{tops.pop()}/" if is_in_one else ""
        self.members = {info.filename.removeprefix(top): info for info in members if not info.is_dir()}
        self.names = sorted(self.members)

    def _checked(self) -> list[zipfile.ZipInfo]:
        infos = self.zip.infolist()
        if len(infos) > FILES_MAX:
            raise Rejected(f"it has too many members: {len(infos):,}")
        for info in infos:
            if refusal := _refusal(info):
                raise Rejected(f"{refusal}: {info.filename[:80]!r}")
        if _is_bomb(sum(info.file_size for info in infos), self.bytes):  # members may overlap
            raise Rejected("it is packed too tightly to be honest (a zip bomb)")
        return infos

    def has(self, name: str) -> bool:
        return name in self.members

    def size(self, name: str) -> int:
        return self.members[name].file_size

    def open(self, name: str) -> IO[bytes]:
        try:
            return self.zip.open(self.members[name])
        except UNREADABLE as error:
            raise Rejected(f"a member cannot be read: {name[:80]!r}, {error}") from error


def _refusal(info: zipfile.ZipInfo) -> str:
    """The reason to refuse the archive for this member; "" if there is none."""
    path = PurePosixPath(info.filename.replace("\\", "/"))
    if path.is_absolute() or info.filename[1:2] == ":":
        return "a member has an absolute name"
    if ".." in path.parts:
        return "a member leads out of the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a member is a link to another file"
    if info.flag_bits & 0x1:
        return "a member is encrypted"
    is_bomb = _is_bomb(info.file_size, info.compress_size)
    return "a member is packed too tightly to be honest (a zip bomb)" if is_bomb else ""


def _is_bomb(unpacked_bytes: int, packed_bytes: int) -> bool:
    return unpacked_bytes > SMALL and unpacked_bytes > RATIO_MAX * max(packed_bytes, 1)
