"""Make missing picture sizes now, without waiting for the background task."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from django.utils import timezone

from newsletter.buckets import PicturesUnavailable
from newsletter.posts.models import Image


class Command(BaseCommand):
    help = (
        "Makes the sizes and forms (WebP, AVIF) that pictures lack. Sizes that exist stay as they are. "
        "A picture that could not be read before is tried again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        lacking = Image.objects.filter(Q(finished_at=None) | Q(sizes={})).exclude(name__endswith=".gif")
        total, lost = lacking.count(), 0
        for done, image in enumerate(lacking.iterator(chunk_size=20), start=1):
            if not self._finish(image):
                lost += 1
                self.stderr.write(f"{image.get_absolute_url()} cannot be read")
            self.stdout.write(f"{done} of {total}", ending="\r")
        self.stdout.write(f"{total - lost} pictures have all their sizes now; {lost} cannot be read.")

    def _finish(self, image: Image) -> bool:
        try:
            return image.finish(timezone.now())
        except PicturesUnavailable as error:
            raise CommandError(f"{error}. Run it again when it answers: what is made stays.") from error
