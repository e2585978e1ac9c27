from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from newsletter.moving.folder import exporting


class Command(BaseCommand):
    help = "Write everything as Markdown, pictures, letters and tables into a new folder, while everything runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="DIR", help="a new folder")
        keys = "with the secret of links in old mails and the keys that sign mails: for a move into a new installation"
        parser.add_argument("--with-keys", action="store_true", help=keys)

    def handle(self, *args: Any, path: Path, with_keys: bool, **options: Any) -> None:
        try:
            found = exporting.export(path.absolute(), timezone.now(), with_keys=with_keys)
        except OSError as error:
            raise CommandError(f"Nothing was exported: {error}") from error
        counts = ", ".join(f"{number:,} {word}" for word, number in found.counts.items())
        self.stdout.write(f"{found.path}: {counts}; {found.files:,} files, {filesizeformat(found.octets)}")
        if not with_keys:
            self.stdout.write("Without keys: links in old mails open at a new house only if it gets this SECRET_KEY.")
