"""What takes an installation long to make, made once for a state of the code.

A database in which every migration has run is copied for each test; the collected static files are shared by all.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.database import kept
from tests.support.postgres import Postgres
from tests.support.product import Product

TEMPLATE = "migrated"  # the name of a database


def migrated_file() -> Path:
    """Return the path of an SQLite file to copy."""

    def migrate(draft: Path) -> None:
        with TemporaryDirectory() as folder:
            product = Product(Path(folder, "product"))
            product.migrate()
            shutil.copy(product.data / "newsletter.sqlite3", draft)

    return kept("product.sqlite3", migrate)


def fill(postgres: Postgres, url: str) -> None:
    """Make in an empty database what every migration makes, as the user of its URL: that takes a tenth of the time."""

    def migrate(draft: Path) -> None:
        other = postgres.new_database()
        with TemporaryDirectory() as folder:
            Product(Path(folder, "product"), database_url=other).migrate()
        _run(postgres, "pg_dump", "--format=custom", "--no-owner", f"--file={draft}", other)
        postgres.drop(other)

    dump = kept("postgres.dump", migrate)
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

    return kept("static", collect, "static/**/*")


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres) -> Postgres:
    """The running PostgreSQL, with a database to copy."""
    fill(postgres, postgres.new_database(TEMPLATE))
    return postgres


def _run(postgres: Postgres, program: str, *words: str) -> None:
    subprocess.run([postgres.programs / program, *words], check=True, capture_output=True, timeout=60)


@pytest.fixture
def migrated_postgres_url(migrated_postgres: Postgres) -> Iterator[str]:
    """The URL of a database of this test's own, in which every migration has run."""
    url = migrated_postgres.new_database(template=TEMPLATE)
    yield url
    migrated_postgres.drop(url)
