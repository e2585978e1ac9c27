"""The embedded queue: kombu's folder of files, whose messages appear whole and never leave the folder.

kombu's own transport creates a message's file before it fills it, so that a reader now and then takes
an empty one, whose JSON error ends the worker. It does so with the list of who listens as well. And it moves what it
reads to the machine's folder for temporary files, where others may look and which may be another disk.
"""

import fcntl
import os
import socket
import uuid
from collections.abc import Callable
from contextlib import suppress
from math import inf
from pathlib import Path
from queue import Empty
from time import monotonic, time_ns
from typing import Any, ClassVar

from celery.signals import worker_shutting_down
from kombu.transport import filesystem
from kombu.transport.filesystem import exchange_queue_t
from kombu.utils.json import dumps, loads

from newsletter.stirring import Folder

LOOK_SECONDS = 10.0  # between looks, if nothing stirs
WIRE_OCTETS = 65_536  # of one message
TASKS = "celery"  # the queue of tasks; others are for Celery's own talk
STALE = 3600 * 10**9  # nanoseconds; a wake-up that old has been sent again many times


class Channel(filesystem.Channel):
    wire: "Wire | None" = None  # of this process and its copies

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        Path(self.data_folder_in).mkdir(parents=True, exist_ok=True)

    def get_table(self, exchange: str) -> list[exchange_queue_t]:  # type: ignore[override]  # as kombu's does
        """Return which queues listen to an exchange: none, if the file was left by who died before it was written."""
        file = self._list_of(exchange)
        with suppress(FileNotFoundError, ValueError):
            return [exchange_queue_t(*found) for found in loads(file.read_text())]
        return []

    def _queue_bind(self, exchange: str, routing_key: str | None, pattern: str | None, queue: str) -> None:
        """Add a queue to those of an exchange, in one step for whoever reads them.

        kombu makes the file and fills it afterwards: of two hands that begin together one read an empty file and
        ended, and one that was killed in between would have let none begin any more.
        """
        file = self._list_of(exchange)
        self.control_folder.mkdir(exist_ok=True)
        with (self.control_folder / "binding.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            queues = self.get_table(exchange)
            bound = exchange_queue_t(routing_key or "", pattern or "", queue or "")
            if bound not in queues:
                draft = file.with_suffix(".draft")
                draft.write_text(dumps([bound, *queues]))
                draft.rename(file)

    def _list_of(self, exchange: str) -> Path:
        """Return the file of an exchange. Raises kombu's ChannelError for a name that is none of a file."""
        file: Path = self._exchange_file(exchange)  # type: ignore[attr-defined]  # newer than the stubs
        return file

    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override]  # by name
        """Write under a name that nobody reads, then give it the name of a message in one step."""
        text = dumps(payload)
        if queue == TASKS and self.wire and self.wire.put(text):
            return
        path = Path(self.data_folder_out) / f"{time_ns():020}_{uuid.uuid4()}.{queue}.msg"
        draft = path.with_suffix(".draft")
        draft.write_text(text)
        draft.rename(path)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """Take the oldest message; of many readers one gets it. Raises queue.Empty.

        What beat put there while no worker ran for days is thrown away here: to take each of a
        hundred thousand files by a look at all of them would last for hours.
        """
        if queue == TASKS and self.wire and (message := self.wire.take()) is not None:
            return loads(message)
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


class Wire:
    """Messages that wait in the kernel, for the process that made it and its copies: nothing is written to a disk.

    Whoever dies takes nothing along but what it had taken. What does not fit goes into the folder.
    """

    def __init__(self) -> None:
        self._taker, self._giver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (self._taker, self._giver):
            end.setblocking(False)

    def put(self, text: str) -> bool:
        """Return False if it does not fit."""
        message = text.encode()
        try:
            return len(message) <= WIRE_OCTETS and self._giver.send(message) > 0
        except OSError:  # full, as while no worker runs
            return False

    def take(self) -> str | None:
        try:
            return self._taker.recv(WIRE_OCTETS).decode()
        except BlockingIOError:
            return None

    def fileno(self) -> int:
        return self._taker.fileno()

    def close(self) -> None:
        self._taker.close()
        self._giver.close()


class Transport(filesystem.Transport):
    """on_look: called before each look for a message, by whoever has to know that somebody looks.

    patience: seconds that a wait may last, even if a shorter one was asked for; a message or a signal ends it.
    """

    Channel = Channel

    is_stopping = False
    on_look: Callable[[], None] | None = None
    patience = 0.0
    _folders: ClassVar[dict[str, Folder]] = {}  # of this process

    def drain_events(self, connection: Any, timeout: float | None = None, **_kwargs: Any) -> None:
        """Wait for a message; raise TimeoutError when there is none in time, or when the worker is stopped."""
        until = monotonic() + (inf if timeout is None else max(timeout, self.patience))
        while True:
            if self.on_look:
                self.on_look()
            try:
                super().drain_events(connection, timeout=0)
            except TimeoutError:
                if self.is_stopping or monotonic() >= until:
                    raise
            else:
                return
            self._stirring().wait(min(until - monotonic(), LOOK_SECONDS))

    def _stirring(self) -> Folder:
        path: str = self.client.transport_options["data_folder_in"]  # type: ignore[union-attr, index]  # who drains has both
        if path not in self._folders:
            self._folders[path] = Folder(Path(path), shared=Channel.wire.fileno() if Channel.wire else None)
        return self._folders[path]


def lay_wire() -> None:
    """Have this process and its copies hand each other what is for workers without the folder."""
    Channel.wire = Wire()


@worker_shutting_down.connect
def _on_stop(**_event: object) -> None:
    Transport.is_stopping = True
