"""The command line of the web server. Needs no settings."""

import runpy
import sys

OPTIONS = {
    "--interface": "rsgi",
    "--http": "1",  # the other modes have no timeout for the first bytes of a connection
    "--http1-buffer-size": "65536",  # bytes of a request's head, and of a response that is not read yet
    "--backlog": "8192",  # connections, for all processes together; each costs a file and 10 to 200 KB
    "--workers-kill-timeout": "3",  # seconds of a graceful shutdown
    "--log-level": "error",  # a worker that a browser keeps busy is ended after the grace, which is no fault
}


def granian_args(
    host: str, port: int, *, processes: int = 1, application: str = "newsletter.rsgi:application"
) -> list[str]:
    options = OPTIONS | {"--host": host, "--port": str(port), "--workers": str(processes)}
    return [*(word for option in options.items() for word in option), "--no-ws", "--no-access-log", application]


def command(host: str, port: int, *, processes: int = 1, application: str = "newsletter.rsgi:application") -> list[str]:
    """The command line; docs/deploy.md shows the same one."""
    return [sys.executable, "-m", "granian", *granian_args(host, port, processes=processes, application=application)]


def serve(host: str, port: int, *, processes: int = 1) -> None:
    """Run granian in this process until SIGTERM."""
    sys.argv = ["granian", *granian_args(host, port, processes=processes)]
    runpy.run_module("granian", run_name="__main__", alter_sys=True)
