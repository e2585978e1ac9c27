"""Bring readers from a CSV file."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations
from django.utils import timezone

from subscribers.importers import csv_file, merging, sheets
from subscribers.importers.columns import COLUMNS, KEPT, Choices
from subscribers.importers.encodings import FileError

REASONS_SHOWN = 20
BAR_WIDTH = 40  # characters
STEP = 1000  # rows between two looks of the progress bar


class Command(BaseCommand):
    help = "Import readers from a CSV or XLSX file: email, and if present name, state, consent_at, tags. Sends no mail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="COLUMN=FIELD",
            dest="mapped",
            help=f"Say which field a column is: {', '.join(COLUMNS)}.",
        )
        parser.add_argument(
            "--ignore", action="append", default=[], metavar="COLUMN", help="Leave a column out, by its name."
        )
        parser.add_argument(
            "--keep",
            action="append",
            default=[],
            metavar="COLUMN",
            help="Keep a column to be read: each cell stands in a note about its reader.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Say what would happen, and write nothing.")

    @no_translations  # an operator's tool speaks one language, in all its parts
    def handle(self, *args: Any, file: Path, dry_run: bool, **options: Any) -> None:
        self.shown, self.choices = 0, _choices(options["mapped"], options["keep"], options["ignore"])
        try:
            with _table(file) as table:
                summary = self._import(table, merging.rehearse if dry_run else merging.merge)
        except (OSError, FileError) as error:
            raise CommandError(str(error)) from error
        if summary.rejected > self.shown:
            self.stderr.write(f"… and {summary.rejected - self.shown} more rows were rejected.")
        self.stdout.write(json.dumps(summary.counts()))

    def _import(self, file: Path, take: Callable[..., merging.Summary]) -> merging.Summary:
        with csv_file.opened(file, self.choices) as table:
            self._report(table)
            return take(self._with_progress(table, file.stat().st_size), timezone.now(), self._rejected)

    def _report(self, table: csv_file.Table) -> None:
        columns = table.columns
        self.stderr.write(f"Read as: {columns.program.name or 'a table by hand'}; {table.written}")
        used = ", ".join(f"{name} → {meant}" for name, meant in columns.used.items())
        self.stderr.write(f"Columns used: {used or 'the first, as email'}")
        if columns.unused:
            self.stderr.write(f"Columns not used: {', '.join(columns.unused)}")

    def _rejected(self, line: int, reason: str) -> None:
        if self.shown < REASONS_SHOWN:
            self.shown += 1
            self.stderr.write(f"Line {line}: {reason}")

    def _with_progress(self, table: csv_file.Table, size: int) -> Any:
        is_watched = self.stderr.isatty()
        for count, row in enumerate(table.rows(), start=1):
            yield row
            if is_watched and count % STEP == 0:
                self._draw(count, table.bytes_read() / (size or 1))
        if is_watched:
            self._draw(count if size else 0, 1.0)
            self.stderr.write("")

    def _draw(self, count: int, share: float) -> None:
        full = int(BAR_WIDTH * share)
        self.stderr.write(f"\r{'█' * full}{'░' * (BAR_WIDTH - full)} {count:,}", ending="")
        self.stderr.flush()


@contextmanager
def _table(file: Path) -> Iterator[Path]:
    """Yield a file of a table; a workbook is written as one for as long as it is read."""
    with file.open("rb") as octets:
        if not sheets.is_workbook(octets):
            yield file
            return
        with NamedTemporaryFile(suffix=".csv") as written:
            written.writelines(sheets.lines(octets))
            written.flush()
            yield Path(written.name)


def _choices(mapped: list[str], kept: list[str], ignored: list[str]) -> Choices:
    return Choices(_pairs(mapped) | dict.fromkeys(kept, KEPT), ignored)


def _pairs(typed: list[str]) -> dict[str, str]:
    """Return the field of each column; an equals sign may stand in the column's name too."""
    pairs = {}
    for text in typed:
        name, sign, meant = text.rpartition("=")
        if not sign:
            raise CommandError(f"--map wants COLUMN=FIELD, got {text!r}")
        pairs[name] = meant
    return pairs
