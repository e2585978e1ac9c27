"""Bring readers from a CSV file."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import batched
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, no_translations
from django.utils import timezone

from subscribers.exporting import line as csv_line
from subscribers.importers import csv_file, merging
from subscribers.importers.columns import COLUMNS, KEPT, Choices
from subscribers.importers.csv_file import FileError, RefusedLines
from subscribers.importers.merging import BATCH, Summary

REASONS_SHOWN = 20
BAR_WIDTH = 40  # characters


class Command(BaseCommand):
    help = "Import readers from a CSV or XLSX file: email, and if present name, state, consent_at, tags. Sends no mail."
    requires_system_checks = []  # they load every page, 4 MB; migrate and `up` have asked them

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
        parser.add_argument(
            "--rejected",
            type=Path,
            metavar="FILE",
            help="Write the lines that are refused here, as CSV with the reason behind each; mend and import them.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Say what would happen, and write nothing.")

    @no_translations  # an operator's tool speaks one language, in all its parts
    def handle(self, *args: Any, file: Path, dry_run: bool, rejected: Path | None, **options: Any) -> None:
        self.shown, self.choices = 0, _choices(options["mapped"], options["keep"], options["ignore"])
        self.take = merging.rehearse if dry_run else merging.merge
        try:
            with ExitStack() as stack:
                path = stack.enter_context(_table(file))
                table = stack.enter_context(csv_file.opened(path, self.choices))
                refused = stack.enter_context(_refused(rejected, file)) if rejected else None
                self._report(table)
                summary = self._import(table, path.stat().st_size, refused)
        except (OSError, FileError) as error:
            raise CommandError(str(error)) from error
        if summary.rejected > self.shown:
            self.stderr.write(f"… and {summary.rejected - self.shown} more rows were rejected.")
        self.stdout.write(json.dumps(summary.counts()))

    def _import(self, table: csv_file.Table, size: int, refused: TextIO | None) -> Summary:
        summary, now, kept = Summary(), timezone.now(), RefusedLines(table.names)
        if refused:
            refused.write(csv_line(kept.heading))
        for some in batched(table.rows_and_cells(), BATCH, strict=False):
            reasons: list[tuple[int, str]] = []
            # B023: whoever gets the reasons has called before the next turn.
            summary.add(self.take([row for row, _cells in some], now, lambda *reason: reasons.append(reason)))  # noqa: B023
            self._tell(reasons)
            if refused and reasons:
                cells_of = {row.line: cells for row, cells in some}
                refused.writelines(csv_line(kept.line(cells_of[number], why)) for number, why in reasons)
            self._draw(summary.rows, table.bytes_read() / (size or 1))
        if self.stderr.isatty():
            self.stderr.write("")
        return summary

    def _report(self, table: csv_file.Table) -> None:
        columns = table.columns
        self.stderr.write(f"Read as: {columns.program.name or 'a table by hand'}; {table.written}")
        used = ", ".join(f"{name} → {meant}" for name, meant in columns.used.items())
        self.stderr.write(f"Columns used: {used or 'the first, as email'}")
        if columns.unused:
            self.stderr.write(f"Columns not used: {', '.join(columns.unused)}")

    def _tell(self, reasons: list[tuple[int, str]]) -> None:
        for number, reason in reasons[: REASONS_SHOWN - self.shown]:
            self.shown += 1
            self.stderr.write(f"Line {number}: {reason}")

    def _draw(self, count: int, share: float) -> None:
        if self.stderr.isatty():
            full = int(BAR_WIDTH * share)
            self.stderr.write(f"\r{'█' * full}{'░' * (BAR_WIDTH - full)} {count:,}", ending="")
            self.stderr.flush()


@contextmanager
def _table(file: Path) -> Iterator[Path]:
    """Yield a file of a table; a workbook is written as one for as long as it is read."""
    with file.open("rb") as octets:
        if not csv_file.is_workbook(octets):
            yield file
            return
        with NamedTemporaryFile(suffix=".csv") as written:
            written.writelines(csv_file.lines(octets))
            written.flush()
            yield Path(written.name)


@contextmanager
def _refused(path: Path, given: Path) -> Iterator[TextIO]:
    """Yield the file for refused lines; the mark in front lets Excel read the Chinese."""
    if path.exists() and path.samefile(given):
        raise CommandError("The file of rejected lines would be written over the file that is imported.")
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        yield file


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
