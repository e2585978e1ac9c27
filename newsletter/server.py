"""The command that starts the web server. Needs no settings."""

import runpy
import sys

OPTIONS = {
    "--interface": "rsgi",
    "--http": "1",  # the other modes wait without a limit for the first bytes of a connection
    "--http1-buffer-size": "65536",  # bytes of a head, and of what a slow reader has not taken yet
    "--backlog": "8192",  # connections, for all processes together; each costs a file and 10 to 200 KB
    "--workers-kill-timeout": "3",  # seconds that clients get to finish when the server stops
    "--log-level": "warning",
}


def words(host: str, port: int, *, processes: int = 1, application: str = "newsletter.rsgi:application") -> list[str]:
    """Return what follows `granian`."""
    options = OPTIONS | {"--host": host, "--port": str(port), "--workers": str(processes)}
    return [*(word for option in options.items() for word in option), "--no-ws", "--no-access-log", application]


def command(host: str, port: int, *, processes: int = 1, application: str = "newsletter.rsgi:application") -> list[str]:
    """Return the command; docs/deploy.md shows the same one."""
    return [sys.executable, "-m", "granian", *words(host, port, processes=processes, application=application)]


def serve(host: str, port: int, *, processes: int = 1) -> None:
    """Do in this process what the command does, until SIGTERM."""
    sys.argv = ["granian", *words(host, port, processes=processes)]
    runpy.run_module("granian", run_name="__main__", alter_sys=True)
