"""Databases in which every migration has run: made once in a run, and copied for each test that wants one."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import Postgres
from tests.support.product import Product

TEMPLATE = "migrated"  # the name of a database


@pytest.fixture(scope="session")
def migrated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the processes of this run share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def migrated_sqlite(migrated_folder: Path) -> Path:
    """The path of a file to copy."""
    file = migrated_folder / "migrated.sqlite3"
    with (migrated_folder / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            product = Product(migrated_folder / "migrated")
            product.migrate()
            shutil.copy(product.data / "newsletter.sqlite3", draft := file.with_suffix(".draft"))
            draft.rename(file)
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres, migrated_folder: Path) -> Postgres:
    """The running PostgreSQL, with a database to copy."""
    product = Product(migrated_folder / f"migrated-{os.getpid()}", database_url=postgres.new_database(TEMPLATE))
    product.migrate()
    return postgres


@pytest.fixture
def migrated_postgres_url(migrated_postgres: Postgres) -> Iterator[str]:
    """The URL of a database of this test's own, in which every migration has run."""
    url = migrated_postgres.new_database(template=TEMPLATE)
    yield url
    migrated_postgres.drop(url)
