"""A request of RSGI as WSGI wants it (PEP 3333), and the file that WSGI hands back."""

import io
import os
import sys
import time
from pathlib import Path
from typing import IO, Any

type Environ = dict[str, Any]
type Headers = list[tuple[str, str]]

WHOLE_BYTES = 256 * 1024  # up to this size a file is sent from memory
UNPREFIXED = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
UNREADABLE = "?"
ARRIVED_AT = "newsletter.arrived_at"  # by time.monotonic()


class SentFile:
    """A file that granian sends by itself (`wsgi.file_wrapper` of PEP 3333)."""

    def __init__(self, file: IO[bytes], block_bytes: int = 0) -> None:
        self.file, self.close = file, file.close

    def send(self, proto: Any, status: int, headers: Headers) -> None:
        if self._is_large_and_whole():
            proto.response_file(status, headers, str(self.file.name))
        else:
            proto.response_bytes(status, headers, self.file.read())

    def _is_large_and_whole(self) -> bool:
        """Return whether the file can be sent by its name, and is worth it."""
        if not isinstance(getattr(self.file, "name", None), (str, Path)) or self.file.tell():
            return False
        try:
            return os.fstat(self.file.fileno()).st_size > WHOLE_BYTES
        except io.UnsupportedOperation:  # an object of a bucket: it is in memory, and its name is no path
            return False


def environ_of(scope: Any) -> Environ:
    """Return the environ of PEP 3333.

    A header with an underscore in its name is left out: it would stand for the one with a hyphen, and a proxy that
    sets X-Forwarded-For lets X_Forwarded_For pass. One whose value is not ASCII counts as there, but unreadable.
    """
    host, _, port = scope.server.rpartition(":")
    environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string.encode().decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.file_wrapper": SentFile,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        ARRIVED_AT: time.monotonic(),
    }
    _add_headers(environ, scope.headers)
    return environ


def _add_headers(environ: Environ, headers: Any) -> None:
    for name, value in headers.items():  # without those that are not ASCII
        if "_" not in name:
            key = _key(name)
            environ[key] = f"{environ[key]}{'; ' if name == 'cookie' else ','}{value}" if key in environ else value
    for name in headers.keys():  # noqa: SIM118 - it is no dict
        if "_" not in name:
            environ.setdefault(_key(name), UNREADABLE)


def _key(name: str) -> str:
    return UNPREFIXED.get(name) or "HTTP_" + name.upper().replace("-", "_")
