"""A bucket on a server that speaks S3: s3://KEY:SECRET@HOST/BUCKET, with a prefix behind it if wished.

Options of the URL: region=…, and tls=false for a server inside the house. HOST may be left out for Amazon's own.
Pictures lie in one if MEDIA_STORAGE_URL says so, backups if BACKUP_URL does.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

OPTIONS = {"region", "tls"}
CONNECTIONS = 32  # that one process keeps open: each of its threads may read a picture
ABSENT = {"404", "NoSuchKey"}
SERVER_ERROR = 500


class BucketFault(OSError):
    """The server is away or refuses us; its words hold no secret. An OSError, as a disk that fails is one.

    An object that is not there is a FileNotFoundError instead. is_refusal: it answered, and does not do it.
    """

    is_refusal = False


class PicturesAway(OSError):
    """Where the pictures lie does not answer, or refuses us: it may be well again in a moment."""


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for: seconds until it is there, and until it says something; how often in all."""

    connect_seconds: float
    read_seconds: float
    tries: int


IN_THE_BACKGROUND = Patience(connect_seconds=10, read_seconds=60, tries=4)
_making = Lock()  # sessions of boto3 are made one after the other


def is_bucket(url: str) -> bool:
    return url.startswith("s3:")


@dataclass(frozen=True)
class Bucket:
    """Where objects of ours lie. Its methods raise BucketFault, or FileNotFoundError if an object is not there."""

    name: str
    prefix: str = ""  # "" or a folder with a slash at its end
    endpoint: str = ""
    region: str = ""
    key: str = ""
    secret: str = field(default="", repr=False)
    patience: Patience = field(default=IN_THE_BACKGROUND, repr=False)

    def __str__(self) -> str:
        return f"s3://{urlsplit(self.endpoint).netloc}/{self.name}/{self.prefix}".rstrip("/")

    @property
    def _client(self) -> Any:
        """Return the client of this process: a copy of it must not share its connections."""
        with _making:
            return _client_of(self, os.getpid())

    def names(self, begin: str = "") -> dict[str, int]:
        """Return the size of each object by its name, without the prefix. begin: how the names begin."""
        with _told(self):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=self.prefix + begin)
            found = [one for page in pages for one in page.get("Contents", ())]
        return {one["Key"].removeprefix(self.prefix): one["Size"] for one in found}

    def upload(self, path: Path, name: str) -> None:
        """Keep a file of any size, in parts; it is there when it is whole."""
        with _told(self):
            self._client.upload_file(str(path), self.name, self.prefix + name)

    def download(self, name: str, path: Path) -> None:
        with _told(self):
            self._client.download_file(self.name, self.prefix + name, str(path))

    def put(self, name: str, octets: bytes, **more: str) -> None:
        """Keep an object; it is there when it is whole. more: what S3 is told of it, such as ContentType."""
        with _told(self):
            self._client.put_object(Bucket=self.name, Key=self.prefix + name, Body=octets, **more)

    def read(self, name: str) -> bytes:
        with _told(self):
            octets: bytes = self._client.get_object(Bucket=self.name, Key=self.prefix + name)["Body"].read()
            return octets

    def size(self, name: str) -> int:
        with _told(self):
            return int(self._client.head_object(Bucket=self.name, Key=self.prefix + name)["ContentLength"])

    def rename(self, name: str, new: str) -> None:
        with _told(self):
            source = {"Bucket": self.name, "Key": self.prefix + name}
            self._client.copy(source, self.name, self.prefix + new)
        self.remove(name)

    def remove(self, name: str) -> None:
        with _told(self):
            self._client.delete_object(Bucket=self.name, Key=self.prefix + name)


@cache
def _client_of(bucket: Bucket, process: int) -> Any:
    try:
        import boto3  # noqa: PLC0415 - an extra, and 30 MB
        from botocore.config import Config  # noqa: PLC0415 - the same
    except ImportError:
        raise ImproperlyConfigured(
            "s3:// needs a package that is not installed: uv sync --extra s3 (docs/deploy.md, Backup)"
        ) from None
    config = Config(
        connect_timeout=bucket.patience.connect_seconds,
        read_timeout=bucket.patience.read_seconds,
        retries={"total_max_attempts": bucket.patience.tries, "mode": "standard"},
        max_pool_connections=CONNECTIONS,
    )
    given = {
        "endpoint_url": bucket.endpoint,
        "region_name": bucket.region,
        "aws_access_key_id": bucket.key,
        "aws_secret_access_key": bucket.secret,
    }
    own = {name: value for name, value in given.items() if value}
    return boto3.session.Session().client("s3", config=config, **own)


def bucket_of(url: str, name: str = "BACKUP_URL") -> Bucket:
    """Return the bucket of a URL. Raises ImproperlyConfigured, without its secret."""
    parts = urlsplit(url)
    bucket, _slash, folder = parts.path.strip("/").partition("/")
    options = dict(parse_qsl(parts.query))
    try:
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(f"{name}: host or port cannot be read. Percent-encode what is special") from None
    if parts.scheme != "s3" or not bucket or options.keys() - OPTIONS or bool(parts.username) != bool(parts.password):
        raise ImproperlyConfigured(f"{name} is written like s3://KEY:SECRET@HOST/BUCKET?region=REGION")
    scheme = "http" if options.get("tls", "").lower() in {"false", "0", "no"} else "https"
    host = f"{parts.hostname}:{port}" if parts.hostname and port else parts.hostname
    return Bucket(
        name=bucket,
        prefix=f"{folder}/" if folder else "",
        endpoint=f"{scheme}://{host}" if host else "",
        region=options.get("region", "" if not host else "us-east-1"),
        key=unquote(parts.username or ""),
        secret=unquote(parts.password or ""),
    )


@contextmanager
def _told(bucket: Bucket) -> Iterator[None]:
    """Turn what the library raises into one kind of error, on one line."""
    _ = bucket._client  # says what to install
    from boto3.exceptions import Boto3Error  # noqa: PLC0415 - it is there: the client was made
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - the same

    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ABSENT:
            raise FileNotFoundError(_words(bucket, error)) from error
        fault = BucketFault(_words(bucket, error))
        fault.is_refusal = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) < SERVER_ERROR
        raise fault from error
    except (Boto3Error, BotoCoreError) as error:
        raise BucketFault(_words(bucket, error)) from error


def _words(bucket: Bucket, error: Exception) -> str:
    return f"{bucket}: {' '.join(str(error).split())[:300]}"
