"""Suppress the addresses of another program's list."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations
from django.utils import timezone

from subscribers.importers import barring
from subscribers.importers.barring import BOUNCED, COMPLAINED, MANUAL
from subscribers.importers.csv_file import FileError

REASONS_SHOWN = 20


class Command(BaseCommand):
    help = "Import addresses that must not be mailed: a CSV file of another program, or one address a line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--reason",
            choices=[BOUNCED, COMPLAINED, MANUAL],
            default=MANUAL,
            help="Why, where the file does not say: manual, unless given.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Say what would happen, and write nothing.")

    @no_translations  # an operator's tool speaks one language, in all its parts
    def handle(self, *args: Any, file: Path, reason: str, dry_run: bool, **options: Any) -> None:
        self.shown = 0
        take = barring.rehearse if dry_run else barring.bar
        try:
            with barring.opened(file) as table:
                summary = take(table.rows(), timezone.now(), self._rejected, reason=reason)
        except (OSError, FileError) as error:
            raise CommandError(str(error)) from error
        if summary.rejected > self.shown:
            self.stderr.write(f"… and {summary.rejected - self.shown} more rows were rejected.")
        self.stdout.write(json.dumps(summary.counts()))

    def _rejected(self, line: int, why: str) -> None:
        if self.shown < REASONS_SHOWN:
            self.shown += 1
            self.stderr.write(f"Line {line}: {why}")
