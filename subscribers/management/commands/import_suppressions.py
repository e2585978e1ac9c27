"""Suppress the addresses of another program's list."""

from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from subscribers.importers import suppressions
from subscribers.management.import_command import ImportCommand


class Command(ImportCommand):
    help = "Import addresses that must not be mailed: a CSV file of another program, or one address a line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        reasons, text = ("bounced", "complained", "manual"), "Why, where the file does not say: manual, unless given."
        parser.add_argument("--reason", choices=reasons, default="manual", help=text)

    def handle(self, *args: Any, file: Path, reason: str, dry_run: bool, rejected: Path | None, **options: Any) -> None:
        write = partial(suppressions.suppress, dry_run=dry_run)
        self.run(file, write, suppressions.COUNTED, rejected=rejected, reason=reason)
