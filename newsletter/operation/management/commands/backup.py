from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from newsletter.operation.backup import making
from newsletter.operation.backup.dumps import Unusable
from newsletter.operation.backup.sealing import Sealed


class Command(BaseCommand):
    help = "Write database, pictures, keys and departures into one file, while everything runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="NAME.tar, or NAME.tar.age if encrypted")

    def handle(self, *args: Any, path: Path, **options: Any) -> None:
        try:
            made = making.make(path, timezone.now())
        except (OSError, Sealed, Unusable) as error:
            raise CommandError(f"No backup was made: {error}") from error
        size, rows = filesizeformat(made.octets), sum(made.rows.values())
        self.stdout.write(f"{made.path}: {size}, {rows:,} rows, {made.seconds:.0f} s")
