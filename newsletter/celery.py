"""The Celery application. The beat schedule is in settings."""

import os
from threading import Lock
from typing import Any, Self

from celery import Celery, Task
from celery.app.amqp import AMQP
from celery.contrib.django.task import DjangoTask
from celery.signals import before_task_publish, task_prerun
from kombu import Connection
from kombu.transport import TRANSPORT_ALIASES

from newsletter.mail import logs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsletter.settings")

TRANSPORT_ALIASES["files"] = "newsletter.embedded_queue:FolderTransport"  # the scheme of the embedded queue's URL

# Seconds between tries to reach the queue.
RETRY_INTERVALS: dict[str, Any] = {"interval_start": 1, "interval_step": 1, "interval_max": 5}

_lock = Lock()
_rerun_requested: dict[str, bool] = {}  # by name of each task that is running in this process


class CoalescingTask(DjangoTask):  # type: ignore[type-arg]  # it takes none when it runs
    """A task that runs once at a time in a process: calls that arrive meanwhile are merged into one rerun.

    Otherwise a task that waits for a lock or a server would soon occupy every thread of its worker. A call with
    arguments is never merged.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs:
            return super().__call__(*args, **kwargs)
        with _lock:
            if self.name in _rerun_requested:
                _rerun_requested[self.name] = True
                return None
            _rerun_requested[self.name] = False
        try:
            super().__call__()
            while self._take_rerun():
                super().__call__()
        finally:
            with _lock:
                _rerun_requested.pop(self.name, None)
        return None

    def _take_rerun(self) -> bool:
        with _lock:
            again = _rerun_requested[self.name]
            _rerun_requested[self.name] = False
            if not again:
                del _rerun_requested[self.name]  # the next call starts a new run
        return again


class QueueConnection(Connection):
    """Kombu's, but after an outage of Redis it retries within RETRY_INTERVALS, not only every half minute."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Self:
        return super().ensure_connection(*args, **(RETRY_INTERVALS | kwargs))


class Amqp(AMQP):
    Connection = QueueConnection


app = Celery("newsletter", task_cls=CoalescingTask, amqp=Amqp)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@before_task_publish.connect
def _send_request_id(headers: dict[str, Any], **_: Any) -> None:
    """Log lines of the task carry the id of the request that queued it."""
    if request_id := logs.request_id.get():
        headers["request_id"] = request_id


@task_prerun.connect
def _restore_request_id(task: "Task[Any, Any]", **_: Any) -> None:
    logs.request_id.set(task.request.get("request_id") or "")
