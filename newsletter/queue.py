"""The embedded queue: kombu's folder of files, whose messages appear whole and never leave the folder.

kombu's own transport creates a message's file before it fills it, so that a reader now and then takes
an empty one, whose JSON error ends the worker; and it moves what it reads to the machine's folder for
temporary files, where others may look and which may be another disk.
"""

import os
import uuid
from collections.abc import Callable
from math import inf
from pathlib import Path
from queue import Empty
from time import monotonic, time_ns
from typing import Any

from celery.signals import worker_shutting_down
from kombu.transport import filesystem
from kombu.utils.json import dumps, loads

LOOK_SECONDS = 0.25  # between looks at whether the worker is to stop
STALE = 3600 * 10**9  # nanoseconds; a wake-up that old has been sent again many times


class Channel(filesystem.Channel):
    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override]  # by name
        """Write under a name that nobody reads, then give it the name of a message in one step."""
        path = Path(self.data_folder_out) / f"{time_ns():020}_{uuid.uuid4()}.{queue}.msg"
        draft = path.with_suffix(".draft")
        draft.write_text(dumps(payload))
        draft.rename(path)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """Take the oldest message; of many readers one gets it. Raises queue.Empty.

        What beat put there while no worker ran for days is thrown away here: to take each of a
        hundred thousand files by a look at all of them would last for hours.
        """
        oldest = f"{time_ns() - STALE:020}"
        for path in sorted(Path(self.data_folder_in).iterdir()):
            if path.name.partition(".")[2] != f"{queue}.msg":
                continue
            if path.name < oldest:
                path.unlink(missing_ok=True)
            elif (text := _take(path)) is not None:
                return loads(text)
        raise Empty


def _take(path: Path) -> str | None:
    """Return what a message holds and remove it; None when another reader was first."""
    mine = path.with_suffix(f".{os.getpid()}.taken")
    try:
        path.rename(mine)
    except FileNotFoundError:
        return None
    text = mine.read_text()
    mine.unlink()
    return text


class Transport(filesystem.Transport):
    """on_look: called before each look for a message, by whoever has to know that somebody looks."""

    Channel = Channel

    is_stopping = False
    on_look: Callable[[], None] | None = None

    def drain_events(self, connection: Any, timeout: float | None = None, **_kwargs: Any) -> None:
        """Wait for a message; raise TimeoutError when there is none in time, or soon after the worker is stopped.

        Celery's loop waits for two seconds at a time, and hears of a stop between two waits.
        """
        until = monotonic() + (inf if timeout is None else timeout)
        while True:
            if self.on_look:
                self.on_look()
            left = max(0.0, until - monotonic())
            try:
                super().drain_events(connection, timeout=min(left, LOOK_SECONDS))
            except TimeoutError:
                if left <= LOOK_SECONDS or self.is_stopping:
                    raise
            else:
                return


@worker_shutting_down.connect
def _on_stop(**_event: object) -> None:
    Transport.is_stopping = True
