"""Bring readers from a CSV file."""

from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from subscribers.importers import merging
from subscribers.importers.columns import COLUMN_NAMES, IGNORED_FIELD, KEPT
from subscribers.management.import_command import ImportCommand


class Command(ImportCommand):
    help = "Import readers from a CSV or XLSX file: email, and if present name, state, consent_at, tags. Sends no mail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        for name, metavar, text in (
            ("map", "COLUMN=FIELD", f"Say which field a column is: {', '.join(COLUMN_NAMES)}."),
            ("ignore", "COLUMN", "Leave a column out, by its name."),
            ("keep", "COLUMN", "Keep a column to be read: each cell stands in a note about its reader."),
        ):
            parser.add_argument(f"--{name}", action="append", default=[], metavar=metavar, help=text)

    def handle(self, *args: Any, file: Path, dry_run: bool, rejected: Path | None, **options: Any) -> None:
        choices = _pairs(options["map"]) | dict.fromkeys(options["keep"], KEPT)
        choices |= dict.fromkeys(options["ignore"], IGNORED_FIELD)
        write = partial(merging.merge, dry_run=dry_run)
        self.run(file, write, merging.COUNTED, rejected=rejected, choices=choices)


def _pairs(typed: list[str]) -> dict[str, str]:
    """The field of each column; an equals sign may stand in the column's name too."""
    pairs = {}
    for text in typed:
        name, sign, field = text.rpartition("=")
        if not sign:
            raise CommandError(f"--map wants COLUMN=FIELD, got {text!r}")
        pairs[name] = field
    return pairs
