"""Where pictures lie, and what is drawn once: files in DATA_DIR/media, or a bucket if MEDIA_STORAGE_URL names one.

Everybody else asks `media`. A name is that of an address without /media/: `0123456789abcdef/bridge.jpg` is a picture
or one of its sizes, and never another one; cards, icons and books lie beside them and can be drawn anew.
Readers never see where it lies: their addresses are this site's.
"""

import errno
import logging
import mimetypes
import os
import re
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import BytesIO
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from typing import IO, Any, Protocol, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, default_storage
from django.utils.translation import gettext as _

from newsletter.buckets import BucketFault, Patience, PicturesAway, bucket_of

PICTURE = re.compile(r"[0-9a-f]{16}/[^/.][^/]*")
# Somebody waits for each picture: rather none than a thread that hangs.
WHILE_SOMEBODY_WAITS = Patience(connect_seconds=2, read_seconds=5, tries=2)
AT_ONCE = 8  # objects that are read ahead of whoever takes one after the other; a picture has 10 MB at most
SIZES_KEPT = 20_000  # of pictures: each is asked for once
COPIED_BYTES = 1024**2
NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}

log = logging.getLogger(__name__)


class Media(Protocol):
    """What both can do. Each raises FileNotFoundError for what is not there, and PicturesAway if a bucket is."""

    is_remote: bool

    def open(self, name: str) -> IO[bytes]: ...
    def save(self, name: str, content: "File[Any]") -> str:
        """Keep it unless it is there."""

    def read(self, name: str) -> bytes: ...
    def exists(self, name: str) -> bool: ...
    def size(self, name: str) -> int: ...
    def put(self, name: str, source: IO[bytes]) -> None:
        """Keep it, in the place of what has the name; it is never seen half written."""

    def delete(self, name: str) -> None: ...
    def pictures(self) -> dict[str, int]:
        """Return the octets of every picture, in every size, by name. A bucket is waited for; else an OSError."""

    def contents(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each with what it holds, in their order; some are read ahead. A bucket is waited for, likewise."""

    def beginning(self, begin: str) -> list[str]:
        """Return the names that begin so; `begin` has a folder in it."""


class _Kept:
    """What is the same for both: the content is in the name, so that what is there already is left as it is."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: "File[Any]") -> str:
        content.seek(0)
        keep(cast("Media", self), name, content)
        return name


class Folder(_Kept, FileSystemStorage):
    is_remote = False

    def _open(self, name: str, mode: str = "rb") -> "File[Any]":
        try:
            return File(Path(self.path(name)).open(mode))
        except OSError as error:
            if error.errno in NO_FILE:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from None
            raise

    def read(self, name: str) -> bytes:
        return Path(self.path(name)).read_bytes()

    def put(self, name: str, source: IO[bytes]) -> None:
        path = Path(self.path(name))
        path.parent.mkdir(mode=settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS, parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                copyfileobj(source, file, COPIED_BYTES)
            Path(part).chmod(settings.FILE_UPLOAD_PERMISSIONS)
            Path(part).replace(path)
        finally:
            Path(part).unlink(missing_ok=True)

    def pictures(self) -> dict[str, int]:
        root = Path(self.location)
        files = (file for folder in sorted(root.glob("[0-9a-f]*")) if folder.is_dir() for file in folder.iterdir())
        found = {str(file.relative_to(root)): file for file in files if file.is_file() and not file.is_symlink()}
        return {name: found[name].stat().st_size for name in sorted(found) if PICTURE.fullmatch(name)}

    def contents(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        return ((name, self.read(name)) for name in names)

    def beginning(self, begin: str) -> list[str]:
        above, _slash, start = begin.rpartition("/")
        with suppress(FileNotFoundError, NotADirectoryError):
            names = [path.name for path in Path(self.path(above)).iterdir()]
            return [f"{above}/{name}" for name in names if name.startswith(start)]
        return []


class InBucket(_Kept, Storage):
    """Objects of a bucket. One that fails to answer is left alone for some seconds, and the log says so once."""

    is_remote = True

    def __init__(self, url: str) -> None:
        self.patient = bucket_of(url, "MEDIA_STORAGE_URL")  # for what takes minutes anyhow: a backup, an export
        self.bucket = replace(self.patient, patience=WHILE_SOMEBODY_WAITS)
        self._sizes: dict[str, int] = {}

    def __str__(self) -> str:
        return str(self.bucket)

    def url(self, name: str | None) -> str:
        return f"{settings.MEDIA_URL}{name}"

    def _open(self, name: str, mode: str = "rb") -> "File[Any]":
        return File(BytesIO(self.read(name)), name)

    def read(self, name: str) -> bytes:
        with self._asked():
            return self.bucket.read(name)

    def exists(self, name: str) -> bool:
        try:
            return self.size(name) >= 0
        except FileNotFoundError:
            return False

    def size(self, name: str) -> int:
        if (known := self._sizes.get(name)) is not None:
            return known
        with self._asked():
            size = self.bucket.size(name)
        self._know(name, size)
        return size

    def put(self, name: str, source: IO[bytes]) -> None:
        octets = source.read()
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        with self._asked():
            self.bucket.put(name, octets, ContentType=kind)
        self._know(name, len(octets))

    def delete(self, name: str) -> None:
        self._sizes.pop(name, None)
        with self._asked():
            self.bucket.remove(name)

    def pictures(self) -> dict[str, int]:
        found = self.patient.names()
        return {name: found[name] for name in sorted(found) if PICTURE.fullmatch(name)}

    def contents(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        left = iter(names)
        with ThreadPoolExecutor(AT_ONCE, "pictures") as pool:
            ahead = deque((name, pool.submit(self.patient.read, name)) for name in islice(left, AT_ONCE))
            while ahead:
                name, reading = ahead.popleft()
                yield name, reading.result()
                ahead.extend((name, pool.submit(self.patient.read, name)) for name in islice(left, 1))

    def beginning(self, begin: str) -> list[str]:
        with self._asked():
            return list(self.bucket.names(begin))

    def _know(self, name: str, size: int) -> None:
        """Remember the size of a picture, which never changes."""
        if PICTURE.fullmatch(name):
            if len(self._sizes) >= SIZES_KEPT:
                self._sizes.clear()
            self._sizes[name] = size

    @contextmanager
    def _asked(self) -> Iterator[None]:
        try:
            yield
        except BucketFault as error:
            log.warning("pictures cannot be read or kept: %s", error)
            raise PicturesAway(str(error)) from error


media = cast("Media", default_storage)


def keep(store: Media, name: str, source: IO[bytes]) -> None:
    """Write what has no file yet."""
    if not store.exists(name):
        store.put(name, source)


def sorry() -> str:
    """Return what an author is told whose picture cannot be kept. Nothing of it is there."""
    return _("The picture cannot be kept: where pictures lie does not answer, or is full. Try again in some minutes.")
