from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from newsletter.operation import picture_copy
from newsletter.publication.pictures.storages import BucketMedia, FolderMedia


class Command(BaseCommand):
    help = (
        "Copies the pictures from DATA_DIR/media into the bucket of MEDIA_STORAGE_URL, or back. "
        "Nothing is removed. Killed or run again, it copies what is missing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--back", action="store_true", help="from the bucket to DATA_DIR/media")

    def handle(self, *args: Any, back: bool, **options: Any) -> None:
        if not settings.MEDIA_STORAGE_URL:
            raise CommandError("MEDIA_STORAGE_URL names no bucket: s3://KEY:SECRET@HOST/BUCKET?region=REGION")
        files, bucket = FolderMedia(), BucketMedia(settings.MEDIA_STORAGE_URL)
        try:
            source, target = (bucket, files) if back else (files, bucket)
            copied = picture_copy.copy_pictures(source, target, self._say)
        except OSError as error:
            raise CommandError(f"Not all were copied: {error}. Run it again: what is there stays.") from error
        where = settings.MEDIA_ROOT if back else bucket
        self.stdout.write(f"{copied.new:,} pictures were copied; all {copied.total:,} are in {where}.")

    def _say(self, done: int, total: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"{done:,} of {total:,}", ending="\r")
