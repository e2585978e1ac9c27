"""An SMTP server that only counts, as quick as Python can: `python fast_sink.py FILE PORT [DELAY_MS]`.

About 30 us of CPU a message of 40 KB, so that the sender is what is measured. It keeps no message; a
mapped FILE holds three numbers that another process may read at any time: messages accepted, the time
of the first and of the last of them (Unix time). DELAY_MS: how long each reply takes. Standard library only.
"""

import heapq
import mmap
import selectors
import socket
import struct
import sys
import time
from pathlib import Path

NUMBERS = struct.Struct("=Qdd")
END_OF_DATA = b"\r\n.\r\n"
GREETING = b"220 sink.example ESMTP\r\n"
EHLO = b"250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n"


class Count:
    """How many messages were accepted, and when, where others can read it."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(NUMBERS.size))
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), NUMBERS.size)
        self.messages, self.first_at = 0, 0.0

    def add(self) -> None:
        now = time.time()
        self.messages += 1
        self.first_at = self.first_at or now
        NUMBERS.pack_into(self.memory, 0, self.messages, self.first_at, now)


def read(path: Path) -> tuple[int, float, float]:
    """Return messages accepted, and when the first and the last was (Unix time)."""
    messages, first_at, last_at = NUMBERS.unpack(path.read_bytes())
    return messages, first_at, last_at


class Session:
    """One connection."""

    def __init__(self, sock: socket.socket, count: Count) -> None:
        self.sock, self.count = sock, count
        self.received = bytearray()
        self.in_data = False
        self.searched = 0

    def replies(self) -> list[bytes] | None:
        """Read what has come; return the replies to it, None at the end of the connection."""
        try:
            octets = self.sock.recv(262144)
        except BlockingIOError:
            return []
        if not octets:
            return None
        self.received += octets
        said: list[bytes] = []
        while (reply := self._step()) is not None:
            said.append(reply)
        return said

    def _step(self) -> bytes | None:
        return self._message() if self.in_data else self._command()

    def _message(self) -> bytes | None:
        end = self.received.find(END_OF_DATA, max(0, self.searched))
        if end < 0:
            self.searched = len(self.received) - 4
            return None
        del self.received[: end + 5]
        self.in_data = False
        self.count.add()
        return b"250 2.0.0 Ok\r\n"

    def _command(self) -> bytes | None:
        end = self.received.find(b"\r\n")
        if end < 0:
            return None
        verb = bytes(self.received[:4]).upper()
        del self.received[: end + 2]
        if verb == b"DATA":
            self.in_data, self.searched = True, 0
            return b"354 Go\r\n"
        return EHLO if verb == b"EHLO" else b"221 Bye\r\n" if verb == b"QUIT" else b"250 Ok\r\n"


class Server:
    """All connections. delay: seconds that each reply takes, one after the other."""

    def __init__(self, port: int, count: Count, delay: float) -> None:
        self.count, self.delay = count, delay
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.later: list[tuple[float, int, Session, bytes]] = []
        self.said = 0

    def serve(self) -> None:
        while True:
            patience = max(0.0, self.later[0][0] - time.monotonic()) if self.later else None
            for key, _events in self.selector.select(patience):
                self._hear(key.data) if key.data else self._accept()
            while self.later and self.later[0][0] <= time.monotonic():
                _at, _order, session, octets = heapq.heappop(self.later)
                send(session.sock, octets)

    def _accept(self) -> None:
        sock, _address = self.listener.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(sock, selectors.EVENT_READ, Session(sock, self.count))
        send(sock, GREETING)

    def _hear(self, session: Session) -> None:
        try:
            said = session.replies()
        except ConnectionResetError:
            said = None
        if said is None:
            self.selector.unregister(session.sock)
            session.sock.close()
        elif not self.delay:
            send(session.sock, b"".join(said))
        else:
            for number, octets in enumerate(said, start=1):
                self.said += 1
                heapq.heappush(self.later, (time.monotonic() + number * self.delay, self.said, session, octets))


def send(sock: socket.socket, octets: bytes) -> None:
    """Send a few bytes; a client that has gone hears nothing."""
    if octets and sock.fileno() >= 0:
        try:
            sock.sendall(octets)
        except OSError:
            return


if __name__ == "__main__":
    file, port, *delay_ms = sys.argv[1:]
    Server(int(port), Count(Path(file)), float(delay_ms[0]) / 1000 if delay_ms else 0.0).serve()
