"""The embedded queue: a folder in which each wake-up that waits is one file.

Two wake-ups for the same work are one file, so the folder holds no more of them than there are tasks, however busy the
machine is. A file appears whole, by a rename, and is taken by one reader, by another. Only a look at the folder finds
it: one each POLL_SECONDS, by whoever has nothing to do.
"""

from collections import deque
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from queue import Empty
from typing import Any
from uuid import uuid4

from kombu.transport import virtual
from kombu.utils.json import dumps, loads

POLL_SECONDS = 0.25


class Channel(virtual.Channel):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.folder = Path(self.connection.client.transport_options["folder"])  # type: ignore[union-attr, index]  # is set
        self.folder.mkdir(parents=True, exist_ok=True)
        self.found: dict[str, deque[Path]] = {}  # by the last look for a queue, and not taken yet

    def _put(self, queue: str, message: dict[str, Any], **_options: Any) -> None:
        """Write under a name that nobody reads, then give it the name of the message in one step."""
        work = f"{message['headers'].get('task')} {message['body']}"
        path = self.folder / f"{sha256(work.encode()).hexdigest()[:32]}.{queue}.msg"
        draft = path.with_suffix(f".{uuid4().hex}.draft")
        try:
            draft.write_text(dumps(message))
            draft.rename(path)
        finally:
            draft.unlink(missing_ok=True)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """Take a message, the oldest first; what the last look has found is used up before the next look."""
        found = self.found.setdefault(queue, deque())
        if not found:
            found.extend(sorted(self._waiting(queue), key=_age))
        while found:
            if (text := _take(found.popleft())) is not None:
                return loads(text)
        raise Empty

    def _size(self, queue: str) -> int:
        return sum(1 for _path in self._waiting(queue))

    def _purge(self, queue: str) -> int:
        return sum(_take(path) is not None for path in self._waiting(queue))

    def _waiting(self, queue: str) -> Iterator[Path]:
        return (path for path in self.folder.iterdir() if path.name.partition(".")[2] == f"{queue}.msg")


def _age(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # another reader was faster
        return 0


def _take(path: Path) -> str | None:
    """Return what a message holds and remove it; None when another reader was first."""
    mine = path.with_suffix(f".{uuid4().hex}.taken")
    try:
        path.rename(mine)
    except FileNotFoundError:
        return None
    text = mine.read_text()
    mine.unlink()
    return text


class Transport(virtual.Transport):
    Channel = Channel
    driver_type = driver_name = "files"
    polling_interval = POLL_SECONDS
