"""Background tasks of posts and pictures."""

import time

from celery import shared_task
from django.utils import timezone

from newsletter.posts.models import Image, Revision

RUN_SECONDS = 30  # then the worker is free for mails; beat starts the next run


@shared_task(ignore_result=True)
def finish_pictures() -> None:
    ends_at = time.monotonic() + RUN_SECONDS
    for image in Image.objects.unfinished().iterator(chunk_size=20):
        image.finish(timezone.now())
        if time.monotonic() > ends_at:
            return


@shared_task(ignore_result=True)
def thin_versions() -> None:
    ends_at, now = time.monotonic() + RUN_SECONDS, timezone.now()
    for post in Revision.objects.due(now):
        Revision.objects.thin(post, now)
        if time.monotonic() > ends_at:
            return
