"""The test database: a copy of a fully migrated file.

Such files are cached for each state of the migrations and reused by later runs: migrating takes three seconds.
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
TABLES = ("migrations/*.py", "apps.py", "freshness.py", "triggers.py", "roles.py")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """A file as in production: concurrent writers wait for each other, which in-memory SQLite does not do."""
    if connection.vendor == "sqlite":
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        connection.settings_dict["TEST"]["NAME"] = f"{os.environ['DATA_DIR']}/test-{worker}.sqlite3"


def digest(*patterns: str) -> str:
    """A hash of our matching files and of the versions of Python and the libraries."""
    rooms = (ROOT / "newsletter", ROOT / "subscribers")
    own = {path for room in rooms for pattern in patterns for path in room.rglob(pattern) if path.is_file()}
    found = hashlib.sha256(f"{sys.version} {sqlite3.sqlite_version}".encode())
    for path in [ROOT / "uv.lock", Path(__file__), *sorted(own)]:
        found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def cache_folder() -> Path:
    found = Path(tempfile.gettempdir(), f"newsletter-migrated-{os.getuid()}")
    found.mkdir(mode=0o700, exist_ok=True)
    return found


class CachedFile:
    """A cached file or folder for this state of the code. The first process makes it; others wait.

    patterns: files it depends on.
    """

    def __init__(self, name: str, *patterns: str) -> None:
        self.file = cache_folder() / f"{digest(*patterns)}-{name}"
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
        """Call `write` with a temporary path, then publish the result."""
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


def cached_file(name: str, write: Callable[[Path], object], *patterns: str) -> Path:
    """The path of a cached file, made by `write` if it is missing."""
    found = CachedFile(name, "*.py", *patterns)
    if not found.is_there:
        found.make(write)
    return found.file


@pytest.fixture(scope="session")
def template(django_db_modify_db_settings: None) -> CachedFile | None:
    """The shared database file; Django still checks its migrations."""
    return CachedFile("tests.sqlite3", *TABLES) if connection.vendor == "sqlite" else None


@pytest.fixture(scope="session")
def django_db_keepdb(template: CachedFile | None) -> bool:
    """True if a migrated database exists; delivery/test_postgresql.py makes one."""
    if template is None:
        return True
    if not template.is_there:
        return False
    shutil.copy(template.file, connection.settings_dict["TEST"]["NAME"])
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, template: CachedFile | None, django_db_blocker: DjangoDbBlocker) -> None:
    """Publish the migrated database for other processes."""
    if template is not None and not template.is_there:
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            template.make(lambda draft: cursor.execute("VACUUM INTO %s", [str(draft)]))
