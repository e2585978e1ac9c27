"""HTTP clients on plain sockets, also slow and broken ones."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


def connect(port: int, sent: bytes = b"", *, window_bytes: int = 0) -> socket.socket:
    """A connection on which `sent` has been sent.

    window_bytes: how much the kernel takes from the server for a client that does not read.
    """
    line = socket.socket()
    if window_bytes:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window_bytes)
    line.settimeout(20)
    line.connect(("127.0.0.1", port))
    line.sendall(sent)
    return line


def read_all(line: socket.socket) -> bytes:
    chunks = []
    while chunk := line.recv(65_536):
        chunks.append(chunk)
    return b"".join(chunks)


def exchange(port: int, sent: bytes) -> tuple[int, bytes, bytes]:
    """Send a request that ends with Connection: close; return status, head and body of the answer."""
    with connect(port, sent) as line:
        answer = read_all(line)
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head, body


def request_head(method: str, path: str, *fields: str, host: str = "localhost") -> bytes:
    """A request head with Connection: close."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *fields]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@contextmanager
def open_connections(count: int, port: int, sent: bytes, *, window_bytes: int = 0) -> Iterator[list[socket.socket]]:
    """Hold open `count` connections that have sent `sent`."""
    with ExitStack() as stack:
        yield [stack.enter_context(connect(port, sent, window_bytes=window_bytes)) for _ in range(count)]
