"""The database of the tests that run in this process: a file, which the first of several processes migrates for all."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """A file, as in life: threads that write at once wait for each other, which SQLite in memory does not do."""
    if connection.vendor == "sqlite":
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        connection.settings_dict["TEST"]["NAME"] = f"{os.environ['DATA_DIR']}/test-{worker}.sqlite3"


class Template:
    """A migrated database to copy. The first process that asks for it finds none, and the others wait until it has."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lock = file.with_suffix(".lock").open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.is_there = file.exists()
        if self.is_there:
            self.lock.close()

    def make(self) -> None:
        """Make it of the database of this process."""
        draft = self.file.with_suffix(".draft")
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(draft)])
        draft.rename(self.file)
        self.lock.close()


@pytest.fixture(scope="session")
def template(django_db_modify_db_settings: None, migrated_folder: Path) -> Template | None:
    """What the processes of this run share, if there are several."""
    is_shared = connection.vendor == "sqlite" and "PYTEST_XDIST_WORKER" in os.environ
    return Template(migrated_folder / "tests.sqlite3") if is_shared else None


@pytest.fixture(scope="session")
def django_db_keepdb(template: Template | None) -> bool:
    """Return whether the tests begin with a database that is there already."""
    if template is None or not template.is_there:
        return False
    shutil.copy(template.file, connection.settings_dict["TEST"]["NAME"])
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, template: Template | None, django_db_blocker: DjangoDbBlocker) -> None:
    """Hand the migrated database on to the other processes."""
    if template is not None and not template.is_there:
        with django_db_blocker.unblock():
            template.make()
