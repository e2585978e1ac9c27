"""Write all readers to a CSV file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from subscribers.exporting import csv_lines
from subscribers.models import Subscriber


class Command(BaseCommand):
    help = "Export all readers to a CSV file that import_subscribers reads."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            file.touch(mode=0o600)  # addresses are nobody else's business
            with file.open("w", encoding="utf-8", newline="") as target:
                target.writelines(csv_lines(Subscriber.objects.all()))
        except OSError as error:
            raise CommandError(str(error)) from error
        self.stderr.write(f"Wrote {Subscriber.objects.count():,} readers to {file}")
