"""Import posts from another program: convert its export, then import the resulting folder."""

import json
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import tzinfo
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from newsletter.buckets import PicturesUnavailable
from newsletter.issues import archiving
from newsletter.issues.archiving import NumberingError, PastMail
from newsletter.moving import converter_process
from newsletter.moving.folder.layout import FolderError, is_folder_of_posts
from newsletter.moving.taking import posts
from newsletter.moving.taking.linking import GHOST_URL_PLACEHOLDER
from newsletter.moving.taking.posts import MoveResult
from newsletter.moving.taking.report import MoveReport, PostReport, render_html, translated
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
        with _post_folder(path, self, options) as folder:
            try:
                made = posts.take(folder, dry_run=dry_run, report=partial(_print_post_report, self, count(1)))
            except FolderError as error:
                raise CommandError(f"{path}: {error}") from error
            except PicturesUnavailable as error:
                hint = _("%s. Run this again once it responds; imported posts are kept.")
                raise CommandError(hint % error) from error
        if not made.report.entries:
            raise CommandError(_("No post in %s") % path)
        _note_missing_site(made.report)
        if options["as_issues"]:
            self._archive(made, dry_run=dry_run)
        if options["report"]:
            options["report"].with_suffix(".html").write_text(render_html(made.report), "utf-8")
        self._print_summary(made)

    def _archive(self, made: MoveResult, *, dry_run: bool) -> None:
        now = timezone.now()
        mailings = made.mailings_by_source.items()
        mailed = {own: PastMail(own, one.subject, one.at, one.preheader) for own, one in mailings}
        ready, closed = archiving.importable_mails(mailed, now, made.published_sources(now) if dry_run else None)
        past = archiving.assign_numbers(ready, archiving.numbers_in_use())
        try:
            count = len(past) if dry_run else archiving.archive_mails(past, now)
        except NumberingError as error:
            raise CommandError(_("No issue was made: %s. Run it again.") % translated(str(error))) from error
        for one in past:
            facts = {"number": one.number, "day": f"{timezone.localtime(one.at):%Y-%m-%d}", "subject": one.subject}
            self.stdout.write(_("issue %(number)d: %(day)s %(subject)s") % facts)
        made.report.issues = count
        made.report.notes += [_("%s: mailed once, and no issue: its post is a draft") % own for own in closed]

    def _print_summary(self, made: MoveResult) -> None:
        report, lines = made.report, [*made.report.notes]
        if not report.is_dry_run and (waits := Image.objects.unfinished().count()):
            message = _("Pictures resized in the background: %d. make_picture_sizes does it at once.")
            self.stderr.write(message % waits)
        lines += [_("Links between posts that lead to the new place: %d") % report.links] if report.links else []
        lines += [_("Issues of the archive: %d. Nothing was mailed.") % report.issues] if report.issues else []
        lines += [_("A dry run: nothing was changed.")] if report.is_dry_run else []
        self.stdout.write("\n".join([*lines, json.dumps(report.summary())]))


def add_options_of_conversion(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--pictures", type=Path, action="append", default=[], metavar="DIR", help="a folder that has the pictures"
    )
    parser.add_argument("--fetch", action="store_true", help="ask the web for pictures that are nowhere else")
    parser.add_argument("--site", default="", metavar="URL", help="where the posts were read until now")


def convert(path: Path, folder: Path, command: BaseCommand, options: dict[str, Any]) -> None:
    """Write an export as a folder of posts; on a terminal, say how many are done. Raises CommandError."""
    if missing := [one for one in options["pictures"] if not one.is_dir()]:
        raise CommandError(_("%s is no folder") % missing[0])
    if not path.exists():
        raise CommandError(_("%s does not exist") % path)
    given = {"site_url": options["site"], "picture_folders": options["pictures"], "fetch": options["fetch"]}
    given |= {"zone": _zone(), "progress": partial(_progress, command)}
    try:
        converter_process.run_converter(path, folder, **given)
    except converter_process.ConversionError as error:
        raise CommandError(f"{path}: {translated(str(error))}") from error


def _zone() -> tzinfo:
    """That of the publication, or the default one: an export can be converted where no newsletter is."""
    has_tables = Publication._meta.db_table in connection.introspection.table_names()
    return Publication.objects.current().zone if has_tables else timezone.get_default_timezone()


def _progress(command: BaseCommand, done: int, of: int | None = None) -> None:
    if command.stderr.isatty():
        command.stderr.write(f"{done:,} / {of:,}" if of else f"{done:,}", ending="\r")


@contextmanager
def _post_folder(path: Path, command: BaseCommand, options: dict[str, Any]) -> Iterator[Path]:
    """Yield `path` if it is a folder of posts, else a temporary folder in DATA_DIR: it is as large as the export."""
    if is_folder_of_posts(path):
        if any(options[name] for name in ("site", "pictures", "fetch")):
            command.stderr.write(_("This is a folder of posts already: --site, --pictures and --fetch change nothing."))
        yield path
        return
    imports = settings.DATA_DIR / "imports"
    imports.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=imports) as own:
        convert(path, Path(own, "posts"), command, options)
        yield Path(own, "posts")


def _note_missing_site(account: MoveReport) -> None:
    """Note pictures whose URLs still contain Ghost's placeholder for the site."""
    details = (remark.detail for entry in account.entries for remark in entry.remarks)
    if count := sum(GHOST_URL_PLACEHOLDER in detail for detail in details):
        note = _(
            "Ghost's file does not say where the site was: %(count)d pictures stay at %(address)s, which no browser "
            "opens. Run it again with --site URL."
        )
        account.notes.append(note % {"count": count, "address": GHOST_URL_PLACEHOLDER})


def _print_post_report(command: BaseCommand, numbers: Iterator[int], entry: PostReport) -> None:
    """Print the outcome of a post and its remarks, unless it is unchanged."""
    _progress(command, next(numbers))
    if entry.outcome == "rejected":
        command.stdout.write(rejection_text(entry.name, entry.reason))
    elif entry.outcome != "unchanged":
        message = _("%s: created") if entry.outcome == "created" else _("%s: updated")
        reasons = map(translated, (*entry.unexplained, *map(str, entry.remarks)))
        command.stdout.write("; ".join([message % entry.name, *reasons]))


def rejection_text(name: str, reason: str) -> str:
    return _("%(name)s: rejected: %(why)s") % {"name": name, "why": translated(reason)}
