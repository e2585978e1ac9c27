"""The database of the tests that run in this process: a copy of a file in which every migration has run.

The file is made once for a state of the migrations, and kept for later runs: to migrate takes six seconds.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

ROOT = Path(__file__).parents[2]
KEPT_SECONDS = 7 * 24 * 3600  # for which a file is kept that no run has asked for


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """A file, as in life: threads that write at once wait for each other, which SQLite in memory does not do."""
    if connection.vendor == "sqlite":
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        connection.settings_dict["TEST"]["NAME"] = f"{os.environ['DATA_DIR']}/test-{worker}.sqlite3"


def digest() -> str:
    """Return what changes with the migrations, and with the versions of Django and the libraries that have some."""
    own = sorted(path for room in ("newsletter", "subscribers") for path in (ROOT / room).rglob("migrations/*.py"))
    found = hashlib.sha256(f"{sys.version} {connection.Database.sqlite_version}".encode())
    for path in [ROOT / "uv.lock", Path(__file__), *own]:
        found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def folder() -> Path:
    """Return the folder of the files of this user."""
    found = Path(tempfile.gettempdir(), f"newsletter-migrated-{os.getuid()}")
    found.mkdir(mode=0o700, exist_ok=True)
    return found


class Template:
    """A migrated database to copy. The first process that asks for it finds none, and the others wait until it has."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lock = file.with_suffix(".lock").open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.is_there = file.exists()
        if self.is_there:
            os.utime(file)
            self.lock.close()

    def make(self) -> None:
        """Make it of the database of this process."""
        draft = self.file.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(draft)])
        draft.rename(self.file)
        self._forget_others()
        self.lock.close()

    def _forget_others(self) -> None:
        for other in self.file.parent.glob("*.sqlite3"):
            if other.stat().st_mtime < time.time() - KEPT_SECONDS:
                other.unlink()
                other.with_suffix(".lock").unlink(missing_ok=True)


@pytest.fixture(scope="session")
def template(django_db_modify_db_settings: None) -> Template | None:
    """What the processes of this run share, and those of later runs."""
    return Template(folder() / f"{digest()}.sqlite3") if connection.vendor == "sqlite" else None


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
