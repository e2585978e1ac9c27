"""The Celery application. When something runs by itself stands in settings, not here."""

import os
from typing import Any

from celery import Celery, Task
from celery.signals import before_task_publish, import_modules, task_prerun
from kombu.transport import TRANSPORT_ALIASES

from newsletter.mail import logs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsletter.settings")

TRANSPORT_ALIASES["files"] = "newsletter.queue:Transport"  # the scheme of the embedded queue's URL

app = Celery("newsletter")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def load_tasks() -> None:
    """Load all tasks before this process is copied.

    In each copy Celery would set Django up again, and look for tasks again: that writes to 4 MB of what they share.
    """
    app.loader.import_default_modules()
    app.finalize()
    app.backend  # noqa: B018 - it looks through all packages for one that keeps results: 0.2 s before a hand's first task
    import_modules.receivers = []


@before_task_publish.connect
def _hand_on(headers: dict[str, Any], **_: Any) -> None:
    """Let the log of the work carry the number of the request that asks for it."""
    if number := logs.request_id.get():
        headers["request_id"] = number


@task_prerun.connect
def _take_up(task: "Task[Any, Any]", **_: Any) -> None:
    logs.request_id.set(task.request.get("request_id") or "")
