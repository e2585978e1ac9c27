"""The embedded queue: a Kombu transport over a folder, one file a message.

A message that equals a waiting one replaces it, so each call (task, arguments and queue) has at most one file in the
folder. It is published by a rename and claimed by unlink, which are atomic. Idle workers poll every POLL_SECONDS.
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


class FolderChannel(virtual.Channel):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.folder = Path(self.connection.client.transport_options["folder"])  # type: ignore[union-attr, index]  # is set
        self.folder.mkdir(parents=True, exist_ok=True)
        self.scanned: dict[str, deque[Path]] = {}  # by queue: files of the last scan, not yet claimed

    def _put(self, queue: str, message: dict[str, Any], **_options: Any) -> None:
        """Write a draft, then rename it: readers never see half a message."""
        task_call = f"{message['headers'].get('task')} {message['body']}"
        path = self.folder / f"{sha256(task_call.encode()).hexdigest()[:32]}.{queue}.msg"
        draft = path.with_suffix(f".{uuid4().hex}.draft")
        try:
            draft.write_text(dumps(message))
            draft.rename(path)
        finally:
            draft.unlink(missing_ok=True)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """Claim the oldest message; the folder is scanned again once the last scan is used up."""
        paths = self.scanned.setdefault(queue, deque())
        if not paths:
            paths.extend(sorted(self._waiting(queue), key=_modified_ns))
        while paths:
            if (text := _take(paths.popleft())) is not None:
                return loads(text)
        raise Empty

    def _size(self, queue: str) -> int:
        return sum(1 for _path in self._waiting(queue))

    def _waiting(self, queue: str) -> Iterator[Path]:
        return (path for path in self.folder.iterdir() if path.name.partition(".")[2] == f"{queue}.msg")


def _modified_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # another worker claimed it
        return 0


def _take(path: Path) -> str | None:
    """Read and remove a message; None if another worker claimed it first."""
    try:
        text = path.read_text()
        path.unlink()  # succeeds for one worker
    except FileNotFoundError:
        return None
    return text


class FolderTransport(virtual.Transport):
    Channel = FolderChannel
    driver_type = driver_name = "files"
    polling_interval = POLL_SECONDS
