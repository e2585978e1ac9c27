"""The SMTP courier: several kept connections, one message in flight on each. No database.

Connecting, STARTTLS and login are the standard library's, through Django's backend; the data phase is
our own, because the moment before the final dot must be marked, and because smtplib copies each message
four times. Commands are pipelined where the server offers it (RFC 2920).
"""

import re
import selectors
import smtplib
import socket
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum
from typing import NamedTuple

from django.core.mail.backends.smtp import EmailBackend

from newsletter.delivery.transports import Answer, Outcome, ProviderAway, ProviderRefuses

COMMAND_SECONDS = 300  # RFC 5321 section 4.5.3.2: five minutes for MAIL, RCPT and DATA
FINAL_REPLY_SECONDS = 600  # section 4.5.3.2.6: ten for the final dot
DOT = b".\r\n"
REPLY = re.compile(rb"(?:\d{3}-[^\r\n]*\r?\n)*(\d{3})(?: [^\r\n]*)?\r?\n")
TRIES = 3  # connections in a row that may break before the provider is called away
WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Envelope(NamedTuple):
    """One message on its way. data: all of it but the final dot; no line of it begins with a dot."""

    seq: int
    recipient: str
    data: bytes


class Stage(Enum):
    IDLE = "idle"
    ASKING = "asking"  # MAIL, RCPT, DATA
    WRITING = "writing"  # the message
    WAITING = "waiting"  # the final dot is out of our hands
    TAKING_BACK = "taking back"  # a message for nobody was asked for: RFC 2920 section 3.1


class LineLost(Exception):
    """A connection broke, fell silent, or was ended by the server."""


class Line:
    """One connection, and the message in flight on it."""

    def __init__(self, backend: EmailBackend, sender: str, on_dot: Callable[[int], None]) -> None:
        """backend: opened, and used by nobody else from here on. on_dot: told the seq before its final dot leaves."""
        smtp = backend.connection
        assert smtp is not None and smtp.sock is not None  # noqa: S101, PT018 - it was opened
        smtp.ehlo_or_helo_if_needed()
        self.backend, self.sender, self.on_dot = backend, sender.encode(), on_dot
        self.can_pipeline = smtp.has_extn("pipelining")
        self.sock: socket.socket = smtp.sock
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stage = Stage.IDLE
        self.received = b""
        self.unsent = memoryview(b"")
        self.is_clean = True  # no transaction is left open on the server
        self.deadline = float("inf")

    def take(self, envelope: Envelope) -> None:
        """Begin with a message. Only an idle line takes one."""
        self.envelope = envelope
        self.questions = deque(
            [
                ("MAIL", b"MAIL FROM:<%s>\r\n" % self.sender),
                ("RCPT", b"RCPT TO:<%s>\r\n" % envelope.recipient.encode()),
                ("DATA", b"DATA\r\n"),
            ]
        )
        if not self.is_clean:
            self.questions.appendleft(("RSET", b"RSET\r\n"))
        self.asked: deque[str] = deque()
        self.refusal: tuple[str, int, bytes] | None = None
        self._enter(Stage.ASKING, COMMAND_SECONDS)
        self._ask()

    def _enter(self, stage: Stage, seconds: float) -> None:
        self.stage, self.deadline = stage, time.monotonic() + seconds

    def _ask(self) -> None:
        """Ask the next question, or all of them where the server lets us."""
        octets = b""
        while self.questions and (self.can_pipeline or not octets):
            name, question = self.questions.popleft()
            self.asked.append(name)
            octets += question
        self._write(octets)

    def _write(self, octets: bytes) -> None:
        self.unsent = memoryview(octets)
        self.on_writable()

    @property
    def wants_to_write(self) -> bool:
        return bool(self.unsent)

    def on_writable(self) -> None:
        """Write what the kernel takes; when a message is all with the kernel, hand over its dot."""
        try:
            while self.unsent:
                self.unsent = self.unsent[self.sock.send(self.unsent) :]
        except WOULD_BLOCK:
            return
        except OSError as error:
            raise LineLost(str(error)) from error
        if self.stage is Stage.WRITING:
            self._enter(Stage.WAITING, FINAL_REPLY_SECONDS)
            self.on_dot(self.envelope.seq)
            self._write(DOT)

    def on_readable(self) -> Outcome | None:
        """Read what has come; return the outcome of the message in flight once it is known."""
        self._read()
        while self.stage is not Stage.IDLE and (reply := REPLY.match(self.received)):
            self.received = self.received[reply.end() :]
            if outcome := self._on_reply(int(reply[1]), reply[0]):
                self.stage, self.deadline = Stage.IDLE, float("inf")
                return outcome
        return None

    def _read(self) -> None:
        try:
            octets = self.sock.recv(65536)
            while isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
                octets += self.sock.recv(65536)
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
            raise LineLost(said(words))
        if self.stage is Stage.WRITING:  # it will not have the message, and hears no more commands before a dot
            raise LineLost(said(words))
        if self.stage is Stage.WAITING:
            self.is_clean = True
            return _answer(code, words)
        if self.stage is Stage.TAKING_BACK:
            return self._refused()
        return self._on_answer(self.asked.popleft(), code, words)

    def _on_answer(self, question: str, code: int, words: bytes) -> Outcome | None:
        """Go on with the next question, the message, or what the first refusal means."""
        if code >= 400 and self.refusal is None:
            self.refusal = (question, code, words)
        if self.refusal and not self.can_pipeline:
            self.questions.clear()
        if self.asked:
            return None
        if self.questions:
            self._ask()
        elif self.refusal is None:
            self._enter(Stage.WRITING, COMMAND_SECONDS)
            self._write(self.envelope.data)
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
        if question != "MAIL" and code != 530:  # "authentication required" is no reader's fault: RFC 4954 section 6
            return _answer(code, words)
        if code >= 500:
            raise ProviderRefuses(said(words))
        raise LineLost(said(words))

    def close(self) -> None:
        smtp, self.backend.connection = self.backend.connection, None
        if smtp is not None:
            with suppress(smtplib.SMTPException, OSError):
                self.sock.settimeout(1)
                if self.stage is Stage.IDLE:
                    smtp.quit()
            smtp.close()


def said(words: bytes) -> str:
    """Return a reply on one line, without NUL, which PostgreSQL does not take."""
    return " ".join(words.decode(errors="replace").replace("\0", "").split())[:500]


def _answer(code: int, words: bytes) -> Outcome:
    if code < 400:
        return Outcome(Answer.SENT, said(words))
    return Outcome(Answer.FAILED if code >= 500 else Answer.DEFERRED, said(words))


class Switchboard:
    """Several lines to one server.

    open_backend: returns a Django SMTP backend of its own for each line.
    lines: how many at the most. K = wished rate x (round trip + the server's time for a message).
    """

    def __init__(
        self,
        open_backend: Callable[[], EmailBackend],
        *,
        sender: str,
        lines: int,
        on_dot: Callable[[int], None] = lambda _seq: None,
    ) -> None:
        self.open_backend, self.sender, self.most, self.on_dot = open_backend, sender, lines, on_dot
        self.lines: list[Line] = []
        self.selector = selectors.DefaultSelector()
        self.again: deque[Envelope] = deque()  # certainly not handed over, though a line took them
        self.broken = 0  # lines in a row that broke
        self.tries: Counter[int] = Counter()  # lines that broke under a message
        self.problem: Exception | None = None  # raised when nothing is in flight any more

    def deliver(self, envelopes: Iterator[Envelope]) -> Iterator[tuple[int, Outcome]]:
        """Hand over each envelope and yield its outcome as it becomes known, in any order.

        An envelope without an outcome was certainly not handed over. Raises ProviderAway or
        ProviderRefuses when the server takes no more, or what `envelopes` raised: each after the last outcome.
        """
        while True:
            self._occupy(envelopes)
            busy = [line for line in self.lines if line.stage is not Stage.IDLE]
            if not busy:
                break
            for line in self._awake(busy):
                if outcome := self._attend(line):
                    yield line.envelope.seq, outcome
        if self.problem:
            raise self.problem

    def _occupy(self, envelopes: Iterator[Envelope]) -> None:
        """Give every line a message, and open lines as long as there is more to do than lines."""
        while self.problem is None and (line := self._idle_line()):
            envelope = self.again.popleft() if self.again else self._next(envelopes)
            if envelope is None:
                return
            with suppress(LineLost):  # found out by the next look at the line
                line.take(envelope)

    def _next(self, envelopes: Iterator[Envelope]) -> Envelope | None:
        try:
            return next(envelopes, None)
        except Exception as problem:  # noqa: BLE001 - raised once the answers to what is in flight are heard
            self.problem = problem
            return None

    def _idle_line(self) -> Line | None:
        for line in self.lines:
            if line.stage is Stage.IDLE:
                return line
        return self._open() if len(self.lines) < self.most else None

    def _open(self) -> Line | None:
        backend = self.open_backend()
        try:
            backend.open()
            line = Line(backend, self.sender, self.on_dot)
        except smtplib.SMTPAuthenticationError as error:
            self.problem = ProviderRefuses(f"{error.smtp_code} {said(_octets(error.smtp_error))}")
        except (smtplib.SMTPException, OSError) as error:
            self._not_opened(str(error) or type(error).__name__)
        else:
            self.lines.append(line)
            self.selector.register(line.sock, selectors.EVENT_READ, line)
            return line
        close_quietly(backend)
        return None

    def _not_opened(self, reason: str) -> None:
        """A server may allow fewer lines than we wish; only without any is it away."""
        if self.lines:
            self.most = len(self.lines)
        else:
            self.problem = ProviderAway(reason)

    def _awake(self, busy: list[Line]) -> list[Line]:
        """Return the lines that can read or write, or have waited too long."""
        for line in busy:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.wants_to_write else 0)
            if self.selector.get_key(line.sock).events != events:
                self.selector.modify(line.sock, events, line)
        patience = max(0.0, min(line.deadline for line in busy) - time.monotonic())
        ready: list[Line] = [key.data for key, _events in self.selector.select(min(patience, 1.0))]
        now = time.monotonic()
        return ready + [line for line in busy if line.deadline <= now and line not in ready]

    def _attend(self, line: Line) -> Outcome | None:
        try:
            if line.deadline <= time.monotonic():
                raise LineLost("no answer in time")  # noqa: TRY301 - one way for a line to be lost
            if line.wants_to_write:
                line.on_writable()
            outcome = line.on_readable()
        except LineLost as lost:
            return self._drop(line, lost)
        except ProviderRefuses as problem:
            self.problem = problem
            self._forget(line)
            return None
        if outcome:
            self.broken = 0
        return outcome

    def _drop(self, line: Line, lost: LineLost) -> Outcome | None:
        """Give a lost line up: a message whose dot was out is uncertain, any other goes to another line."""
        stage = line.stage
        self._forget(line)
        if stage is Stage.IDLE:
            return None
        self.broken += 1
        if self.broken >= TRIES * (self.most if self.lines else 1):
            self.problem = ProviderAway(str(lost))
        if stage is Stage.WAITING:
            return Outcome(Answer.UNCERTAIN, f"no answer after the message: {lost}"[:500])
        self.tries[line.envelope.seq] += 1
        if self.tries[line.envelope.seq] >= TRIES:  # one reader must not hold up all that follow
            return Outcome(Answer.DEFERRED, f"the connection broke before the message was handed over: {lost}"[:500])
        self.again.append(line.envelope)
        return None

    def _forget(self, line: Line) -> None:
        self.lines.remove(line)
        self.selector.unregister(line.sock)
        line.close()

    def close(self) -> None:
        for line in list(self.lines):
            self._forget(line)
        self.selector.close()


def _octets(words: bytes | str) -> bytes:
    return words if isinstance(words, bytes) else words.encode()


def close_quietly(backend: EmailBackend) -> None:
    """Close a backend whose opening failed half-way."""
    for name in ("connection", "_partial_connection"):
        connection: smtplib.SMTP | None = getattr(backend, name)
        setattr(backend, name, None)
        if connection is not None:
            connection.close()
