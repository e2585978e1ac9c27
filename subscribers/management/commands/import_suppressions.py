"""Suppress the addresses of another program's list."""

from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import no_translations

from subscribers.importers import suppressions
from subscribers.management.import_command import ImportCommand


class Command(ImportCommand):
    help = "Import addresses that must not be mailed: a CSV file of another program, or one address a line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--reason",
            choices=["bounced", "complained", "manual"],
            default="manual",
            help="Why, where the file does not say: manual, unless given.",
        )

    @no_translations  # an operator's tool speaks one language, in all its parts
    def handle(self, *args: Any, file: Path, reason: str, dry_run: bool, rejected: Path | None, **options: Any) -> None:
        write = partial(suppressions.suppress, dry_run=dry_run)
        self.run(file, write, suppressions.COUNT_NAMES, rejected=rejected, reason=reason)
