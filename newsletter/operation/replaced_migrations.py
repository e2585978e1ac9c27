"""Replaced migrations. A database has applied all of them or none: otherwise it is too old."""

from collections.abc import Collection

from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration

LAST_WITH_THEM = "98338c97"  # the last commit that has them

Name = tuple[str, str]  # of an app and of its migration


def known_migrations() -> set[Name]:
    """Of this version, and those they replace."""
    found = MigrationLoader(None).disk_migrations
    return {*found, *(name for names in _replaced(found).values() for name in names)}


def is_too_old(applied: Collection[Name]) -> bool:
    """Has the database applied only some of the replaced migrations?"""
    return any(_stopped(key, names, applied) for key, names in _replaced(MigrationLoader(None).disk_migrations).items())


def _replaced(found: dict[Name, Migration]) -> dict[Name, list[Name]]:
    """Deleted migrations, by the one that replaces them."""
    gone = {key: [name for name in migration.replaces if name not in found] for key, migration in found.items()}
    return {key: names for key, names in gone.items() if names}


def _stopped(key: Name, names: list[Name], applied: Collection[Name]) -> bool:
    done = [name in applied for name in names]
    # The first of an app has kept its name: in an old database it stands alone, in a new one never.
    return not all(done) if any(done) else key in applied
