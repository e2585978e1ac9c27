"""Base command of the imports of readers and of suppression lists."""

import json
import zipfile
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TextIO

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from subscribers.importers import csv_file
from subscribers.importers.columns import NO_CHOICES
from subscribers.importers.csv_file import Table, TableError, WriteRows, chunks
from subscribers.importers.packed import csv_pieces

REASONS_SHOWN = 20


class ImportCommand(BaseCommand):
    requires_system_checks = []  # they load every page (4 MB); `migrate` and `up` have run them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        rejected = "Write the lines that are refused here, as CSV with the reason behind each; mend and import them."
        parser.add_argument("--rejected", type=Path, metavar="FILE", help=rejected)
        parser.add_argument("--dry-run", action="store_true", help="Say what would happen, and write nothing.")

    def run(
        self,
        file: Path,
        write: WriteRows,
        counted: Sequence[str],
        *,
        rejected: Path | None,
        choices: Mapping[str, str] = NO_CHOICES,
        reason: str = "",
    ) -> None:
        """Read a file by chunks; print the counts named in `counted`. reason: the default of a suppression list."""
        refused = _refused(rejected, file) if rejected else nullcontext()
        try:
            with _table(file) as path, csv_file.open_table(path, choices, reason=reason) as table, refused as lines:
                self._describe(table)
                counts = self._import(table, write, path.stat().st_size or 1, lines)
        except (OSError, TableError) as error:
            raise CommandError(str(error)) from error
        if (more := counts["rejected"] - REASONS_SHOWN) > 0:
            self.stderr.write(_("… and %d more rows were rejected.") % more)
        self.stdout.write(json.dumps({name: counts[name] for name in counted}))

    def _describe(self, table: Table) -> None:
        columns = table.columns
        source = columns.export_format.name or _("a table by hand")
        self.stderr.write(_("Read as: %(source)s; %(format)s") % {"source": source, "format": table.format_text})
        used = ", ".join(f"{name} → {target}" for name, target in columns.used.items())
        self.stderr.write(_("Columns used: %s") % (used or _("there is no heading")))
        if columns.unused:
            self.stderr.write(_("Columns not used: %s") % ", ".join(columns.unused))

    def _import(self, table: Table, write: WriteRows, size: int, refused: TextIO | None) -> Counter[str]:
        now, counts = timezone.now(), Counter[str]()
        if refused:
            refused.write(table.refused_heading())
        for write_chunk in chunks(table, write):
            chunk = write_chunk(now)
            for line, why in chunk.problems[: max(0, REASONS_SHOWN - counts["rejected"])]:
                self.stderr.write(_("Line %(line)d: %(why)s") % {"line": line, "why": why})
            counts += chunk.counts
            if refused:
                refused.writelines(chunk.refused)
            if self.stderr.isatty():
                end = "\n" if chunk.is_last else ""
                self.stderr.write(f"\r{chunk.position / size:.0%}, {counts['rows']:,} rows", ending=end)
        return counts


@contextmanager
def _table(file: Path) -> Iterator[Path]:
    """Yield the file itself, or a temporary CSV of a packed one."""
    with file.open("rb") as octets, NamedTemporaryFile(suffix=".csv") as written:
        if zipfile.is_zipfile(octets):
            written.writelines(csv_pieces(octets))
            written.flush()
            file = Path(written.name)
        yield file


@contextmanager
def _refused(path: Path, given: Path) -> Iterator[TextIO]:
    """Yield the file for refused lines; the mark in front lets Excel read the Chinese."""
    if path.exists() and path.samefile(given):
        raise CommandError(_("The file of rejected lines would be written over the file that is imported."))
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        yield file
