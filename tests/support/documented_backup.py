"""Backup and restore as docs/deploy.md has them: its own commands, in the folders of a test."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.migrated import restore_migrated
from tests.support.postgres import Postgres
from tests.support.product import ROOT, Product

PROGRAMS: dict[int, Path] = {}  # of a PostgreSQL, by its port


def blocks(heading: str) -> list[str]:
    """The shell commands below a heading."""
    document = (ROOT / "docs" / "deploy.md").read_text()
    part = re.search(rf"^#+ {heading}\n(.*?)^#+ ", document, re.MULTILINE | re.DOTALL)
    assert part, f"docs/deploy.md has no heading {heading!r}"
    return re.findall(r"```sh\n(.*?)```", part[1], re.DOTALL)


def back_up(product: Product, folder: Path) -> None:
    _run(product, folder, blocks("Backup by hand"))


def restore(product: Product, folder: Path) -> None:
    """Run what is to be done between stop and start; processes are the test's own matter."""
    _run(product, folder, blocks("Restore by hand"))


def _run(product: Product, folder: Path, found: list[str]) -> None:
    sqlite, postgresql = found
    commands = postgresql if product.env["DATABASE_URL"] else sqlite
    commands = re.sub(r"^systemctl .*\n", "", commands, flags=re.MULTILINE)
    commands = commands.replace("/var/lib/newsletter", str(product.data)).replace("-o newsletter ", "")
    commands = re.sub(r"/backup/newsletter[^.' ]*(\(date \+%F\))?\.", f"{folder}/backup.", commands)
    done = subprocess.run(
        ["sh", "-eu", "-c", commands], env=environment(product), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, commands + done.stderr


def environment(product: Product) -> dict[str, str]:
    url = urlsplit(product.env["DATABASE_URL"])
    if not url.port:
        return dict(os.environ)
    own = {"PGHOST": "127.0.0.1", "PGPORT": str(url.port), "PGUSER": "postgres"}
    return os.environ | own | {"PATH": f"{PROGRAMS[url.port]}:{os.environ['PATH']}"}


def name_database(postgres: Postgres) -> str:
    """Make an empty database with the name and the owner that the document has; return its URL."""
    PROGRAMS[postgres.port] = postgres.programs
    drop_database(postgres)
    postgres.run("CREATE ROLE newsletter LOGIN")
    postgres.run("CREATE DATABASE newsletter OWNER newsletter")
    return f"postgres://newsletter@127.0.0.1:{postgres.port}/newsletter"


def drop_database(postgres: Postgres) -> None:
    postgres.run("DROP DATABASE IF EXISTS newsletter WITH (FORCE)")
    postgres.run("DROP ROLE IF EXISTS newsletter")


@pytest.fixture
def named_postgres_url(postgres: Postgres) -> Iterator[str]:
    """The URL of such a database, in which every migration has run."""
    url = name_database(postgres)
    restore_migrated(postgres, url)
    yield url
    drop_database(postgres)
