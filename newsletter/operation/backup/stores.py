"""Where nightly backups are stored: a folder or an S3 bucket, with the same interface."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from newsletter.buckets import Bucket, bucket_from_url, is_bucket_url
from newsletter.operation.backup import making

DEPARTURES_PREFIX = "departures-"


def backup_store(url: str) -> "BackupStore":
    """The store of BACKUP_URL: a folder, as a path or file://, or a bucket. Raises ImproperlyConfigured."""
    if is_bucket_url(url):
        return BucketStore(bucket_from_url(url))
    parts = urlsplit(url)
    path = Path(parts.path)
    if parts.scheme not in {"", "file"} or parts.netloc or not path.is_absolute():
        shown = re.sub(r"//[^/]*@", "//…@", url)
        raise ImproperlyConfigured(f"BACKUP_URL must be a folder, as an absolute path, or s3://…, got {shown!r}")
    return FolderStore(path)


def _found_name(name: str, now: datetime) -> str:
    """The new name of an existing backup that our database does not know; it is never removed.

    It may be the last one of a lost machine, whose folder a new installation was given.
    """
    return f"found-{now:%H%M%S}-{name}"


@dataclass(frozen=True)
class FolderStore:
    folder: Path

    def names(self) -> list[str]:
        return [path.name for path in self.folder.iterdir()]

    def writing(self, name: str, now: datetime) -> AbstractContextManager[Path]:
        """Yield a path to write to. An existing file of that name is renamed first."""
        path = self.folder / name
        with suppress(FileNotFoundError):
            path.rename(path.with_name(_found_name(name, now)))
        return nullcontext(path)

    def reading(self, name: str) -> AbstractContextManager[Path]:
        """Yield a readable path, with the departures files beside it."""
        return nullcontext(self.folder / name)

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()

    def merge(self, name: str, source: Path) -> None:
        """Merge the lines of `source` into the stored ones."""
        copy = self.folder / name
        if not copy.exists() or copy.stat().st_size != source.stat().st_size:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            making.merge_lines(copy, source.read_bytes())  # do not overwrite: a new machine's file has fewer lines


@dataclass(frozen=True)
class BucketStore:
    """Written to a local file first: an upload could not be aborted halfway."""

    bucket: Bucket

    def names(self) -> list[str]:
        return list(self.bucket.sizes())

    @contextmanager
    def writing(self, name: str, now: datetime) -> Iterator[Path]:
        is_there = name in self.bucket.sizes()
        with _temporary_folder() as folder:
            yield folder / name
            if is_there:
                self.bucket.rename(name, _found_name(name, now))
            self.bucket.upload(folder / name, name)

    @contextmanager
    def reading(self, name: str) -> Iterator[Path]:
        with _temporary_folder() as folder:
            for other in self.bucket.sizes():
                if other.startswith(DEPARTURES_PREFIX):
                    self.bucket.download(other, folder / other)
            self.bucket.download(name, folder / name)
            yield folder / name

    def remove(self, name: str) -> None:
        self.bucket.remove(name)

    def merge(self, name: str, source: Path) -> None:
        size = self.bucket.sizes(name).get(name)
        if size == source.stat().st_size:
            return
        with _temporary_folder() as folder:
            copy = folder / name
            if size is not None:
                self.bucket.download(name, copy)
            making.merge_lines(copy, source.read_bytes())
            if copy.stat().st_size != size:
                self.bucket.upload(copy, name)


type BackupStore = FolderStore | BucketStore


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=settings.DATA_DIR) as folder:
        yield Path(folder)


@contextmanager
def open_backup(path: str) -> Iterator[Path]:
    """Yield a readable path for a local path or s3://…/NAME."""
    if not is_bucket_url(path):
        yield Path(path)
        return
    place, mark, query = path.partition("?")
    above, _slash, name = place.rpartition("/")
    with BucketStore(bucket_from_url(f"{above}{mark}{query}", "PATH")).reading(name) as file:
        yield file


def without_credentials(path: str) -> str:
    return path.rpartition("@")[2] if is_bucket_url(path) else path
