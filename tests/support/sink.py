"""An SMTP server that keeps a log of what it accepted: `python sink.py FOLDER [HOST:]PORT [SECONDS [PEM]]`.

A process of its own, so that it outlives whatever a test kills, and quick enough not to be what is
measured. What was accepted is in FOLDER/log before the client hears 250: one line of JSON for each
recipient; the bytes themselves are in FOLDER/raw. SECONDS pass between a message and its 250, as at a real
server; none if not given. With PEM, a file of key and certificate, it offers STARTTLS. Standard library only.

A recipient's local part may ask for bad days, `N` being a number that may be left out (1):

    refuse-…             550 at RCPT
    full-…               452 at RCPT, always
    greylist-N-…         451 at RCPT, the first N times
    busy-N-…             421 at RCPT and the connection closed, the first N times
    reject-data-…        554 after the message
    cut-before-data-N-…  the connection closed at DATA, the first N times
    cut-after-data-N-…   the message accepted and logged, then the connection closed without a word, the first N times
    slow-N-…             the message accepted and logged, then N seconds until 250
    hang-up-…            the message accepted, logged and answered with 250, then the connection closed

The file FOLDER/gate may hold a number: once so many copies were accepted, the answer to each message waits until the
number grows or the file is gone, HOLD_SECONDS at most. So a mailing stands where somebody wants to act on it.
With a file FOLDER/accept-login it offers AUTH and takes every password, with FOLDER/refuse-login none.
A number in FOLDER/per-connection limits the messages of a connection; at the next MAIL it says 421 and closes.
"""

import asyncio
import json
import os
import re
import ssl
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

END_OF_DATA = b"\r\n.\r\n"
MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)
ADDRESS = re.compile(r"<([^>]*)>")
BAD_DAYS = ["refuse", "full", "greylist", "busy", "reject-data", "cut-before-data", "cut-after-data", "slow", "hang-up"]
HOLD_SECONDS = 8.0  # that an answer waits at the gate: a mailing that nobody lets go goes on, slowly
GLANCE_SECONDS = 0.02  # between two looks at the gate
WISH = re.compile(rf"({'|'.join(BAD_DAYS)})(?:-(\d+))?(?:-|$)")


def wish(address: str) -> tuple[str, int]:
    """The failure that a recipient's address requests, and its number."""
    asked = WISH.match(address.partition("@")[0])
    return (asked[1], int(asked[2] or 1)) if asked else ("", 0)


class Log:
    """What was accepted, for good: written with one system call, which a kill cannot cut in two."""

    def __init__(self, folder: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.lines = os.open(folder / "log", flags)
        self.raw = os.open(folder / "raw", flags)
        self.size = (folder / "raw").stat().st_size
        self.count = (folder / "log").read_bytes().count(b"\n")

    def accept(self, message: bytes, *, recipients: list[str], **about: object) -> None:
        """Keep one message, and what is known about it."""
        os.write(self.raw, message)
        head = message.partition(b"\r\n\r\n")[0]
        found = MESSAGE_ID.search(head)
        record = {
            "message_id": found[1].decode("latin-1") if found else "",
            **about,
            "at": self.size,
            "size": len(message),
        }
        self.size += len(message)
        lines = [json.dumps({"rcpt": rcpt} | record) + "\n" for rcpt in recipients]
        os.write(self.lines, "".join(lines).encode())
        self.count += len(recipients)


class Gate:
    """The number of copies after which answers wait."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def is_shut(self, count: int) -> bool:
        """Whether answers wait now that so many copies were accepted."""
        try:
            return count >= int(self.file.read_text())
        except FileNotFoundError:
            return False


class Session(asyncio.Protocol):
    """One connection of a client: RFC 5321 with 8BITMIME, SIZE and PIPELINING."""

    log: Log
    gate: Gate
    logins: dict[str, Path]
    limit: Path
    refusals: Counter[tuple[str, str]] = Counter()
    connections = 0
    reply_seconds = 0.0
    certificate: ssl.SSLContext | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        Session.connections += 1
        self.number = Session.connections
        self.buffer = bytearray()
        self.searched = 0
        self.in_data = False
        self.paused = self.encrypted = False
        self.taken = 0
        self.reset()
        self.say("220 sink.example ESMTP")

    def reset(self) -> None:
        self.sender: str | None = None
        self.recipients: list[str] = []

    def say(self, *lines: str) -> None:
        self.transport.write("".join(f"{line}\r\n" for line in lines).encode())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.work()

    def work(self) -> None:
        while not self.paused and not self.transport.is_closing() and self.step():
            pass

    def step(self) -> bool:
        """Take one command or one message from what has come; return False when there is no whole one."""
        return self.take_message() if self.in_data else self.take_command()

    def take_command(self) -> bool:
        end = self.buffer.find(b"\r\n")
        if end < 0:
            return False
        line = self.buffer[:end].decode("utf-8", "replace")
        del self.buffer[: end + 2]
        verb, _, rest = line.partition(" ")
        handler = getattr(self, f"on_{verb.lower()}", None)
        handler(rest) if handler else self.say("502 5.5.1 Command not implemented")
        return True

    def take_message(self) -> bool:
        end = self.buffer.find(END_OF_DATA, self.searched)
        if end < 0:
            self.searched = max(0, len(self.buffer) - len(END_OF_DATA) + 1)
            return False
        # The CRLF before the first line belongs to the command: see on_data.
        message = bytes(self.buffer[2 : end + 2]).replace(b"\r\n..", b"\r\n.")
        del self.buffer[: end + len(END_OF_DATA)]
        self.searched, self.in_data = 0, False
        self.finish(message[1:] if message.startswith(b"..") else message)
        return True

    def finish(self, message: bytes) -> None:
        """Answer a message that has come whole."""
        wishes = dict(wish(rcpt) for rcpt in self.recipients)
        if "reject-data" in wishes:
            self.reset()
            self.say("554 5.7.1 The content is not wanted here")
            return
        about = {"sender": self.sender or "", "connection": self.number, "encrypted": self.encrypted}
        self.log.accept(message, recipients=self.recipients, **about)
        self.taken += 1
        cut = self.still("cut-after-data")
        self.reset()
        if cut:
            self.transport.abort()
        elif (seconds := wishes.get("slow", self.reply_seconds)) or self.gate.is_shut(self.log.count):
            self.paused = True
            self.answer_in(seconds, hold_until=time.monotonic() + seconds + HOLD_SECONDS)
        else:
            self.say("250 2.0.0 Accepted")
            if "hang-up" in wishes:
                self.transport.close()

    def answer_in(self, seconds: float, hold_until: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self.answer_late, hold_until)

    def answer_late(self, hold_until: float) -> None:
        """Answer now, or as soon as the gate is open or hold_until has come, a time of the monotonic clock."""
        if self.gate.is_shut(self.log.count) and time.monotonic() < hold_until:
            self.answer_in(GLANCE_SECONDS, hold_until)
            return
        self.paused = False
        self.say("250 2.0.0 Accepted, at last")
        self.work()

    def still(self, bad_day: str) -> bool:
        """Count one try; return whether a recipient still wants this bad day."""
        for rcpt in self.recipients:
            kind, times = wish(rcpt)
            if kind == bad_day and Session.refusals[kind, rcpt] < times:
                Session.refusals[kind, rcpt] += 1
                return True
        return False

    def on_ehlo(self, rest: str) -> None:
        offer = ["250-STARTTLS"] if self.certificate and not self.encrypted else []
        offer += ["250-AUTH PLAIN"] if any(name.exists() for name in self.logins.values()) else []
        self.say("250-sink.example", "250-8BITMIME", "250-PIPELINING", *offer, "250 SIZE 52428800")

    def on_auth(self, rest: str) -> None:
        is_open = self.logins["accept"].exists()
        self.say("235 2.7.0 Welcome" if is_open else "535 5.7.8 Authentication credentials invalid")

    def on_starttls(self, rest: str) -> None:
        self.say("220 2.0.0 Go ahead")
        self.paused = True  # what comes next is no command
        self.handshake = asyncio.get_running_loop().create_task(self.encrypt())

    async def encrypt(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):  # the client trusts no such certificate, and leaves
            assert self.certificate is not None
            transport = await loop.start_tls(self.transport, self, self.certificate, server_side=True)
            assert transport is not None
            self.transport = transport
            self.paused, self.encrypted = False, True
            self.reset()
            self.work()  # what came together with the end of the handshake

    def is_used_up(self) -> bool:
        return self.limit.exists() and self.taken >= int(self.limit.read_text())

    def on_helo(self, rest: str) -> None:
        self.say("250 sink.example")

    def on_mail(self, rest: str) -> None:
        if self.is_used_up():
            self.say("421 4.7.0 Too many messages on this connection")
            self.transport.close()
            return
        found = ADDRESS.search(rest)
        self.reset()
        self.sender = found[1] if found else ""
        self.say("250 2.1.0 OK")

    def on_rcpt(self, rest: str) -> None:
        found = ADDRESS.search(rest)
        if self.sender is None or not found:
            self.say("503 5.5.1 MAIL first")
            return
        address = found[1]
        self.recipients.append(address)
        if wish(address)[0] == "refuse":
            self.recipients.pop()
            self.say("550 5.1.1 No such reader here")
        elif wish(address)[0] == "full":
            self.recipients.pop()
            self.say("452 4.2.2 The mailbox of this reader is full")
        elif self.still("greylist"):
            self.recipients.pop()
            self.say("451 4.7.1 Come back later")
        elif self.still("busy"):
            self.say("421 4.3.2 Too busy")
            self.transport.close()
        else:
            self.say("250 2.1.5 OK")

    def on_data(self, rest: str) -> None:
        if not self.recipients:
            self.say("503 5.5.1 RCPT first")
        elif self.still("cut-before-data"):
            self.transport.abort()
        else:
            self.in_data = True
            self.buffer[:0] = b"\r\n"  # so that a message without a line ends where it should
            self.say("354 Go ahead")

    def on_rset(self, rest: str) -> None:
        self.reset()
        self.say("250 2.0.0 OK")

    def on_noop(self, rest: str) -> None:
        self.say("250 2.0.0 OK")

    def on_quit(self, rest: str) -> None:
        self.say("221 2.0.0 Bye")
        self.transport.close()


async def serve(folder: Path, address: str, reply_seconds: float, pem: str) -> None:
    Session.log, Session.gate, Session.reply_seconds = Log(folder), Gate(folder / "gate"), reply_seconds
    Session.limit = folder / "per-connection"
    Session.logins = {name: folder / f"{name}-login" for name in ("accept", "refuse")}
    if pem:
        Session.certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        Session.certificate.load_cert_chain(pem)
    host, _, port = address.rpartition(":")
    server = await asyncio.get_running_loop().create_server(Session, host or "127.0.0.1", int(port))
    await server.serve_forever()


if __name__ == "__main__":
    seconds, pem = [*sys.argv[3:], *["0", ""][len(sys.argv) - 3 :]]
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], float(seconds), pem))
