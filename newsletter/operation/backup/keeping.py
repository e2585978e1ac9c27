"""Where backups are kept: a folder, or a bucket on a server that speaks S3. Both do the same for nightly.py."""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from newsletter.buckets import Bucket, bucket_of, is_bucket
from newsletter.operation.backup import making

LINES = "departures-"  # how the names of files begin that hold who has left


def keeper(url: str) -> "Keeper | None":
    """Return where BACKUP_URL leads to: a folder, as a path or file://, or a bucket; None if it is empty.

    Raises ImproperlyConfigured for any other address: what is no folder here is mounted as one.
    """
    if not url:
        return None
    if is_bucket(url):
        return InBucket(bucket_of(url))
    parts = urlsplit(url)
    path = Path(parts.path)
    if parts.scheme not in {"", "file"} or parts.netloc or not path.is_absolute():
        raise ImproperlyConfigured(f"BACKUP_URL must be a folder, as an absolute path, got {url!r}")
    return InFolder(path)


def _found(name: str, now: datetime) -> str:
    """Return another name for what our database does not know of this day; it is never thinned.

    It may be the last one of a machine that burnt, whose folder a new installation was given.
    """
    return f"found-{now:%H%M%S}-{name}"


@dataclass(frozen=True)
class InFolder:
    folder: Path

    def names(self) -> list[str]:
        return [path.name for path in self.folder.iterdir()]

    def writing(self, name: str, now: datetime) -> AbstractContextManager[Path]:
        """Yield a path to write a backup to; after the block it is kept, if nothing was raised."""
        path = self.folder / name
        with suppress(FileNotFoundError):
            path.rename(path.with_name(_found(name, now)))
        return nullcontext(path)

    def reading(self, name: str) -> AbstractContextManager[Path]:
        """Yield where a backup can be read, with what is kept of who has left beside it."""
        return nullcontext(self.folder / name)

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()

    def join(self, name: str, source: Path) -> None:
        """Keep the lines of `source` beside those that are kept already."""
        copy = self.folder / name
        if not copy.exists() or copy.stat().st_size != source.stat().st_size:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            making.join(copy, source.read_bytes())  # never replaced: a machine that is new knows less


@dataclass(frozen=True)
class InBucket:
    """A backup is written beside the product first: the upload of one that is not whole would have to be undone."""

    bucket: Bucket

    def names(self) -> list[str]:
        return list(self.bucket.names())

    @contextmanager
    def writing(self, name: str, now: datetime) -> Iterator[Path]:
        is_there = name in self.bucket.names()
        with _scratch() as folder:
            yield folder / name
            if is_there:
                self.bucket.rename(name, _found(name, now))
            self.bucket.upload(folder / name, name)

    @contextmanager
    def reading(self, name: str) -> Iterator[Path]:
        with _scratch() as folder:
            for other in self.bucket.names():
                if other.startswith(LINES):
                    self.bucket.download(other, folder / other)
            self.bucket.download(name, folder / name)
            yield folder / name

    def remove(self, name: str) -> None:
        self.bucket.remove(name)

    def join(self, name: str, source: Path) -> None:
        size = self.bucket.names(name).get(name)
        if size == source.stat().st_size:
            return
        with _scratch() as folder:
            copy = folder / name
            if size is not None:
                self.bucket.download(name, copy)
            making.join(copy, source.read_bytes())
            if copy.stat().st_size != size:
                self.bucket.upload(copy, name)


type Keeper = InFolder | InBucket


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=settings.DATA_DIR) as folder:
        yield Path(folder)


@contextmanager
def readable(path: str) -> Iterator[Path]:
    """Yield where the backup at a path, or at s3://…/NAME, can be read."""
    if not is_bucket(path):
        yield Path(path)
        return
    kept, name = _named(path)
    with kept.reading(name) as file:
        yield file


def _named(url: str) -> tuple[InBucket, str]:
    """Return the bucket of an object's URL, and its name there."""
    path, mark, query = url.partition("?")
    above, _slash, name = path.rpartition("/")
    return InBucket(bucket_of(f"{above}{mark}{query}", "PATH")), name


def without_secret(path: str) -> str:
    return path.rpartition("@")[2] if is_bucket(path) else path
