"""Import posts from a folder of Markdown."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from newsletter.posts.importers import markdown_folder
from newsletter.posts.importers.drafts import take_all
from newsletter.publication.models import Publication

NOT_YET = {".json": "Ghost's JSON", ".zip": "Substack's zip"}


class Command(BaseCommand):
    help = (
        "Import a folder of Markdown files, or one file, as posts. Front matter may give title, date, tags, summary, "
        "words, cover and draft. A second import changes what has changed: the file wins. "
        "The last line is a JSON summary."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")

    def handle(self, *args: Any, path: Path, dry_run: bool, **options: Any) -> None:
        articles = list(markdown_folder.articles(_readable(path), Publication.objects.current().zone))
        if not articles:
            raise CommandError(f"No Markdown file (.md) in {path}")
        summary = take_all(articles, dry_run=dry_run, report=self.stdout.write)
        if dry_run:
            self.stdout.write("Nothing was changed: this was a dry run.")
        self.stdout.write(json.dumps(summary.as_dict()))


def _readable(path: Path) -> Path:
    suffix = path.suffix.lower()
    if not path.exists():
        raise CommandError(f"{path} does not exist")
    if path.is_dir() or suffix in markdown_folder.SUFFIXES:
        return path
    if suffix in NOT_YET:
        raise CommandError(f"{NOT_YET[suffix]} cannot be read yet: {path}. A folder of Markdown files can.")
    raise CommandError(f"{path} is neither a folder nor a Markdown file (.md)")
