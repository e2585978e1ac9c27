"""What posts and pictures wait for in the background."""

import time

from celery import shared_task
from django.utils import timezone

from newsletter.posts.models import Image, Revision

TURN_SECONDS = 30  # of a worker that has mails to send too; beat starts the next turn


@shared_task(ignore_result=True)
def finish_pictures() -> None:
    """Make the sizes that take long, of pictures from before there were sizes too."""
    ends_at = time.monotonic() + TURN_SECONDS
    for image in Image.objects.unfinished().iterator(chunk_size=20):
        image.finish(timezone.now())
        if time.monotonic() > ends_at:
            return


@shared_task(ignore_result=True)
def thin_versions() -> None:
    """Delete the versions of texts that their age has made too many."""
    ends_at, now = time.monotonic() + TURN_SECONDS, timezone.now()
    for post in Revision.objects.due(now):
        Revision.objects.thin(post, now)
        if time.monotonic() > ends_at:
            return
