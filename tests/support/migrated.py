"""What takes an installation long to make, made once for a state of the code.

A database in which every migration has run is copied for each test; the collected static files are shared by all.
"""

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
def collected_static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of a STATIC_ROOT that installations may share: to collect, hash and compress them takes two seconds."""

    def collect(draft: Path) -> None:
        product = Product(tmp_path_factory.mktemp("collected"))
        product.env["STATIC_ROOT"] = str(draft)
        product.manage("collectstatic", "--no-input", "-v", "0")

    return kept("static", collect, "static/**/*")


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
