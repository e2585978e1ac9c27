"""A server that speaks S3, in memory: moto's, which comes as a Python package. A process of its own for each test."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import free_port, kill, start, wait_for_port


@dataclass
class S3:
    """The server, with one bucket in it."""

    port: int

    @property
    def url(self) -> str:
        return f"s3://key:se%2Fcret@127.0.0.1:{self.port}/nights/news?tls=false"

    def client(self) -> Any:
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="key",
            aws_secret_access_key="se/cret",
            region_name="us-east-1",
        )

    def names(self) -> list[str]:
        return sorted(one["Key"] for one in self.client().list_objects_v2(Bucket="nights").get("Contents", []))


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3]:
    port = free_port()
    command = [sys.executable, "-c", f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"]
    log = tmp_path / "s3.log"
    process = start(command, log=log, cwd=tmp_path)
    try:
        wait_for_port(port, process, log=log, seconds=60)
        server = S3(port)
        server.client().create_bucket(Bucket="nights")
        yield server
    finally:
        kill(process)
