"""Replaced migrations. A database has applied all of them or none: otherwise it is too old."""

from collections.abc import Collection
from pathlib import Path

from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration

# The last commits that have them: what 0001 replaces, and what changed from there to the second.
LAST_BEFORE_TABLES = "98338c97"
LAST_BEFORE_CHANGES = "6fa1db2d"

Name = tuple[str, str]  # of an app and of its migration


def unknown_migrations(names: Collection[Name]) -> set[Name]:
    """Those of installed apps that this version neither has nor replaces.

    Imports migrations only if one has no file: all of them take 7 MB, of each lane and worker at its start.
    """
    files = _files()
    labels = {label for label, _name in files}
    unknown = {(label, name) for label, name in names if label in labels} - files
    replaced = _replaced(MigrationLoader(None).disk_migrations) if unknown else {}
    return unknown - {name for names in replaced.values() for name in names}


def is_pending(applied: Collection[Name]) -> bool:
    """Is any migration of this version not applied? Imports none."""
    return any(name not in applied for name in _files() if name[1] != "__init__")


def _files() -> set[Name]:
    return {
        (app.label, file.stem) for app in apps.get_app_configs() for file in Path(app.path, "migrations").glob("*.py")
    }


def way_through(applied: Collection[Name]) -> str:
    """The commit that must first migrate a database that has only some of the replaced migrations, or ""."""
    replaced = _replaced(MigrationLoader(None).disk_migrations)
    stopped = [key[1].endswith("_changes") for key, names in replaced.items() if _stopped(key, names, applied)]
    if not stopped:
        return ""
    return LAST_BEFORE_CHANGES if all(stopped) else LAST_BEFORE_TABLES


def _replaced(found: dict[Name, Migration]) -> dict[Name, list[Name]]:
    """Deleted migrations, by the one that replaces them."""
    gone = {key: [name for name in migration.replaces if name not in found] for key, migration in found.items()}
    return {key: names for key, names in gone.items() if names}


def _stopped(key: Name, names: list[Name], applied: Collection[Name]) -> bool:
    done = [name in applied for name in names]
    # The first of an app has kept its name: in an old database it stands alone, in a new one never.
    return not all(done) if any(done) else key in applied
