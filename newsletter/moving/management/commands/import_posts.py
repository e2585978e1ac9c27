"""Move posts in from another program: convert its export, and take the folder in."""

import json
import shutil
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from newsletter.buckets import PicturesUnavailable
from newsletter.issues.archiving import (
    NumberingError,
    PastMail,
    archive_mails,
    importable_mails,
    numbers_in_use,
    with_numbers,
)
from newsletter.moving import converting
from newsletter.moving.folder.layout import Damaged, is_folder_of_posts
from newsletter.moving.taking import posts
from newsletter.moving.taking.account import Entry, MoveReport, as_page
from newsletter.moving.taking.linking import GHOST_URL
from newsletter.moving.taking.posts import MoveResult
from newsletter.posts.models import Image
from newsletter.publication.models import Publication


class Command(BaseCommand):
    help = (
        "Move posts in: an export of Ghost, Substack, WordPress, Medium or Buttondown, or a folder of Markdown. "
        "A second run changes what has changed there. The last line is a JSON summary; docs/moving.md says more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="an export, or a folder that `convert` has written")
        add_options_of_conversion(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
        parser.add_argument(
            "--as-issues", action="store_true", help="make issues of the archive of what was mailed; nothing is mailed"
        )
        parser.add_argument("--report", type=Path, metavar="FILE", help="write the account as a page (.html)")

    def handle(self, *args: Any, path: Path, dry_run: bool, **options: Any) -> None:
        with _folder(path, self, options) as folder:
            try:
                made = posts.take(folder, dry_run=dry_run, report=partial(_report, self, count(1)))
            except Damaged as error:
                raise CommandError(f"{path}: {error}") from error
            except PicturesUnavailable as error:
                raise CommandError(f"{error}. Run it again when it answers: what is here stays.") from error
        if not made.account.entries:
            raise CommandError(f"No post in {path}")
        _ask_for_site(made.account)
        if options["as_issues"]:
            self._archive(made, dry_run=dry_run)
        if options["report"]:
            options["report"].with_suffix(".html").write_text(as_page(made.account), "utf-8")
        self._conclude(made)

    def _archive(self, made: MoveResult, *, dry_run: bool) -> None:
        """Make issues of what was mailed."""
        now = timezone.now()
        mailed = {own: PastMail(own, one.subject, one.at, one.preheader) for own, one in made.mailed.items()}
        ready, closed = importable_mails(mailed, now, made.public(now) if dry_run else None)
        past = with_numbers(ready, numbers_in_use())
        try:
            count = len(past) if dry_run else archive_mails(past, now)
        except NumberingError as error:
            raise CommandError(f"No issue was made: {error}. Run it again.") from error
        for one in past:
            self.stdout.write(f"issue {one.number}: {timezone.localtime(one.at):%Y-%m-%d} {one.subject}")
        made.account.issues = count
        made.account.notes += [f"{own}: mailed once, and no issue: its post is a draft" for own in closed]

    def _conclude(self, made: MoveResult) -> None:
        for note in made.account.notes:
            self.stdout.write(note)
        if not made.account.is_dry_run and (waits := Image.objects.unfinished().count()):
            self.stderr.write(f"{waits:,} pictures get their sizes by and by, or at once by make_picture_sizes.")
        if made.account.links:
            self.stdout.write(f"Links between posts that lead to the new place: {made.account.links}")
        if made.account.issues:
            self.stdout.write(f"Issues of the archive: {made.account.issues}. Nothing was mailed.")
        if made.account.is_dry_run:
            self.stdout.write("Nothing was changed: this was a dry run.")
        self.stdout.write(json.dumps(made.account.summary()))


def add_options_of_conversion(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--pictures", type=Path, action="append", default=[], metavar="DIR", help="a folder that has the pictures"
    )
    parser.add_argument("--fetch", action="store_true", help="ask the web for pictures that are nowhere else")
    parser.add_argument("--site", default="", metavar="URL", help="where the posts were read until now")


def convert(path: Path, folder: Path, command: BaseCommand, options: dict[str, Any]) -> None:
    """Write an export as a folder of posts; on a terminal, say how many are done. Raises CommandError."""
    for place in options["pictures"]:
        if not place.is_dir():
            raise CommandError(f"{place} is no folder")
    if not path.exists():
        raise CommandError(f"{path} does not exist")
    zone = Publication.objects.current().zone
    given = {name: options[name] for name in ("site", "pictures", "fetch")}
    try:
        converting.run_converter(path, folder, zone=zone, progress=partial(_progress, command), **given)
    except converting.ConversionError as error:
        raise CommandError(f"{path}: {error}") from error


def _progress(command: BaseCommand, done: int, of: int | None = None) -> None:
    if command.stderr.isatty():
        command.stderr.write(f"{done:,} of {of:,}" if of else f"{done:,}", ending="\r")


@contextmanager
def _folder(path: Path, command: BaseCommand, options: dict[str, Any]) -> Iterator[Path]:
    """Yield the folder of an export: itself if it is one, else one that is gone again afterwards.

    It lies on the disk of the data, for it is as large as the export; what a killed run has left there goes with the
    orphans of the desk.
    """
    if is_folder_of_posts(path):
        if any(options[name] for name in ("site", "pictures", "fetch")):
            command.stderr.write("This is a folder of posts already: --site, --pictures and --fetch change nothing.")
        yield path
        return
    place = settings.DATA_DIR / "imports"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = Path(tempfile.mkdtemp(dir=place))
    try:
        convert(path, own / "posts", command, options)
        yield own / "posts"
    finally:
        shutil.rmtree(own)


def _ask_for_site(account: MoveReport) -> None:
    """Note that pictures stay at an address that no browser opens: the export has a word in place of its site."""
    details = (remark.detail for entry in account.entries for remark in entry.remarks)
    if count := sum(GHOST_URL in detail for detail in details):
        account.notes.append(
            f"Ghost's file does not say where the site was: {count} pictures stay at {GHOST_URL}, which no browser "
            "opens. Run it again with --site URL."
        )


def _report(command: BaseCommand, numbers: Iterator[int], entry: Entry) -> None:
    """Write why a post is not as it was, if it is new or changed."""
    _progress(command, next(numbers))
    if entry.outcome == "rejected":
        command.stdout.write(f"{entry.name}: rejected: {entry.reason}")
    elif entry.outcome != "unchanged":
        reasons = [*entry.unnamed, *map(str, entry.remarks)]
        command.stdout.write("; ".join([f"{entry.name}: {entry.outcome}", *reasons]))
