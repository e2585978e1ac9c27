from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from newsletter.operation.ghost_export import exporting as for_ghost
from newsletter.operation.site_export import exporting


class Command(BaseCommand):
    help = "Write everything as Markdown, pictures, letters and tables into a new folder, while everything runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="DIR", help="a new folder")
        keys = "with the secret of links in old mails and the keys that sign mails: for a move into a new installation"
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--with-keys", action="store_true", help=keys)
        which.add_argument("--ghost", action="store_true", help="in place of it the three files that Ghost imports")

    def handle(self, *args: Any, path: Path, with_keys: bool, ghost: bool, **options: Any) -> None:
        try:
            if ghost:
                self._tell_ghost(for_ghost.export(path.absolute(), timezone.now()))
            else:
                self._tell(exporting.export(path.absolute(), timezone.now(), with_keys=with_keys))
        except OSError as error:
            raise CommandError(f"Nothing was exported: {error}") from error
        if not with_keys and not ghost:
            self.stdout.write("Without keys: links in old mails open at a new house only if it gets this SECRET_KEY.")

    def _tell(self, found: exporting.Exported) -> None:
        told = f"{found.files:,} files, {filesizeformat(found.octets)}"
        self.stdout.write(f"{found.path}: {_counted(found.counts)}; {told}")

    def _tell_ghost(self, found: for_ghost.Exported) -> None:
        self.stdout.write(f"{found.path}: {_counted(found.counts)}. README.txt says where each file goes.")
        for path in found.missing:
            self.stderr.write(f"Its file is gone: /media/{path}")
        for path in found.left_out:
            self.stderr.write(f"Ghost cannot lead on an address with a query: {path}")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {word}" for word, number in counts.items())
