"""A web server that reads each request and answers 200, and does nothing: what sending the requests costs by itself.

python benchmarks/empty_site.py PORT
"""

import asyncio
import subprocess
import sys
from pathlib import Path

from tests.support.processes import free_port, is_listening
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[1]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class EmptySite:
    """The server as a process of its own."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process = subprocess.Popen([sys.executable, "-m", "benchmarks.empty_site", str(self.port)], cwd=ROOT)
        wait_until(lambda: is_listening(self.port), 20, what=lambda: "the server that does nothing")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class Session(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.got = bytearray()

    def data_received(self, data: bytes) -> None:
        self.got += data
        head, end, _body = bytes(self.got[:4096]).partition(b"\r\n\r\n")
        if not end:
            return
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if len(self.got) - len(head) - len(end) >= int(fields.get(b"content-length", 0)):
            self.got.clear()
            self.transport.write(ANSWER)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Session, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
