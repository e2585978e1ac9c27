"""A webhook receiver: a real HTTP server on loopback, with failures on demand."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class ReceivedCall:
    """status: of the response."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """statuses: of the next responses, then `status`. hold: responses wait for this event."""

    url: str = ""
    status: int = 200
    statuses: list[int] = field(default_factory=list)
    answer: bytes = b"thanks"
    location: str = ""
    hold: threading.Event | None = None
    calls: list[ReceivedCall] = field(default_factory=list)

    def took(self) -> list[ReceivedCall]:
        """Successful calls."""
        return [call for call in self.calls if 200 <= call.status < 300]


def has_valid_signature(secret: str, taken: ReceivedCall) -> bool:
    """Independent check of the signatures, from the specification."""
    marked, key = secret[:6], base64.b64decode(secret[6:])
    assert marked == "whsec_"
    assert 24 <= len(key) <= 64
    signed = b".".join([taken.id.encode(), taken.headers["webhook-timestamp"].encode(), taken.body])
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    entries = [entry.split(",", 1) for entry in taken.headers["webhook-signature"].split(" ")]
    return any(version == "v1" and value == expected for version, value in entries)


@contextmanager
def hook_receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if receiver.hold is not None:
                receiver.hold.wait(120)
            status = receiver.statuses.pop(0) if receiver.statuses else receiver.status
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.calls.append(ReceivedCall(self.path, headers, body, status))
            self.send_response(status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", str(len(receiver.answer)))
            self.end_headers()
            with suppress(OSError):  # the caller has hung up
                self.wfile.write(receiver.answer)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    try:
        yield receiver
    finally:
        if receiver.hold is not None:
            receiver.hold.set()
        server.shutdown()
        server.server_close()
