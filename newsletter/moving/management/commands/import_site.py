from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from newsletter.moving.folder.layout import FolderError, is_folder_of_posts
from newsletter.moving.taking import site
from newsletter.operation import preparing, programs
from newsletter.operation.backup import databases
from newsletter.operation.supervisor import AlreadyInUse


class Command(BaseCommand):
    help = "Make an equal site of an export, in an empty installation that is stopped; or take in a folder of posts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="DIR", help="a folder of export_site, or of convert")

    def handle(self, *args: Any, path: Path, **options: Any) -> None:
        preparing.make_folders()
        if is_folder_of_posts(path):
            preparing.migrate_database()
            call_command("import_posts", path, stdout=self.stdout, stderr=self.stderr)
        else:
            self._make_site(path)

    def _make_site(self, path: Path) -> None:
        try:
            with programs.hold_locks(programs.ALL_PROGRAMS, programs.LockInfo.for_this_process()):
                _refuse_other_users()
                preparing.migrate_database()
                found = site.import_site(path.absolute(), timezone.now())
        except AlreadyInUse as holder:
            raise CommandError(
                f"Nothing was brought in: the newsletter is running ({holder}). Stop it first."
            ) from None
        except (FolderError, OSError, site.ImportRefused) as error:
            raise CommandError(f"Nothing was brought in: {error}") from error
        self.stdout.write("\n".join(_summary_lines(found)))


def _refuse_other_users() -> None:
    if others := databases.current_engine().other_connections():
        what = f"the database is in use by {', '.join(others)}"
        raise site.ImportRefused(f"{what}: stop web server, workers and clock")


def _summary_lines(found: site.ImportedSite) -> list[str]:
    """Counts, and the operator's next steps."""
    counts = ", ".join(f"{number:,} {word}" for word, number in found.counts.items())
    lines = [f"Brought in the export of {found.exported_at:%Y-%m-%d %H:%M} UTC: {counts}, {found.pictures:,} pictures."]
    if found.unsent:
        lines.append(f"{found.unsent:,} mails to single readers were due there. They are not sent from here.")
    if found.has_secret is None:
        lines.append("Links in old mails open nothing: add the old SECRET_KEY to SECRET_KEY_FALLBACKS.")
    elif not found.has_secret:
        lines.append("SECRET_KEY is set to another one than that of the export: links in old mails open nothing.")
        lines.append("Add the one in keys/secret_key of the export to SECRET_KEY_FALLBACKS.")
    lines.append("Nobody has a password yet: manage.py author_link prints a link for the author, --user NAME others.")
    lines.append(f"No issue is sent until you have decided at {settings.SITE_URL}/admin/restored/.")
    return lines
