"""A client for S3 buckets: s3://KEY:SECRET@HOST/BUCKET/PREFIX, the prefix optional.

URL options: region=…, and tls=false for a server in the local network. Without HOST it is Amazon's own.
Used for pictures (MEDIA_STORAGE_URL) and backups (BACKUP_URL).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

OPTIONS = {"region", "tls"}
CONNECTIONS_MAX = 32  # a process; each of its threads may read a picture
NOT_FOUND_CODES = {"404", "NoSuchKey"}
SERVER_ERROR = 500


class BucketError(OSError):
    """The server is unreachable or refuses; no secret in the message. A missing object is a FileNotFoundError.

    is_refusal: the server answered with an error below 500.
    """

    is_refusal = False


class PicturesUnavailable(OSError):
    """The picture storage does not answer or refuses: a retry may succeed."""


@dataclass(frozen=True)
class S3Timeouts:
    """Timeouts of the S3 client. tries: in all, the first included."""

    connect_seconds: float
    read_seconds: float
    tries: int


BACKGROUND_TIMEOUTS = S3Timeouts(connect_seconds=10, read_seconds=60, tries=4)
_session_lock = Lock()  # creating a boto3 session is not thread-safe


def is_bucket_url(url: str) -> bool:
    return url.startswith("s3:")


@dataclass(frozen=True)
class Bucket:
    """A bucket and a prefix in it. Methods raise BucketError, or FileNotFoundError for a missing object."""

    name: str
    prefix: str = ""  # "" or ends with a slash
    endpoint: str = ""
    region: str = ""
    key: str = ""
    secret: str = field(default="", repr=False)
    timeouts: S3Timeouts = field(default=BACKGROUND_TIMEOUTS, repr=False)

    def __str__(self) -> str:
        return f"s3://{urlsplit(self.endpoint).netloc}/{self.name}/{self.prefix}".rstrip("/")

    @property
    def _client(self) -> Any:
        """One client a process: connections must not survive a fork."""
        with _session_lock:
            return _client_of(self, os.getpid())

    def sizes(self, prefix: str = "") -> dict[str, int]:
        """Object sizes in bytes by name, without the prefix. prefix: of the names."""
        with _client_errors(self):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name, Prefix=self.prefix + prefix
            )
            found = [one for page in pages for one in page.get("Contents", ())]
        return {one["Key"].removeprefix(self.prefix): one["Size"] for one in found}

    def upload(self, path: Path, name: str) -> None:
        """Upload a file of any size (multipart); it becomes visible only when complete."""
        with _client_errors(self):
            self._client.upload_file(str(path), self.name, self.prefix + name)

    def download(self, name: str, path: Path) -> None:
        with _client_errors(self):
            self._client.download_file(self.name, self.prefix + name, str(path))

    def put(self, name: str, octets: bytes, **more: str) -> None:
        """Write an object; visible only when complete. more: arguments of put_object, such as ContentType."""
        with _client_errors(self):
            self._client.put_object(Bucket=self.name, Key=self.prefix + name, Body=octets, **more)

    def read(self, name: str) -> bytes:
        with _client_errors(self):
            octets: bytes = self._client.get_object(Bucket=self.name, Key=self.prefix + name)["Body"].read()
            return octets

    def size(self, name: str) -> int:
        with _client_errors(self):
            return int(self._client.head_object(Bucket=self.name, Key=self.prefix + name)["ContentLength"])

    def rename(self, name: str, new: str) -> None:
        with _client_errors(self):
            source = {"Bucket": self.name, "Key": self.prefix + name}
            self._client.copy(source, self.name, self.prefix + new)
        self.remove(name)

    def remove(self, name: str) -> None:
        with _client_errors(self):
            self._client.delete_object(Bucket=self.name, Key=self.prefix + name)


@cache
def _client_of(bucket: Bucket, process: int) -> Any:
    import boto3  # noqa: PLC0415 - an extra, and 30 MB
    from botocore.config import Config  # noqa: PLC0415 - the same
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - the same

    config = Config(
        connect_timeout=bucket.timeouts.connect_seconds,
        read_timeout=bucket.timeouts.read_seconds,
        retries={"total_max_attempts": bucket.timeouts.tries, "mode": "standard"},
        max_pool_connections=CONNECTIONS_MAX,
    )
    given = {
        "endpoint_url": bucket.endpoint,
        "region_name": bucket.region,
        "aws_access_key_id": bucket.key,
        "aws_secret_access_key": bucket.secret,
    }
    own = {name: value for name, value in given.items() if value}
    try:
        return boto3.session.Session().client("s3", config=config, **own)
    except (BotoCoreError, ValueError) as error:  # such as a host with "_"
        raise BucketError(_message(bucket, error)) from error


def bucket_from_url(url: str, name: str = "BACKUP_URL") -> Bucket:
    """Raise ImproperlyConfigured, without the secret, for a URL that cannot be read, or if boto3 is missing."""
    parts = urlsplit(url)
    bucket, _slash, folder = parts.path.strip("/").partition("/")
    options = dict(parse_qsl(parts.query))
    try:
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(f"{name}: host or port cannot be read. Percent-encode special characters") from None
    if parts.scheme != "s3" or not bucket or options.keys() - OPTIONS or bool(parts.username) != bool(parts.password):
        raise ImproperlyConfigured(f"{name} is written like s3://KEY:SECRET@HOST/BUCKET?region=REGION")
    if find_spec("boto3") is None:
        raise ImproperlyConfigured(
            f"{name}=s3://… needs a package that is not installed: uv sync --extra s3 (docs/deploy.md, Backup)"
        )
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
def _client_errors(bucket: Bucket) -> Iterator[None]:
    """Translate boto3 errors to BucketError and FileNotFoundError."""
    _ = bucket._client  # raises BucketError itself
    from boto3.exceptions import Boto3Error  # noqa: PLC0415 - an extra
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - the same

    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in NOT_FOUND_CODES:
            raise FileNotFoundError(_message(bucket, error)) from error
        fault = BucketError(_message(bucket, error))
        fault.is_refusal = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) < SERVER_ERROR
        raise fault from error
    except (Boto3Error, BotoCoreError) as error:
        raise BucketError(_message(bucket, error)) from error


def _message(bucket: Bucket, error: Exception) -> str:
    return f"{bucket}: {' '.join(str(error).split())[:300]}"
