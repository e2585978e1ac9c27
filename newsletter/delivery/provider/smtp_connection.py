"""One SMTP connection, one message in flight on it. No database.

Connecting, STARTTLS and login are the standard library's, through Django's backend; the data phase is
our own, because the moment before the final dot must be marked, and because smtplib copies each message
four times. Where the server offers PIPELINING, the final dot and the questions for the next message leave
together, one round trip a message: RFC 2920 section 3.1 allows a message to be the first "command" of a group.
The next message itself waits for the answer to the one before.
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
    Answer,
    HandOverForbidden,
    Outcome,
    ProviderRefuses,
    is_about_us,
    one_line,
    smtp_answer,
)

COMMAND_SECONDS = 300  # RFC 5321 section 4.5.3.2: five minutes for MAIL, RCPT and DATA
FINAL_REPLY_SECONDS = 600  # section 4.5.3.2.6: ten for the final dot
REPLY_OCTETS = 4096  # read at once
DOT = b".\r\n"
# What nearly always comes at once: yes to a message, and to the three questions for the next (RFC 2920).
GOES_ON = re.compile(rb"(250(?: [^\r\n]*)?\r\n)(?:250(?: [^\r\n]*)?\r\n){2}354(?: [^\r\n]*)?\r\n")
REPLY = re.compile(rb"(?:\d{3}-[^\r\n]*\r?\n)*(\d{3})(?: [^\r\n]*)?\r?\n")
OF_A_LINE = re.compile(rb"connection|session", re.IGNORECASE)  # which has had its number of messages
WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Envelope(NamedTuple):
    """One message on its way.

    data: all of it but the final dot; no line of it begins with a dot.
    sender: where it comes back to; "" for the sender of its line.
    """

    seq: int
    recipient: str
    data: bytes
    sender: str = ""


class Stage(Enum):
    IDLE = "idle"
    ASKING = "asking"  # MAIL, RCPT, DATA
    WRITING = "writing"  # the message
    WAITING = "waiting"  # for the reply to the final dot, which was sent
    TAKING_BACK = "taking back"  # a message for nobody was asked for: RFC 2920 section 3.1


class LineLost(Exception):
    """A connection broke, fell silent, or was ended by the server."""


class Exchange(Protocol):
    """What a connection calls, to ask and to report. `smtp_pool` implements it."""

    def on_dot(self, seq: int, /) -> bool:
        """Called just before the final dot of a message is sent; returns False if it must not be sent."""

    def on_outcome(self, line: "Line", seq: int, outcome: Outcome, /) -> None:
        """Called with the outcome of a message."""

    def on_throttling(self, words: str, /) -> None:
        """Called with the reply of a server that ends this connection early, to slow us down."""

    def following(self, line: "Line") -> Envelope | None:
        """Return a message that may come after the one in flight on `line`, without waiting for it."""


class Line:
    """One connection, and the message in flight on it."""

    def __init__(self, backend: EmailBackend, sender: str, exchange: Exchange) -> None:
        """Use `backend`, which is open, and which nobody else uses from here on."""
        smtp = backend.connection
        assert smtp is not None and smtp.sock is not None  # noqa: S101, PT018 - it was opened
        smtp.ehlo_or_helo_if_needed()
        self.backend, self.sender, self.exchange = backend, sender.encode(), exchange
        self.can_pipeline, self.knows_size = smtp.has_extn("pipelining"), smtp.has_extn("size")
        size = smtp.esmtp_features.get("size", "")
        self.most_octets = (int(size) if size.isdecimal() else 0) or sys.maxsize
        self.sock: socket.socket = smtp.sock
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stage = Stage.IDLE
        self.received = b""
        self.questions: list[bytes] = []  # not asked yet
        self.asked: list[bytes] = []  # not answered yet
        self.unsent: bytes | memoryview = b""  # what the kernel has not taken yet
        self.coming: Envelope | None = None  # asked for together with the dot of the one in flight
        self.is_clean = True  # no transaction is left open on the server
        self.taken = self.answered = 0  # messages
        self.deadline = float("inf")
        self.events = 0  # what a selector looks for
        self.begun_at = self.lasted_seconds = 0.0

    def take(self, envelope: Envelope) -> None:
        """Begin with a message. Only an idle line takes one. Raises ProviderRefuses for one that is too large."""
        if not self.fits(envelope):
            size = len(envelope.data)
            raise ProviderRefuses(f"the server takes at most {self.most_octets} bytes a message; this one has {size}")
        self._begin(envelope)
        self._enter(Stage.ASKING, COMMAND_SECONDS)
        self.begun_at = time.monotonic()
        if not self.is_clean:
            self.questions.insert(0, b"RSET\r\n")
        self._write(self._questions())

    def fits(self, envelope: Envelope) -> bool:
        """Return whether the server takes messages as large as this one: RFC 1870."""
        return len(envelope.data) <= self.most_octets

    def _begin(self, envelope: Envelope) -> None:
        self.envelope = envelope
        size = b" SIZE=%d" % len(envelope.data) if self.knows_size else b""
        self.questions = [
            b"MAIL FROM:<%s>%s\r\n" % (envelope.sender.encode() or self.sender, size),
            b"RCPT TO:<%s>\r\n" % envelope.recipient.encode(),
            b"DATA\r\n",
        ]
        self.asked = []
        self.refusal: tuple[bytes, int, bytes] | None = None
        self.taken += 1

    def _enter(self, stage: Stage, seconds: float) -> None:
        self.stage, self.deadline = stage, time.monotonic() + seconds

    def _questions(self) -> bytes:
        """Return the next question, or all of them where the server lets us ask them together."""
        together = len(self.questions) if self.can_pipeline else 1
        asked, self.questions = self.questions[:together], self.questions[together:]
        self.asked += asked
        return b"".join(asked)

    def _write(self, octets: bytes) -> None:
        self.unsent = octets
        self.on_writable()

    def _write_message(self) -> None:
        self._enter(Stage.WRITING, COMMAND_SECONDS)
        self._write(self.envelope.data)

    def on_writable(self) -> None:
        """Write what the kernel takes; when a message is all with the kernel, hand over its dot."""
        try:
            while self.unsent:
                taken = self.sock.send(self.unsent)
                self.unsent = memoryview(self.unsent)[taken:] if taken < len(self.unsent) else b""
        except WOULD_BLOCK:
            return
        except OSError as error:
            raise LineLost(str(error)) from error
        if self.stage is Stage.WRITING:
            self._end_message()

    def _end_message(self) -> None:
        """Hand over the final dot, and with it the questions for the message that comes next."""
        self.coming = self.exchange.following(self) if self.can_pipeline else None
        in_flight = self.envelope
        octets = DOT
        if self.coming:
            self._begin(self.coming)
            octets += self._questions()
            self.envelope = in_flight
        if not self.exchange.on_dot(in_flight.seq):
            raise HandOverForbidden
        self._enter(Stage.WAITING, FINAL_REPLY_SECONDS)
        self._write(octets)

    def on_readable(self) -> None:
        """Read the replies that have arrived, report their outcomes, and send what comes next."""
        self._read()
        if self.coming and self.stage is Stage.WAITING and (all_well := GOES_ON.fullmatch(self.received)):
            self._go_straight_on(all_well[1])
        while self.stage is not Stage.IDLE and (reply := REPLY.match(self.received)):
            self.received = self.received[reply.end() :]
            if outcome := self._on_reply(int(reply[1]), reply[0]):
                self._report(outcome)

    def _go_straight_on(self, words: bytes) -> None:
        """Do at once what the answers one by one would do: the message was accepted, the next is asked for."""
        self.received, self.is_clean = b"", True
        self._report(Outcome(Answer.SENT, one_line(words)))
        self.asked = []
        self._write_message()

    def _report(self, outcome: Outcome) -> None:
        """Report the outcome of the message in flight, and go on with the next one."""
        seq = self.envelope.seq
        self.answered += 1
        self._go_on()
        self.exchange.on_outcome(self, seq, outcome)

    def _go_on(self) -> None:
        """Go on with the message whose commands were sent already, if there is one."""
        now = time.monotonic()
        self.lasted_seconds, self.begun_at = now - self.begun_at, now
        if self.coming:
            self.envelope, self.coming = self.coming, None
            self.stage, self.deadline = Stage.ASKING, now + COMMAND_SECONDS
        else:
            self.stage, self.deadline = Stage.IDLE, float("inf")

    def _read(self) -> None:
        try:
            octets = self.sock.recv(REPLY_OCTETS)
            while isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
                octets += self.sock.recv(REPLY_OCTETS)
        except WOULD_BLOCK:
            return
        except OSError as error:
            raise LineLost(str(error)) from error
        if not octets:
            raise LineLost("the server closed the connection")
        self.received += octets

    def _on_reply(self, code: int, words: bytes) -> Outcome | None:
        if code == 421:  # the server goes; whatever was in flight was not accepted
            self.stage = Stage.ASKING
            raise self._ended(words)
        if self.stage is Stage.WRITING:  # it refuses the message; no command may follow before a dot
            raise LineLost(one_line(words))
        if self.stage is Stage.WAITING:
            self.is_clean = True
            return smtp_answer(code, words)
        if self.stage is Stage.TAKING_BACK:
            return self._refused()
        return self._on_answer(self.asked.pop(0), code, words)

    def _on_answer(self, question: bytes, code: int, words: bytes) -> Outcome | None:
        """Go on with the next question, the message, or what the first refusal means."""
        if code >= 400 and self.refusal is None:
            self.refusal = (question, code, words)
        if self.refusal and not self.can_pipeline:
            self.questions = []
        if self.asked:
            return None
        if self.questions:
            self._write(self._questions())
        elif self.refusal is None:
            self._write_message()
        elif code == 354:
            self._enter(Stage.TAKING_BACK, COMMAND_SECONDS)
            self._write(DOT)
        else:
            return self._refused()
        return None

    def _refused(self) -> Outcome:
        assert self.refusal is not None  # noqa: S101 - its callers saw one
        question, code, words = self.refusal
        self.is_clean = False
        if not is_about_us(question, code):
            return smtp_answer(code, words)
        if code >= 500:
            raise ProviderRefuses(one_line(words))
        raise self._ended(words)

    def _ended(self, words: bytes) -> LineLost:
        if not (self.answered and OF_A_LINE.search(words)):
            self.exchange.on_throttling(one_line(words))
        return LineLost(one_line(words))

    def end_within(self, seconds: float) -> bool:
        """Send no further message and await the reply for so many seconds at most; return False if none is awaited."""
        self.coming, self.deadline = None, min(self.deadline, time.monotonic() + seconds)
        return self.stage is Stage.WAITING

    def close(self, *, says_goodbye: bool = True) -> None:
        smtp, self.backend.connection = self.backend.connection, None
        if smtp is not None:
            with suppress(smtplib.SMTPException, OSError):
                self.sock.settimeout(1)
                if self.stage is Stage.IDLE and says_goodbye:
                    smtp.quit()
            smtp.close()
