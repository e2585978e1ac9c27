"""What a picture waits for in the background."""

import time

from celery import shared_task
from django.utils import timezone

from newsletter.posts.models import Image

TURN_SECONDS = 30  # of a worker that has mails to send too; beat starts the next turn


@shared_task(ignore_result=True)
def finish_pictures() -> None:
    """Make the sizes that take long, of pictures from before there were sizes too."""
    ends_at = time.monotonic() + TURN_SECONDS
    for image in Image.objects.unfinished().iterator(chunk_size=20):
        image.finish(timezone.now())
        if time.monotonic() > ends_at:
            return
