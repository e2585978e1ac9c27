"""A zip from somebody's computer, read with suspicion: what would fill the disk or leave the folder is refused."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath

from newsletter.posts.importers.imported import Rejected

MEMBERS_MAX = 100_000
BYTES_MAX = 20 * 1024**3  # of all members, unpacked
MEMBER_MAX = 1024**3
RATIO_MAX = 200  # how much larger than its packed form a member above SMALL may be: text reaches 30
SMALL = 10 * 1024**2
_JUNK = ("__MACOSX/", ".DS_Store")


class Archive:
    """The members of a zip. Nothing is ever unpacked to the disk. Raises Rejected for what is no honest archive."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise Rejected(f"it is no zip that can be read: {error}") from error
        self.members = {info.filename: info for info in self._checked()}

    def _checked(self) -> Iterator[zipfile.ZipInfo]:
        infos = self.zip.infolist()
        if len(infos) > MEMBERS_MAX:
            raise Rejected(f"it has too many members: {len(infos):,}")
        if sum(info.file_size for info in infos) > BYTES_MAX:
            raise Rejected("it would be larger than 20 GB when unpacked")
        for info in infos:
            if refusal := _refusal(info):
                raise Rejected(f"{refusal}: {info.filename[:80]!r}")
            if not info.is_dir() and not any(mark in info.filename for mark in _JUNK):
                yield info

    @cached_property
    def _by_end(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in self.members:
            found.setdefault(name.rpartition("/")[2], []).append(name)
        return found

    def ending_in(self, place: str) -> str:
        """Return the member whose path ends in these parts, the shortest first; "" if there is none."""
        if place in self.members:
            return place
        names = self._by_end.get(place.rpartition("/")[2], [])
        fit = [name for name in names if f"/{name}".endswith(f"/{place}")]
        return min(fit, key=len) if fit else ""

    def named(self, *suffixes: str) -> list[str]:
        return sorted(name for name in self.members if name.lower().endswith(suffixes))

    def read(self, name: str, most: int = MEMBER_MAX) -> bytes:
        """Return the first `most` bytes of a member, whatever size its head claims."""
        try:
            with self.zip.open(name) as opened:
                return opened.read(most)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, OSError, EOFError) as error:
            raise Rejected(f"a member cannot be read: {name[:80]!r}, {error}") from error

    def text(self, name: str, most: int = MEMBER_MAX) -> str:
        """Return a member as UTF-8 text. Raises Rejected."""
        data = self.read(name, most + 1)
        if len(data) > most:
            raise Rejected(f"a member is too large: {name[:80]!r}")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Rejected(f"it is not UTF-8 text: {name[:80]!r}, byte {error.start}") from error


def _refusal(info: zipfile.ZipInfo) -> str:
    """Return why a member makes the whole archive suspect; "" if it does not."""
    path = PurePosixPath(info.filename.replace("\\", "/"))
    if path.is_absolute() or info.filename[1:2] == ":":
        return "a member has an absolute name"
    return "a member leads out of the archive" if ".." in path.parts else _dishonest(info)


def _dishonest(info: zipfile.ZipInfo) -> str:
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a member is a link to another file"
    if info.flag_bits & 0x1:
        return "a member is encrypted"
    if info.file_size > MEMBER_MAX:
        return "a member is larger than 1 GB"
    if info.file_size > SMALL and info.file_size > RATIO_MAX * max(info.compress_size, 1):
        return "a member is packed too tightly to be honest (a zip bomb)"
    return ""
