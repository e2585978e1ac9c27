from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from newsletter.operation.backup import restoring
from newsletter.operation.backup.stores import open_backup, without_credentials


class Command(BaseCommand):
    help = "Try a backup: load it beside the product, compare the rows, start a web server on it and look at its pages."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", metavar="PATH", help="a file, or s3://KEY:SECRET@HOST/BUCKET/NAME")
        parser.add_argument(
            "--identity", type=Path, metavar="FILE", help="age identity (secret key) file, for an encrypted backup"
        )

    def handle(self, *args: Any, path: str, identity: Path | None, **options: Any) -> None:
        name = without_credentials(path)
        try:
            with open_backup(path) as file:
                tried = restoring.drill(file, identity=identity)
        except restoring.BACKUP_ERRORS as error:
            if restoring.is_untried(error):
                raise CommandError(f"{name} could not be tried here: {error}") from error
            raise CommandError(f"{name} would not bring the newsletter back: {error}") from error
        self.stdout.write(
            f"{name} would bring the newsletter back: {tried.rows:,} rows, {tried.files:,} files, "
            f"{len(restoring.PAGES_CHECKED)} pages looked at, {tried.seconds:.0f} s"
        )
