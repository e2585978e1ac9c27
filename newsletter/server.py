"""The command that starts the web server. Needs no settings."""

import sys

OPTIONS = {
    "--interface": "rsgi",
    "--http": "1",  # the other modes wait without a limit for the first bytes of a connection
    "--http1-buffer-size": "65536",  # bytes of a head, and of what a slow reader has not taken yet
    "--backlog": "8192",  # connections, for all processes together; each costs a file and 10 to 200 KB
    "--workers-kill-timeout": "3",  # seconds that clients get to finish when the server stops
    "--log-level": "warning",
}


def command(host: str, port: int, *, processes: int = 1, application: str = "newsletter.rsgi:application") -> list[str]:
    """Return the command; docs/deploy.md shows the same one."""
    options = OPTIONS | {"--host": host, "--port": str(port), "--workers": str(processes)}
    words = [word for option in options.items() for word in option]
    return [sys.executable, "-m", "granian", *words, "--no-ws", "--no-access-log", application]
