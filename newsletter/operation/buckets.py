"""A bucket on a server that speaks S3, for backups: s3://KEY:SECRET@HOST/BUCKET, with a prefix behind it if wished.

Options of the URL: region=…, and tls=false for a server inside the house. HOST may be left out for Amazon's own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

CONNECT_SECONDS, READ_SECONDS, TRIES = 10, 60, 4
OPTIONS = {"region", "tls"}


class BucketFault(OSError):
    """The server, or what it says; its words hold no secret. An OSError, as a disk that fails is one."""


def is_bucket(url: str) -> bool:
    return url.startswith("s3:")


@dataclass(frozen=True)
class Bucket:
    """Where objects of ours lie. Its methods raise BucketFault."""

    name: str
    prefix: str = ""  # "" or a folder with a slash at its end
    endpoint: str = ""
    region: str = ""
    key: str = ""
    secret: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"s3://{urlsplit(self.endpoint).netloc}/{self.name}/{self.prefix}".rstrip("/")

    @cached_property
    def _client(self) -> Any:
        try:
            import boto3  # noqa: PLC0415 - an extra, and 30 MB
            from botocore.config import Config  # noqa: PLC0415 - the same
        except ImportError:
            raise ImproperlyConfigured(
                "s3:// needs a package that is not installed: uv sync --extra s3 (docs/deploy.md, Backup)"
            ) from None
        retries: dict[str, Any] = {"total_max_attempts": TRIES, "mode": "standard"}
        config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries=retries)
        given = {
            "endpoint_url": self.endpoint,
            "region_name": self.region,
            "aws_access_key_id": self.key,
            "aws_secret_access_key": self.secret,
        }
        return boto3.client("s3", config=config, **{name: value for name, value in given.items() if value})

    def names(self) -> dict[str, int]:
        """Return the size of each object by its name, without the prefix."""
        with _told(self):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=self.prefix)
            found = [one for page in pages for one in page.get("Contents", ())]
        return {one["Key"].removeprefix(self.prefix): one["Size"] for one in found}

    def upload(self, path: Path, name: str) -> None:
        """Keep a file of any size, in parts; it is there when it is whole."""
        with _told(self):
            self._client.upload_file(str(path), self.name, self.prefix + name)

    def download(self, name: str, path: Path) -> None:
        with _told(self):
            self._client.download_file(self.name, self.prefix + name, str(path))

    def put(self, name: str, octets: bytes) -> None:
        with _told(self):
            self._client.put_object(Bucket=self.name, Key=self.prefix + name, Body=octets)

    def read(self, name: str) -> bytes:
        with _told(self):
            octets: bytes = self._client.get_object(Bucket=self.name, Key=self.prefix + name)["Body"].read()
            return octets

    def rename(self, name: str, new: str) -> None:
        with _told(self):
            source = {"Bucket": self.name, "Key": self.prefix + name}
            self._client.copy(source, self.name, self.prefix + new)
        self.remove(name)

    def remove(self, name: str) -> None:
        with _told(self):
            self._client.delete_object(Bucket=self.name, Key=self.prefix + name)


def bucket_of(url: str, name: str = "BACKUP_URL") -> Bucket:
    """Return the bucket of a URL. Raises ImproperlyConfigured, without its secret."""
    parts = urlsplit(url)
    bucket, _slash, folder = parts.path.strip("/").partition("/")
    options = dict(parse_qsl(parts.query))
    try:
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(f"{name}: host or port cannot be read. Percent-encode what is special") from None
    if not bucket or options.keys() - OPTIONS or bool(parts.username) != bool(parts.password):
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
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise BucketFault(f"{bucket}: {' '.join(str(error).split())[:300]}") from error
