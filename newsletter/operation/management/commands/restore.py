from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from newsletter.operation import programs
from newsletter.operation.backup import restoring
from newsletter.operation.backup.stores import open_backup
from newsletter.operation.supervisor import AlreadyInUse


class Command(BaseCommand):
    help = "Bring an installation back from a backup. Nothing is sent until the author has decided on the desk."
    requires_system_checks = []  # they open the database, which may be damaged

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", metavar="PATH", help="a file, or s3://KEY:SECRET@HOST/BUCKET/NAME")
        parser.add_argument("--replace", action="store_true", help="move existing data aside; nothing is deleted")
        parser.add_argument(
            "--identity", type=Path, metavar="FILE", help="age identity (secret key) file, for an encrypted backup"
        )

    def handle(self, *args: Any, path: str, replace: bool, identity: Path | None, **options: Any) -> None:
        try:
            with (
                programs.hold_locks(programs.ALL_PROGRAMS, programs.LockInfo.for_this_process()),
                open_backup(path) as file,
            ):
                found = restoring.restore_backup(file, timezone.now(), identity=identity, replace=replace)
        except AlreadyInUse as holder:
            raise CommandError(f"Nothing was restored: the newsletter is running ({holder}). Stop it first.") from None
        except restoring.BACKUP_ERRORS as error:
            raise CommandError(f"Nothing was restored: {error}") from error
        lines = [f"Restored the backup of {found.made_at:%Y-%m-%d %H:%M} UTC: {sum(found.row_counts.values()):,} rows"]
        lines[0] += f", {found.file_count:,} files."
        if found.renamed_count:
            lines.append(f"{found.renamed_count:,} existing files were kept, renamed to before_restore_….")
        if not found.is_same_secret_key:
            lines.append("SECRET_KEY differs from the backup's, so links in mails already sent do not work.")
            lines.append("Add the key in the archive's secret_key file to SECRET_KEY_FALLBACKS.")
        lines.append("Readers are as of the backup: anyone who paused since then gets the next issue;")
        lines.append("anyone who signed up since then is missing.")
        lines.append(f"No issue is sent until you have decided at {settings.SITE_URL}/admin/restored/.")
        self.stdout.write("\n".join(lines))
