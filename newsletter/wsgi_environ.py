"""From an RSGI request to a WSGI environ (PEP 3333), and `wsgi.file_wrapper`."""

import io
import os
import sys
import time
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

type Environ = dict[str, Any]
type Headers = list[tuple[str, str]]

IN_MEMORY_BYTES = 256 * 1024  # larger files are sent by path
UNPREFIXED_KEYS = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
NON_ASCII_VALUE = "?"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # case-sensitive, though Django's are not
ARRIVED_MONOTONIC_KEY = "newsletter.arrived_monotonic"  # by time.monotonic()


class FileWrapper:
    """`wsgi.file_wrapper` of PEP 3333: granian sends large files by their path."""

    def __init__(self, file: IO[bytes], block_bytes: int = 0) -> None:
        self.file, self.close = file, file.close

    def send(self, proto: Any, status: int, headers: Headers) -> None:
        if self._can_send_by_path():
            proto.response_file(status, headers, str(self.file.name))
        else:
            proto.response_bytes(status, headers, self.file.read())

    def _can_send_by_path(self) -> bool:
        if not isinstance(getattr(self.file, "name", None), (str, Path)) or self.file.tell():
            return False
        try:
            return os.fstat(self.file.fileno()).st_size > IN_MEMORY_BYTES
        except io.UnsupportedOperation:  # from a bucket: in memory, and its name is no path
            return False


def environ_from_scope(scope: Any) -> Environ:
    """Build the environ of PEP 3333.

    A header with an underscore in its name is dropped: WSGI could not tell it from the one with a hyphen, and a proxy
    that sets X-Forwarded-For passes X_Forwarded_For on. A value that is not ASCII becomes NON_ASCII_VALUE.
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
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        ARRIVED_MONOTONIC_KEY: time.monotonic(),
    }
    _add_headers(environ, scope.headers)
    return environ


def refusal(environ: Environ) -> tuple[HTTPStatus, Headers] | None:
    """Status and headers for a request that is refused before anybody reads more of it: RFC 9112 section 3.2.

    Proxies in front may take it for another request. A forwarded address that cannot be read would hide the client:
    granian gives none of a value that is not ASCII, not even the part that a proxy has appended.
    """
    host = environ.get("HTTP_HOST", "")
    if environ["REQUEST_METHOD"] not in METHODS:
        return HTTPStatus.METHOD_NOT_ALLOWED, [("Allow", ", ".join(METHODS))]
    if "," in host or host == NON_ASCII_VALUE or (not host and environ["SERVER_PROTOCOL"] == "HTTP/1.1"):
        return HTTPStatus.BAD_REQUEST, []
    if environ.get("HTTP_X_FORWARDED_FOR") == NON_ASCII_VALUE:
        return HTTPStatus.BAD_REQUEST, []
    return None


def _add_headers(environ: Environ, headers: Any) -> None:
    for name, value in headers.items():  # granian omits values that are not ASCII
        if "_" not in name:
            key = _key(name)
            environ[key] = f"{environ[key]}{'; ' if name == 'cookie' else ','}{value}" if key in environ else value
    for name in headers.keys():  # noqa: SIM118 - it is no dict
        if "_" not in name:
            environ.setdefault(_key(name), NON_ASCII_VALUE)


def _key(name: str) -> str:
    return UNPREFIXED_KEYS.get(name) or "HTTP_" + name.upper().replace("-", "_")
