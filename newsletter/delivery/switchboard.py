"""Several SMTP lines to one server: who takes which message, and what becomes of those on a line that breaks.

No database. An envelope without an outcome was certainly not handed over.
"""

import math
import re
import selectors
import smtplib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from django.core.mail.backends.smtp import EmailBackend

from newsletter.delivery.smtp import Envelope, Line, LineLost, Stage, said
from newsletter.delivery.transports import Answer, Outcome, ProviderAway, ProviderRefuses, close_quietly
from newsletter.delivery.waits import LOOK_SECONDS, STOP_SECONDS, Abandoned, attended

TRIES = 3  # connections in a row that may break before the provider is called away
REFUSALS = 20  # readers refused in a row, for no reason of their own, before it is us whom the server refuses
OF_THE_READER = re.compile(r"\d\d\d[ -]5\.[12]\.")  # address or mailbox: RFC 3463 sections 3.2 and 3.3
SPARE = 1.2  # lines for each that the rate needs


class Load(NamedTuple):
    """How much of a server may be used at once.

    lines: connections at the most. per_connection: messages on each before a fresh one is opened; 0 for any number.
    rate: messages a second that are wished for; None for as many as there can be.
    """

    lines: int
    per_connection: int = 0
    rate: float | None = None


class Switchboard:
    """Several lines to one server.

    open_backend: returns a Django SMTP backend of its own for each line.
    on_dot: told the seq before a final dot leaves; False when it must not, and `is_stopping` is True from there on.
    on_throttle: told the words of a server that ended a line or took no more, although there are others.
    on_wait: called about every LOOK_SECONDS in which nothing is heard.
    is_stopping: once True, nothing more is handed over, and answers are waited for STOP_SECONDS at the most.
    """

    def __init__(
        self,
        open_backend: Callable[[], EmailBackend],
        *,
        sender: str,
        load: Load,
        on_dot: Callable[[int], bool] = lambda _seq: True,
        on_throttle: Callable[[str], None] = lambda _words: None,
        on_wait: Callable[[], None] = lambda: None,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.open_backend, self.sender, self.load = open_backend, sender, load
        self.on_dot, self.on_throttle, self.on_wait, self.is_stopping = on_dot, on_throttle, on_wait, is_stopping
        self.most = load.lines
        self.seconds = 0.0  # that a message takes, lately
        self.lines: list[Line] = []
        self.selector = selectors.DefaultSelector()
        self.again: deque[Envelope] = deque()  # certainly not handed over, though a line took them
        self.ahead: deque[Envelope] = deque()  # rendered while others were on their way
        self.refused: list[tuple[int, Outcome]] = []  # in a row, and not told yet: perhaps no reader's fault
        self.broken = self.refusals = 0  # lines, readers in a row
        self.tries: Counter[int] = Counter()  # lines that broke under a message
        self.problem: Exception | None = None  # raised when nothing is in flight any more

    def deliver(self, envelopes: Iterator[Envelope]) -> Iterator[tuple[int, Outcome]]:
        """Hand over each envelope and yield its outcome as it becomes known, in any order.

        Raises ProviderAway or ProviderRefuses when the server takes no more, or what `envelopes` raised: each
        after the last outcome.
        """
        while True:
            goes_on = self._hasten() if self.is_stopping() else self._occupy(envelopes)
            busy = [line for line in self.lines if line.stage is not Stage.IDLE]
            if not busy:
                break
            for line in self._awake(busy, 0 if goes_on else LOOK_SECONDS):
                yield from self._attend(line)
        if self.refusals < REFUSALS:
            yield from self._told()
        if self.problem:
            raise self.problem

    def _hasten(self) -> bool:
        """Give back what is not handed over, and wait no longer than STOP_SECONDS for the answers to the rest."""
        for line in list(self.lines):
            if not line.end_within(STOP_SECONDS):
                self._forget(line)
        return False

    def _occupy(self, envelopes: Iterator[Envelope]) -> bool:
        """Give idle lines a message, open one more if there is more to do than lines, and render ahead.

        Returns whether there may be more to give at once. To ask for an envelope is to wait for the rate: with
        one, each question is followed by a look at the lines, and none is asked ahead.
        """
        most = len(self.lines) + 1
        while self.problem is None and len(self.lines) <= most and (line := self._idle_line()):
            if not self._give(line, envelopes):
                return False
            if self.load.rate is not None:
                return True
        if self.load.rate is None:
            self._render_ahead(envelopes)
        return False

    def _give(self, line: Line, envelopes: Iterator[Envelope]) -> bool:
        envelope = self._supply(envelopes)
        if envelope is None:
            return False
        try:
            line.take(envelope)
        except ProviderRefuses as problem:
            self.problem = problem
        except LineLost:  # found out by the next look at the line
            pass
        return True

    def _render_ahead(self, envelopes: Iterator[Envelope]) -> None:
        while self.problem is None and len(self.ahead) < len(self.lines) and (envelope := self._next(envelopes)):
            self.ahead.append(envelope)

    def _supply(self, envelopes: Iterator[Envelope]) -> Envelope | None:
        for kept in (self.again, self.ahead):
            if kept:
                return kept.popleft()
        return self._next(envelopes)

    def _next(self, envelopes: Iterator[Envelope]) -> Envelope | None:
        try:
            return next(envelopes, None)
        except Exception as problem:  # noqa: BLE001 - raised once the answers to what is in flight are heard
            self.problem = problem
            return None

    def following(self, line: Line) -> Envelope | None:
        if self.problem is None and self.ahead and not self._is_worn(line) and line.fits(self.ahead[0]):
            return self.ahead.popleft()
        return None

    def _is_worn(self, line: Line) -> bool:
        return 0 < self.load.per_connection <= line.taken

    def _idle_line(self) -> Line | None:
        for line in self.lines:
            if line.stage is Stage.IDLE:
                return line
        return self._open() if len(self.lines) < self._wanted() else None

    def _wanted(self) -> int:
        """Return how many lines the rate needs, a fifth more for the slow ones; as many as may be without a rate."""
        if self.load.rate is None:
            return self.most
        return max(1, min(self.most, math.ceil(self.load.rate * self.seconds * SPARE)))

    def _open(self) -> Line | None:
        backend = self.open_backend()
        try:
            attended(backend.open, self._goes_on, LOOK_SECONDS, partial(close_quietly, backend))
            line = Line(backend, self.sender, self)
        except smtplib.SMTPAuthenticationError as error:
            self.problem = ProviderRefuses(f"{error.smtp_code} {said(_octets(error.smtp_error))}")
        except Abandoned:
            return None
        except (smtplib.SMTPException, OSError) as error:
            self._not_opened(str(error) or type(error).__name__)
        else:
            self.lines.append(line)
            line.events = selectors.EVENT_READ
            self.selector.register(line.sock, line.events, line)
            return line
        close_quietly(backend)
        return None

    def _goes_on(self) -> bool:
        self.on_wait()
        return not self.is_stopping()

    def _not_opened(self, reason: str) -> None:
        """A server may allow fewer lines than we wish; only without any is it away."""
        if self.lines:
            self.most = len(self.lines)
        else:
            self.problem = ProviderAway(reason)

    def _awake(self, busy: list[Line], seconds: float) -> list[Line]:
        """Return the lines that can read or write within `seconds`, or have waited too long."""
        for line in busy:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.wants_to_write else 0)
            if line.events != events:
                line.events = events
                self.selector.modify(line.sock, events, line)
        patience = max(0.0, min([line.deadline for line in busy]) - time.monotonic())
        ready: list[Line] = [key.data for key, _events in self.selector.select(min(patience, seconds))]
        if not ready:
            self.on_wait()
        now = time.monotonic()
        return ready + [line for line in busy if line.deadline <= now and line not in ready]

    def _attend(self, line: Line) -> Iterator[tuple[int, Outcome]]:
        try:
            if line.deadline <= time.monotonic():
                why = "the worker was stopped" if self.is_stopping() else "no answer in time"
                raise LineLost(why)  # noqa: TRY301 - one way for a line to be lost
            if line.wants_to_write:
                line.on_writable()
            for seq, outcome in line.on_readable():
                yield from self._heard(line, seq, outcome)
        except LineLost as lost:
            yield from self._drop(line, lost)
        except ProviderRefuses as problem:
            self.problem = problem
            self._forget(line)
        else:
            if line.stage is Stage.IDLE and self._is_worn(line):
                self._forget(line)

    def _heard(self, line: Line, seq: int, outcome: Outcome) -> Iterator[tuple[int, Outcome]]:
        """Yield an answer, or keep it while it may be us, and not the reader, who is refused."""
        self.broken = 0
        self.seconds += (line.lasted_seconds - self.seconds) * (0.2 if self.seconds else 1)
        if outcome.answer is Answer.SENT:
            self.refusals = 0
            yield from self._told()
        if outcome.answer is Answer.FAILED and not line.is_clean and not OF_THE_READER.match(outcome.reply):
            self._keep(seq, outcome)
        else:
            yield seq, outcome

    def _keep(self, seq: int, outcome: Outcome) -> None:
        """Keep the refusal of a reader whose message was not handed over, until the next is accepted.

        A server that refuses one reader after the other, such as a relay that does not know us, must not make
        the whole audience fail: without an outcome their rows go back to the queue.
        """
        self.refused.append((seq, outcome))
        self.refusals += 1
        if self.refusals >= REFUSALS and self.problem is None:
            self.problem = ProviderRefuses(outcome.reply)

    def _told(self) -> Iterator[tuple[int, Outcome]]:
        refused, self.refused = self.refused, []
        yield from refused

    def _drop(self, line: Line, lost: LineLost) -> Iterator[tuple[int, Outcome]]:
        """Give a lost line up: a message whose dot was out is uncertain, any other goes to another line.

        An idle line holds no message: its last one has its answer, and must not leave again.
        """
        self._forget(line)
        if (stage := line.stage) is Stage.IDLE:
            return
        envelope = line.envelope
        if line.coming:
            self.again.append(line.coming)
        if stage is Stage.ASKING and line.answered:  # closed while idle, or after so many messages: no failure
            self.again.appendleft(envelope)
            return
        self.broken += 1
        if self.broken >= TRIES * (self.most if self.lines else 1) and not self.is_stopping():
            self.problem = ProviderAway(str(lost))
        if stage is Stage.WAITING:
            yield envelope.seq, Outcome(Answer.UNCERTAIN, f"no answer after the message: {lost}"[:500])
        elif self._has_failed_too_often(envelope):
            words = f"the connection broke before the message was handed over: {lost}"
            yield envelope.seq, Outcome(Answer.DEFERRED, words[:500])
        else:
            self.again.append(envelope)

    def _has_failed_too_often(self, envelope: Envelope) -> bool:
        """Count one more line that broke under a message: one reader must not hold up all that follow."""
        self.tries[envelope.seq] += 1
        return self.tries[envelope.seq] >= TRIES

    def _forget(self, line: Line) -> None:
        self.lines.remove(line)
        self.selector.unregister(line.sock)
        line.close(says_goodbye=not self.is_stopping())

    def close(self) -> None:
        for line in list(self.lines):
            self._forget(line)
        self.selector.close()


def _octets(words: bytes | str) -> bytes:
    return words if isinstance(words, bytes) else words.encode()
