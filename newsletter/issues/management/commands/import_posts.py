"""Move posts in from another program."""

import json
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from newsletter.posts.importers.account import Entry
from newsletter.posts.importers.detecting import detected
from newsletter.posts.importers.imported import Rejected
from newsletter.posts.importers.moving import Move, Source, move
from newsletter.posts.importers.pictures.finding import Finder, FolderFinder
from newsletter.publication.models import Publication


class Command(BaseCommand):
    help = (
        "Move posts in: an export of Ghost, Substack, WordPress, Medium or Buttondown, or a folder of Markdown. "
        "A second run changes what has changed there. The last line is a JSON summary; docs/moving.md says more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
        parser.add_argument(
            "--pictures", type=Path, action="append", default=[], metavar="DIR", help="a folder that has the pictures"
        )
        parser.add_argument("--site", default="", metavar="URL", help="where the posts were read until now")

    def handle(self, *args: Any, path: Path, dry_run: bool, **options: Any) -> None:
        source = self._source(path, options["site"])
        try:
            made = move(source, _finders(options), dry_run=dry_run, report=partial(_report, self))
        except Rejected as error:
            raise CommandError(f"{path}: {error}") from error
        if not made.account.entries:
            raise CommandError(f"No post in {path}")
        self._conclude(made)

    def _source(self, path: Path, site: str) -> Source:
        try:
            return detected(path, Publication.objects.current().zone, site)
        except Rejected as error:
            raise CommandError(str(error)) from error

    def _conclude(self, made: Move) -> None:
        for note in made.account.notes:
            self.stdout.write(note)
        if made.account.links:
            self.stdout.write(f"Links between posts that lead to the new place: {made.account.links}")
        if made.account.is_dry_run:
            self.stdout.write("Nothing was changed: this was a dry run.")
        self.stdout.write(json.dumps(made.account.summary()))


def _finders(options: dict[str, Any]) -> list[Finder]:
    for folder in options["pictures"]:
        if not folder.is_dir():
            raise CommandError(f"{folder} is no folder")
    return [FolderFinder(folder) for folder in options["pictures"]]


def _report(command: BaseCommand, entry: Entry) -> None:
    """Write a line for each post that is new or changed, and why it is not as it was."""
    if entry.outcome == "rejected":
        command.stdout.write(f"{entry.name}: rejected: {entry.reason}")
    elif entry.outcome != "unchanged":
        reasons = [*map(str, entry.remarks), *entry.unnamed]
        command.stdout.write("; ".join([f"{entry.name}: {entry.outcome}", *reasons]))
