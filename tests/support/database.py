"""The database of the tests that run in this process: a copy of a file in which every migration has run.

Such files are made once for a state of the migrations, and kept for later runs: to migrate takes three seconds.
"""

import fcntl
import hashlib
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

ROOT = Path(__file__).parents[2]
KEPT_SECONDS = 7 * 24 * 3600  # for which a file is kept that no run has asked for
# What makes tables, and triggers and groups that a later `migrate` leaves as they are.
TABLES = ("migrations/*.py", "apps.py", "freshness.py", "recording.py", "roles.py")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """A file, as in life: threads that write at once wait for each other, which SQLite in memory does not do."""
    if connection.vendor == "sqlite":
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        connection.settings_dict["TEST"]["NAME"] = f"{os.environ['DATA_DIR']}/test-{worker}.sqlite3"


def digest(*patterns: str) -> str:
    """Return what changes with the files of ours that match, and with the versions of Django and the libraries."""
    rooms = (ROOT / "newsletter", ROOT / "subscribers")
    own = {path for room in rooms for pattern in patterns for path in room.rglob(pattern) if path.is_file()}
    found = hashlib.sha256(f"{sys.version} {sqlite3.sqlite_version}".encode())
    for path in [ROOT / "uv.lock", Path(__file__), *sorted(own)]:
        found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def folder() -> Path:
    """Return the folder of the files of this user."""
    found = Path(tempfile.gettempdir(), f"newsletter-migrated-{os.getuid()}")
    found.mkdir(mode=0o700, exist_ok=True)
    return found


class Kept:
    """A file or a folder of this state of the code. The first process that asks for it finds none; the others wait.

    patterns: of the files that it depends on.
    """

    def __init__(self, name: str, *patterns: str) -> None:
        self.file = folder() / f"{digest(*patterns)}-{name}"
        self.draft = self.file.with_suffix(".draft")
        self.lock = self.file.with_suffix(".lock").open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.is_there = self.file.exists()
        if self.is_there:
            os.utime(self.file)
            self.lock.close()
        else:
            _remove(self.draft)

    def make(self, write: Callable[[Path], object]) -> None:
        """Have `write` make it at the path that it is given, and let the others have it."""
        write(self.draft)
        self.draft.rename(self.file)
        for other in self.file.parent.iterdir():
            if other.stat().st_mtime < time.time() - KEPT_SECONDS:
                _remove(other)
        self.lock.close()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def kept(name: str, write: Callable[[Path], object], *patterns: str) -> Path:
    """Return the path of what Kept holds for this code, which `write` makes at the path that it is given."""
    found = Kept(name, "*.py", *patterns)
    if not found.is_there:
        found.make(write)
    return found.file


@pytest.fixture(scope="session")
def template(django_db_modify_db_settings: None) -> Kept | None:
    """What the processes of this run share, and those of later runs; Django looks at it once more when it migrates."""
    return Kept("tests.sqlite3", *TABLES) if connection.vendor == "sqlite" else None


@pytest.fixture(scope="session")
def django_db_keepdb(template: Kept | None) -> bool:
    """Return whether the tests begin with a database that is there already; delivery/test_postgresql.py makes one."""
    if template is None:
        return True
    if not template.is_there:
        return False
    shutil.copy(template.file, connection.settings_dict["TEST"]["NAME"])
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, template: Kept | None, django_db_blocker: DjangoDbBlocker) -> None:
    """Hand the migrated database on to the other processes."""
    if template is not None and not template.is_there:
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            template.make(lambda draft: cursor.execute("VACUUM INTO %s", [str(draft)]))
