"""Make the sizes of pictures that were uploaded before there were sizes, now and not by and by."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Q
from django.utils import timezone

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
            if not image.finish(timezone.now()):
                lost += 1
                self.stderr.write(f"{image.get_absolute_url()} cannot be read")
            self.stdout.write(f"{done} of {total}", ending="\r")
        self.stdout.write(f"{total - lost} pictures have all their sizes now; {lost} cannot be read.")
