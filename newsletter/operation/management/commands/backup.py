from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat
from django.utils import timezone, translation

from newsletter.operation import preparing
from newsletter.operation.backup import making
from newsletter.operation.backup.nightly import make_due_backup
from newsletter.operation.backup.restoring import BACKUP_ERRORS
from newsletter.publication.models import Publication


class Command(BaseCommand):
    help = "Write database, pictures, keys and departures into one file, while everything runs."
    requires_system_checks = []  # what they find wrong at night must be on the row, and mailed

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        name = "NAME.tar, or NAME.tar.age if encrypted"
        which.add_argument("path", nargs="?", metavar="PATH", type=Path, help=name)
        which.add_argument("--nightly", action="store_true", help="the one that is due, to BACKUP_URL")

    def handle(self, *args: Any, path: Path | None, nightly: bool, **options: Any) -> None:
        if path is None:
            self._at_night()
        else:
            self._now(path)

    def _at_night(self) -> None:
        publication = Publication.objects.current()
        with translation.override(publication.language), timezone.override(publication.zone):
            row = make_due_backup(timezone.now())
        self.stdout.write("No backup is due." if row is None else str(row))
        if row and (row.failure or row.trial):
            raise CommandError(row.failure or row.trial)

    def _now(self, path: Path) -> None:
        if reason := preparing.missing_tables_hint():
            raise CommandError(reason)
        try:
            made = making.make_backup(path, timezone.now())
        except BACKUP_ERRORS as error:
            raise CommandError(f"No backup was made: {error}") from error
        size, rows = filesizeformat(made.size), sum(made.row_counts.values())
        self.stdout.write(f"{path}: {size}, {rows:,} rows, {made.duration_seconds:.0f} s")
