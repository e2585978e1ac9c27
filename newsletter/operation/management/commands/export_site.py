import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat
from django.utils import timezone, translation

from newsletter.operation.site_export import exporting
from newsletter.operation.site_export.nightly import make_due
from newsletter.operation.site_export.progress import Line
from newsletter.publication.models import Publication


class Command(BaseCommand):
    help = "Write everything as Markdown, pictures, letters and tables into a new folder, while everything runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, nargs="?", metavar="DIR", help="a new folder")
        keys = "with the secret of links in old mails and the keys that sign mails: for a move into a new installation"
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--with-keys", action="store_true", help=keys)
        at_night = "the one that is due, into the folder EXPORT_URL"
        which.add_argument("--nightly", action="store_true", help=at_night)

    def handle(self, *args: Any, path: Path | None, nightly: bool, **options: Any) -> None:
        if (path is None) != nightly:
            raise CommandError(
                "Say into which folder: export_site DIR" if path is None else "--nightly takes no folder"
            )
        if path is None:
            self._at_night()
        else:
            self._now(path, with_keys=options["with_keys"])

    def _at_night(self) -> None:
        publication = Publication.objects.current()
        with translation.override(publication.language), timezone.override(publication.zone):
            row = make_due(timezone.now())
        self.stdout.write("No export is due." if row is None else str(row))
        if row and row.failure:
            raise CommandError(row.failure)

    def _now(self, path: Path, *, with_keys: bool) -> None:
        line, now = Line(sys.stderr), timezone.now()
        try:
            found = exporting.export(path.absolute(), now, with_keys=with_keys, line=line)
        except OSError as error:
            raise CommandError(f"Nothing was exported: {error}") from error
        finally:
            line.end()
        told = f"{found.files:,} files, {filesizeformat(found.octets)}"
        self.stdout.write(f"{found.path}: {_counted(found.counts)}; {told}")
        if not with_keys:
            self.stdout.write("Without keys: links in old mails open at a new house only if it gets this SECRET_KEY.")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {word}" for word, number in counts.items())
