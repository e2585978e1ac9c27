"""Cached parts of an installation that are slow to make.

Each test copies a migrated database; collected static files are shared.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.database import cached_file
from tests.support.postgres import Postgres
from tests.support.product import Product

TEMPLATE = "migrated"  # the name of a database


def migrated_file() -> Path:
    """A migrated SQLite file to copy, of a newsletter that is set up."""

    def migrate(draft: Path) -> None:
        with TemporaryDirectory() as folder:
            product = Product(Path(folder, "product"))
            product.migrate()
            shutil.copy(product.data / "newsletter.sqlite3", draft)

    return cached_file("product.sqlite3", migrate)


def restore_migrated(postgres: Postgres, url: str) -> None:
    """Restore a migrated dump into an empty database: ten times faster than migrating."""

    def migrate(draft: Path) -> None:
        other = postgres.new_database()
        with TemporaryDirectory() as folder:
            Product(Path(folder, "product"), database_url=other).migrate()
        _run(postgres, "pg_dump", "--format=custom", "--no-owner", f"--file={draft}", other)
        postgres.drop(other)

    dump = cached_file("postgres.dump", migrate)
    _run(postgres, "pg_restore", "--exit-on-error", "--no-owner", f"--dbname={url}", str(dump))


@pytest.fixture(scope="session")
def migrated_sqlite() -> Path:
    """The path of a file to copy."""
    return migrated_file()


@pytest.fixture(scope="session")
def collected_static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of a STATIC_ROOT that installations may share: to collect, hash and compress them takes two seconds."""

    def collect(draft: Path) -> None:
        product = Product(tmp_path_factory.mktemp("collected"))
        product.env["STATIC_ROOT"] = str(draft)
        product.manage("collectstatic", "--no-input", "-v", "0")

    return cached_file("static", collect, "static/**/*")


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres) -> Postgres:
    """The running PostgreSQL, with a database to copy."""
    restore_migrated(postgres, postgres.new_database(TEMPLATE))
    return postgres


def _run(postgres: Postgres, program: str, *words: str) -> None:
    subprocess.run([postgres.programs / program, *words], check=True, capture_output=True, timeout=60)


@pytest.fixture
def migrated_postgres_url(migrated_postgres: Postgres) -> Iterator[str]:
    """The URL of a database of this test's own, in which every migration has run."""
    url = migrated_postgres.new_database(template=TEMPLATE)
    yield url
    migrated_postgres.drop(url)
