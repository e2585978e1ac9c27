"""The Celery application. When something runs by itself stands in settings, not here."""

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

TRANSPORT_ALIASES["files"] = "newsletter.queue:Transport"  # the scheme of the embedded queue's URL

# Seconds between tries to reach the queue.
AGAIN: dict[str, Any] = {"interval_start": 1, "interval_step": 1, "interval_max": 5}

_lock = Lock()
_asked_again: dict[str, bool] = {}  # by the name of each wake-up that this process answers at the moment


class WakeUp(DjangoTask):  # type: ignore[type-arg]  # it takes none when it runs
    """A task that a process does once at a time: whoever asks meanwhile has it done once more afterwards.

    Else one that waits for a lock or a server would soon have a copy of itself in each thread of its worker. With
    arguments it is about something else each time, and is done as often as it is asked for.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs:
            return super().__call__(*args, **kwargs)
        with _lock:
            if self.name in _asked_again:
                _asked_again[self.name] = True
                return None
            _asked_again[self.name] = False
        try:
            super().__call__()
            while self._is_asked_again():
                super().__call__()
        finally:
            with _lock:
                _asked_again.pop(self.name, None)
        return None

    def _is_asked_again(self) -> bool:
        with _lock:
            again = _asked_again[self.name]
            _asked_again[self.name] = False
            if not again:
                del _asked_again[self.name]  # who asks from now on begins by himself
        return again


class QueueConnection(Connection):
    """Kombu's own, which otherwise asks a Redis that was away for minutes anew only each half minute."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Self:
        return super().ensure_connection(*args, **(AGAIN | kwargs))


class Amqp(AMQP):
    Connection = QueueConnection


app = Celery("newsletter", task_cls=WakeUp, amqp=Amqp)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@before_task_publish.connect
def _hand_on(headers: dict[str, Any], **_: Any) -> None:
    """Let the log of the work carry the number of the request that asks for it."""
    if number := logs.request_id.get():
        headers["request_id"] = number


@task_prerun.connect
def _take_up(task: "Task[Any, Any]", **_: Any) -> None:
    logs.request_id.set(task.request.get("request_id") or "")
