"""A health check for containers: are the programs that `up` runs on this machine alive? Without Django.

It runs every half minute; importing the product would cost more CPU than running it. So this file imports nothing of
ours, and manage.py loads it by its path.
"""

import http.client
import json
import os
import socket
import time
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

PROGRAMS = ("web", "worker", "clock")
WEB_PARTS = ("database", "migrations", "queue")  # of /readyz: what the web server itself needs
WORKER_PARTS = ("dispatcher", "confirmations")  # of /readyz: need worker and clock
SILENT_SECONDS = 60.0
TIMEOUT_SECONDS = 8.0


def report(data: Path) -> int:
    """Print one line for each program of this machine; return 0 if all are well, else 1."""
    found = health(data)
    for program, answer in found.items():
        print(f"{program}: {answer}")  # noqa: T201 - the answer
    if not found:
        print(f"Nothing of the newsletter in {data} runs on this machine.")  # noqa: T201 - the answer
    return 0 if found and all(answer == "ok" for answer in found.values()) else 1


def health(data: Path) -> dict[str, str]:
    """ "ok" or what is wrong, for each program that `up` runs on this machine in the folder `data`."""
    notes = {name: note for name in PROGRAMS if (note := _note(data / f"up-{name}.lock"))}
    answers = {name: _silence(data / "heartbeats" / name) for name in notes if name != "web"}
    if "web" in notes:
        answers = {"web": _web(notes["web"]["address"], tuple(notes))} | answers
    return answers


def _note(lock: Path) -> dict[str, str] | None:
    """The note of a lock's holder, if that is a living process of this machine.

    The lock itself is not tried: an `up` that starts at that moment would find it taken.
    """
    with suppress(OSError, ValueError, KeyError, TypeError):  # no such process, or a note that is none
        note: dict[str, str] = json.loads(lock.read_text())
        if note["host"] == socket.gethostname():
            os.kill(int(note["process"]), 0)
            return note
    return None


def _silence(heartbeat: Path) -> str:
    try:
        age = time.monotonic() - heartbeat.stat().st_mtime
    except OSError:
        return "has not begun its work"
    return "ok" if age <= SILENT_SECONDS else f"silent for {age:.0f} s"


def _web(address: str, programs: tuple[str, ...]) -> str:
    """Ask /readyz. WORKER_PARTS count only if all programs run on this machine."""
    parts = WEB_PARTS + WORKER_PARTS * (programs == PROGRAMS)
    try:
        answers = _readyz(address)
    except (OSError, TypeError, ValueError, http.client.HTTPException) as error:
        return f"does not answer ({type(error).__name__})"
    wrong = [f"{part} {answers.get(part, 'unknown')}" for part in parts if answers.get(part) != "ok"]
    return ", ".join(wrong) or "ok"


def _readyz(address: str) -> dict[str, str]:
    url = urlsplit(address)
    with closing(http.client.HTTPConnection(url.hostname or "", url.port, timeout=TIMEOUT_SECONDS)) as asking:
        asking.request("GET", "/readyz", headers={"Host": "localhost"})
        answers = json.loads(asking.getresponse().read())
    if not isinstance(answers, dict):
        raise TypeError(f"{address} is not the newsletter")
    return answers
