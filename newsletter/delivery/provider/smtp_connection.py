"""One SMTP connection, one message in flight on it. No database.

Connecting, STARTTLS and login use the standard library through Django's backend. The data phase is our own, because
the moment before the final dot must be recorded, and because smtplib copies each message four times. With PIPELINING
the final dot and the commands for the next message are sent together, one round trip per message: RFC 2920 section
3.1 allows a message to be the first "command" of a group. The next message itself waits for the reply to the one
before.
"""

import re
import smtplib
import socket
import ssl
import sys
import time
from contextlib import suppress
from enum import Enum
from typing import NamedTuple, Protocol

from django.core.mail.backends.smtp import EmailBackend

from newsletter.delivery.provider.outcomes import (
    HandOverForbidden,
    ProviderRejection,
    SendOutcome,
    SendStatus,
    is_about_sender,
    reply_line,
    smtp_outcome,
)

COMMAND_SECONDS = 300  # RFC 5321 section 4.5.3.2: five minutes for MAIL, RCPT and DATA
FINAL_REPLY_SECONDS = 600  # section 4.5.3.2.6: ten for the final dot
RECV_BYTES = 4096  # per recv
DOT = b".\r\n"
# The usual match reply: a message is accepted, and the three commands for the next one too (RFC 2920).
COMBINED_SUCCESS = re.compile(rb"(250(?: [^\r\n]*)?\r\n)(?:250(?: [^\r\n]*)?\r\n){2}354(?: [^\r\n]*)?\r\n")
REPLY = re.compile(rb"(?:\d{3}-[^\r\n]*\r?\n)*(\d{3})(?: [^\r\n]*)?\r?\n")
CONNECTION_LIMIT = re.compile(rb"connection|session", re.IGNORECASE)  # a limit of messages per connection
WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Envelope(NamedTuple):
    """A message ready for the wire.

    data: without the final dot; dots at line starts are doubled or absent.
    sender: the return path; "" for the connection's default.
    """

    seq: int
    recipient: str
    data: bytes
    sender: str = ""


class SmtpStage(Enum):
    IDLE = "idle"
    COMMANDS = "commands"  # MAIL, RCPT, DATA
    WRITING = "writing"  # the message
    WAITING = "waiting"  # for the reply to the final dot, which was sent
    ABORTING = "aborting"  # an empty message after refused recipients: RFC 2920 section 3.1


class ConnectionLost(Exception):
    """A connection broke, timed out, or was closed by the server."""


class ConnectionCallbacks(Protocol):
    """Callbacks of a connection; `smtp_pool` implements them."""

    def on_dot(self, seq: int, /) -> bool:
        """Called just before the final dot of a message is sent; returns False if it must not be sent."""

    def on_outcome(self, connection: "SmtpConnection", seq: int, outcome: SendOutcome, /) -> None:
        """Called with the outcome of a message."""

    def on_throttling(self, reply: str, /) -> None:
        """Called with the reply of a server that closes the connection to slow us down."""

    def following(self, connection: "SmtpConnection") -> Envelope | None:
        """A message to pipeline after the one in flight; None for none."""


class SmtpConnection:
    """A non-blocking connection with at most one message in flight."""

    def __init__(self, backend: EmailBackend, sender: str, callbacks: ConnectionCallbacks) -> None:
        """backend: open, and owned by this object from here on."""
        smtp = backend.connection
        assert smtp is not None and smtp.sock is not None  # noqa: S101, PT018 - it was opened
        smtp.ehlo_or_helo_if_needed()
        self.backend, self.sender, self.callbacks = backend, sender.encode(), callbacks
        self.can_pipeline, self.knows_size = smtp.has_extn("pipelining"), smtp.has_extn("size")
        size = smtp.esmtp_features.get("size", "")
        self.size_max = (int(size) if size.isdecimal() else 0) or sys.maxsize
        self.sock: socket.socket = smtp.sock
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stage = SmtpStage.IDLE
        self.received = b""
        self.commands: list[bytes] = []  # commands not sent yet
        self.unanswered: list[bytes] = []  # commands without a reply yet
        self.unsent: bytes | memoryview = b""  # not taken by the kernel yet
        self.pipelined: Envelope | None = None  # the pipelined next message
        self.has_no_open_transaction = True  # on the server
        self.taken = self.answered_count = 0  # messages
        self.deadline = float("inf")
        self.events = 0  # registered with the selector
        self.message_begun_at = self.lasted_seconds = 0.0

    def take(self, envelope: Envelope) -> None:
        """Start a message on an idle connection. Raises ProviderRejection if it is too large."""
        if not self.fits(envelope):
            size = len(envelope.data)
            raise ProviderRejection(f"the server takes at most {self.size_max} bytes a message; this one has {size}")
        self._begin(envelope)
        self._enter(SmtpStage.COMMANDS, COMMAND_SECONDS)
        self.message_begun_at = time.monotonic()
        if not self.has_no_open_transaction:
            self.commands.insert(0, b"RSET\r\n")
        self._write(self._next_commands())

    def fits(self, envelope: Envelope) -> bool:
        """By the server's SIZE limit: RFC 1870."""
        return len(envelope.data) <= self.size_max

    def _begin(self, envelope: Envelope) -> None:
        self.envelope = envelope
        size = b" SIZE=%d" % len(envelope.data) if self.knows_size else b""
        self.commands = [
            b"MAIL FROM:<%s>%s\r\n" % (envelope.sender.encode() or self.sender, size),
            b"RCPT TO:<%s>\r\n" % envelope.recipient.encode(),
            b"DATA\r\n",
        ]
        self.unanswered = []
        self.refusal: tuple[bytes, int, bytes] | None = None
        self.taken += 1

    def _enter(self, stage: SmtpStage, seconds: float) -> None:
        self.stage, self.deadline = stage, time.monotonic() + seconds

    def _next_commands(self) -> bytes:
        """The next command, or all of them with PIPELINING."""
        together = len(self.commands) if self.can_pipeline else 1
        sent, self.commands = self.commands[:together], self.commands[together:]
        self.unanswered += sent
        return b"".join(sent)

    def _write(self, octets: bytes) -> None:
        self.unsent = octets
        self.on_writable()

    def _write_message(self) -> None:
        self._enter(SmtpStage.WRITING, COMMAND_SECONDS)
        self._write(self.envelope.data)

    def on_writable(self) -> None:
        """Write what the kernel takes; after the whole message, send its final dot."""
        try:
            while self.unsent:
                taken = self.sock.send(self.unsent)
                self.unsent = memoryview(self.unsent)[taken:] if taken < len(self.unsent) else b""
        except WOULD_BLOCK:
            return
        except OSError as error:
            raise ConnectionLost(str(error)) from error
        if self.stage is SmtpStage.WRITING:
            self._end_message()

    def _end_message(self) -> None:
        """Send the final dot, together with the commands for the next message."""
        self.pipelined = self.callbacks.following(self) if self.can_pipeline else None
        in_flight = self.envelope
        octets = DOT
        if self.pipelined:
            self._begin(self.pipelined)
            octets += self._next_commands()
            self.envelope = in_flight
        if not self.callbacks.on_dot(in_flight.seq):
            raise HandOverForbidden
        self._enter(SmtpStage.WAITING, FINAL_REPLY_SECONDS)
        self._write(octets)

    def on_readable(self) -> None:
        """Read replies, report outcomes, and send what comes next."""
        self._read()
        if self.pipelined and self.stage is SmtpStage.WAITING and (match := COMBINED_SUCCESS.fullmatch(self.received)):
            self._accept_combined(match[1])
        while self.stage is not SmtpStage.IDLE and (reply := REPLY.match(self.received)):
            self.received = self.received[reply.end() :]
            if outcome := self._handle_reply(int(reply[1]), reply[0]):
                self._report(outcome)

    def _accept_combined(self, reply_bytes: bytes) -> None:
        """Fast path for the usual match reply."""
        self.received, self.has_no_open_transaction = b"", True
        self._report(SendOutcome(SendStatus.SENT, reply_line(reply_bytes)))
        self.unanswered = []
        self._write_message()

    def _report(self, outcome: SendOutcome) -> None:
        """Report the outcome of the message in flight, and continue with the next one."""
        seq = self.envelope.seq
        self.answered_count += 1
        self._continue()
        self.callbacks.on_outcome(self, seq, outcome)

    def _continue(self) -> None:
        """Continue with the pipelined message, or become idle."""
        now = time.monotonic()
        self.lasted_seconds, self.message_begun_at = now - self.message_begun_at, now
        if self.pipelined:
            self.envelope, self.pipelined = self.pipelined, None
            self.stage, self.deadline = SmtpStage.COMMANDS, now + COMMAND_SECONDS
        else:
            self.stage, self.deadline = SmtpStage.IDLE, float("inf")

    def _read(self) -> None:
        try:
            octets = self.sock.recv(RECV_BYTES)
            while isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
                octets += self.sock.recv(RECV_BYTES)
        except WOULD_BLOCK:
            return
        except OSError as error:
            raise ConnectionLost(str(error)) from error
        if not octets:
            raise ConnectionLost("the server closed the connection")
        self.received += octets

    def _handle_reply(self, code: int, reply_bytes: bytes) -> SendOutcome | None:
        if code == 421:  # the server closes; a message in flight was not accepted
            self.stage = SmtpStage.COMMANDS
            raise self._closed_by_server(reply_bytes)
        if self.stage is SmtpStage.WRITING:  # the server refuses the message; no command may follow before a dot
            raise ConnectionLost(reply_line(reply_bytes))
        if self.stage is SmtpStage.WAITING:
            self.has_no_open_transaction = True
            return smtp_outcome(code, reply_bytes)
        if self.stage is SmtpStage.ABORTING:
            return self._refused()
        return self._handle_command_reply(self.unanswered.pop(0), code, reply_bytes)

    def _handle_command_reply(self, command: bytes, code: int, reply_bytes: bytes) -> SendOutcome | None:
        """Continue with the next command, the message, or the first refusal."""
        if code >= 400 and self.refusal is None:
            self.refusal = (command, code, reply_bytes)
        if self.refusal and not self.can_pipeline:
            self.commands = []
        if self.unanswered:
            return None
        if self.commands:
            self._write(self._next_commands())
        elif self.refusal is None:
            self._write_message()
        elif code == 354:
            self._enter(SmtpStage.ABORTING, COMMAND_SECONDS)
            self._write(DOT)
        else:
            return self._refused()
        return None

    def _refused(self) -> SendOutcome:
        assert self.refusal is not None  # noqa: S101 - its callers saw one
        command, code, reply_bytes = self.refusal
        self.has_no_open_transaction = False
        if not is_about_sender(command, code):
            return smtp_outcome(code, reply_bytes)
        if code >= 500:
            raise ProviderRejection(reply_line(reply_bytes))
        raise self._closed_by_server(reply_bytes)

    def _closed_by_server(self, reply_bytes: bytes) -> ConnectionLost:
        if not (self.answered_count and CONNECTION_LIMIT.search(reply_bytes)):
            self.callbacks.on_throttling(reply_line(reply_bytes))
        return ConnectionLost(reply_line(reply_bytes))

    def limit_final_wait(self, seconds: float) -> bool:
        """Send nothing more, and limit the wait for the final reply; return False if none is awaited."""
        self.pipelined, self.deadline = None, min(self.deadline, time.monotonic() + seconds)
        return self.stage is SmtpStage.WAITING

    def close(self, *, says_goodbye: bool = True) -> None:
        smtp, self.backend.connection = self.backend.connection, None
        if smtp is not None:
            with suppress(smtplib.SMTPException, OSError):
                self.sock.settimeout(1)
                if self.stage is SmtpStage.IDLE and says_goodbye:
                    smtp.quit()
            smtp.close()
