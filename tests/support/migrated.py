"""Databases in which every migration has run: made once for a state of the code, and copied for each test."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.database import kept
from tests.support.postgres import Postgres
from tests.support.product import Product

TEMPLATE = "migrated"  # the name of a database


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of a file to copy."""

    def migrate(draft: Path) -> None:
        product = Product(tmp_path_factory.mktemp("migrated"))
        product.migrate()
        shutil.copy(product.data / "newsletter.sqlite3", draft)

    return kept("product.sqlite3", migrate)


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Postgres:
    """The running PostgreSQL, with a database to copy."""

    def migrate(draft: Path) -> None:
        url = postgres.new_database()
        Product(tmp_path_factory.mktemp("migrated"), database_url=url).migrate()
        _run(postgres, "pg_dump", "--format=custom", "--no-owner", f"--file={draft}", url)
        postgres.drop(url)

    dump, url = kept("postgres.dump", migrate), postgres.new_database(TEMPLATE)
    _run(postgres, "pg_restore", "--exit-on-error", "--no-owner", f"--dbname={url}", str(dump))
    return postgres


def _run(postgres: Postgres, program: str, *words: str) -> None:
    subprocess.run([postgres.programs / program, *words], check=True, capture_output=True, timeout=60)


@pytest.fixture
def migrated_postgres_url(migrated_postgres: Postgres) -> Iterator[str]:
    """The URL of a database of this test's own, in which every migration has run."""
    url = migrated_postgres.new_database(template=TEMPLATE)
    yield url
    migrated_postgres.drop(url)
