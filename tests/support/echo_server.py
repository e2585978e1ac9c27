"""Runs echo_app.py behind the real web server."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from newsletter import server
from tests.support.processes import free_port, kill, start, wait_for_port
from tests.support.product import ROOT


@contextmanager
def echo_server(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Yield port and process of the echo server; its files are in `folder`."""
    port, log = free_port(), folder / "log"
    command = server.command("127.0.0.1", port, application="tests.support.echo_app:application")
    process = start(command, log=log, cwd=ROOT, env=os.environ | {"TMPDIR": str(folder)})
    try:
        wait_for_port(port, process, log=log)
        yield port, process
    finally:
        kill(process)
