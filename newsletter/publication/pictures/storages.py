"""Storage of pictures and generated files: DATA_DIR/media, or a bucket if MEDIA_STORAGE_URL is set. Use `media`.

A name is the URL path below /media/. Pictures and their sizes are content-addressed: `0123456789abcdef/bridge.jpg`.
Cards, icons and books can be generated again. URLs always point to this site, never to the bucket.
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
from typing import IO, Any, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, default_storage
from django.utils.translation import gettext as _

from newsletter.buckets import BucketError, PicturesUnavailable, S3Timeouts, bucket_from_url

PICTURE_NAME = re.compile(r"[0-9a-f]{16}/[^/.][^/]*")
# A request waits for each picture.
INTERACTIVE_TIMEOUTS = S3Timeouts(connect_seconds=2, read_seconds=5, tries=2)
READ_AHEAD = 8  # objects of up to 10 MB
SIZES_CACHED_MAX = 20_000
COPY_CHUNK_BYTES = 1024**2
NOT_FOUND_ERRNOS = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}

log = logging.getLogger(__name__)


type MediaStore = FolderMedia | BucketMedia
"""Methods raise FileNotFoundError, and PicturesUnavailable if the bucket is down.

open and read: of a name. put: writes or replaces, atomically. picture_byte_counts: of all pictures, by name; raises
OSError. contents: names with contents, in order. names_with_prefix: the prefix includes a folder.
"""


class _ContentAddressed:
    """The name holds a hash of the content, so an existing file is never overwritten."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: "File[Any]") -> str:
        content.seek(0)
        save_once(cast("MediaStore", self), name, content)
        return name


class FolderMedia(_ContentAddressed, FileSystemStorage):
    is_remote = False

    def _open(self, name: str, mode: str = "rb") -> "File[Any]":
        try:
            return File(Path(self.path(name)).open(mode))
        except OSError as error:
            if error.errno in NOT_FOUND_ERRNOS:
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
                copyfileobj(source, file, COPY_CHUNK_BYTES)
            Path(part).chmod(settings.FILE_UPLOAD_PERMISSIONS)
            Path(part).replace(path)
        finally:
            Path(part).unlink(missing_ok=True)

    def picture_byte_counts(self) -> dict[str, int]:
        root = Path(self.location)
        files = (file for folder in sorted(root.glob("[0-9a-f]*")) if folder.is_dir() for file in folder.iterdir())
        found = {str(file.relative_to(root)): file for file in files if file.is_file() and not file.is_symlink()}
        return {name: found[name].stat().st_size for name in sorted(found) if PICTURE_NAME.fullmatch(name)}

    def contents(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        return ((name, self.read(name)) for name in names)

    def names_with_prefix(self, prefix: str) -> list[str]:
        folder, _slash, start = prefix.rpartition("/")
        with suppress(FileNotFoundError, NotADirectoryError):
            names = [path.name for path in Path(self.path(folder)).iterdir()]
            return [f"{folder}/{name}" for name in names if name.startswith(start)]
        return []


class BucketMedia(_ContentAddressed, Storage):
    is_remote = True

    def __init__(self, url: str) -> None:
        self.background_bucket = bucket_from_url(url, "MEDIA_STORAGE_URL")  # for backups and exports
        self.bucket = replace(self.background_bucket, timeouts=INTERACTIVE_TIMEOUTS)
        self._sizes: dict[str, int] = {}

    def __str__(self) -> str:
        return str(self.bucket)

    def url(self, name: str | None) -> str:
        return f"{settings.MEDIA_URL}{name}"

    def _open(self, name: str, mode: str = "rb") -> "File[Any]":
        return File(BytesIO(self.read(name)), name)

    def read(self, name: str) -> bytes:
        with self._bucket_errors():
            return self.bucket.read(name)

    def exists(self, name: str) -> bool:
        try:
            return self.size(name) >= 0
        except FileNotFoundError:
            return False

    def size(self, name: str) -> int:
        if (known := self._sizes.get(name)) is not None:
            return known
        with self._bucket_errors():
            size = self.bucket.size(name)
        self._cache_size(name, size)
        return size

    def put(self, name: str, source: IO[bytes]) -> None:
        octets = source.read()
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        with self._bucket_errors():
            self.bucket.put(name, octets, ContentType=kind)
        self._cache_size(name, len(octets))

    def delete(self, name: str) -> None:
        self._sizes.pop(name, None)
        with self._bucket_errors():
            self.bucket.remove(name)

    def picture_byte_counts(self) -> dict[str, int]:
        found = self.background_bucket.sizes()
        return {name: found[name] for name in sorted(found) if PICTURE_NAME.fullmatch(name)}

    def contents(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        left = iter(names)
        with ThreadPoolExecutor(READ_AHEAD, "pictures") as pool:
            ahead = deque((name, pool.submit(self.background_bucket.read, name)) for name in islice(left, READ_AHEAD))
            while ahead:
                name, reading = ahead.popleft()
                yield name, reading.result()
                ahead.extend((name, pool.submit(self.background_bucket.read, name)) for name in islice(left, 1))

    def names_with_prefix(self, prefix: str) -> list[str]:
        with self._bucket_errors():
            return list(self.bucket.sizes(prefix))

    def _cache_size(self, name: str, size: int) -> None:
        """A picture's size never changes."""
        if PICTURE_NAME.fullmatch(name):
            if len(self._sizes) >= SIZES_CACHED_MAX:
                self._sizes.clear()
            self._sizes[name] = size

    @contextmanager
    def _bucket_errors(self) -> Iterator[None]:
        try:
            yield
        except BucketError as error:
            log.warning("pictures cannot be read or kept: %s", error)
            raise PicturesUnavailable(str(error)) from error


media = cast("MediaStore", default_storage)


def save_once(store: MediaStore, name: str, source: IO[bytes]) -> None:
    if not store.exists(name):
        store.put(name, source)


def unavailable_message() -> str:
    return _("The picture cannot be kept: where pictures lie does not answer, or is full. Try again in some minutes.")
