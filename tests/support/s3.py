"""A server that speaks S3, in memory: moto's, which comes as a Python package. One process, emptied for each test."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

import pytest

from newsletter.publication.pictures.storages import MediaStore, media
from tests.support.processes import free_port, kill, start, wait_for_port


@dataclass
class S3:
    """The server, with two buckets in it: one for backups, one for pictures."""

    port: int

    @property
    def url(self) -> str:
        return f"s3://key:se%2Fcret@127.0.0.1:{self.port}/nights/news?tls=false"

    @property
    def pictures_url(self) -> str:
        return f"s3://key:se%2Fcret@127.0.0.1:{self.port}/pictures/news?tls=false"

    def client(self) -> Any:
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="key",
            aws_secret_access_key="se/cret",
            region_name="us-east-1",
        )

    def names(self, bucket: str = "nights") -> list[str]:
        return sorted(one["Key"] for one in self.client().list_objects_v2(Bucket=bucket).get("Contents", []))


@pytest.fixture(scope="session")
def s3_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder, port = tmp_path_factory.mktemp("s3"), free_port()
    command = [sys.executable, "-c", f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"]
    process = start(command, log=folder / "s3.log", cwd=folder)
    try:
        wait_for_port(port, process, log=folder / "s3.log", seconds=60)
        yield port
    finally:
        kill(process)


@pytest.fixture
def s3(s3_port: int) -> S3:
    urlopen(Request(f"http://127.0.0.1:{s3_port}/moto-api/reset", method="POST")).close()
    server = S3(s3_port)
    for name in ("nights", "pictures"):
        server.client().create_bucket(Bucket=name)
    return server


def store_pictures_in(settings: Any, url: str) -> None:
    """Set the picture storage to a bucket, or to files for ""."""
    settings.MEDIA_STORAGE_URL = url
    own = {"BACKEND": f"newsletter.publication.pictures.storages.{'BucketMedia' if url else 'FolderMedia'}"}
    settings.STORAGES = settings.STORAGES | {"default": own | {"OPTIONS": {"url": url} if url else {}}}


@pytest.fixture(params=["files", pytest.param("bucket", marks=[pytest.mark.servers, pytest.mark.exhaustive])])
def either_media(request: pytest.FixtureRequest, settings: Any, tmp_path: Any) -> MediaStore:
    """Where pictures lie: once files, once a bucket."""
    settings.MEDIA_ROOT = tmp_path / "media"
    store_pictures_in(settings, request.getfixturevalue("s3").pictures_url if request.param == "bucket" else "")
    return media


@pytest.fixture
def lost_bucket(settings: Any, tmp_path: Any) -> str:
    """A bucket whose server is away; its address."""
    settings.MEDIA_ROOT = tmp_path / "media"
    store_pictures_in(settings, f"s3://key:se%2Fcret@127.0.0.1:{free_port()}/pictures?tls=false")
    return str(settings.MEDIA_STORAGE_URL)
