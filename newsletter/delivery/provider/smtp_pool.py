"""The connections to one SMTP server: how many there may be, opening and closing them. No database."""

import math
import selectors
import smtplib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import NamedTuple

from django.core.mail.backends.smtp import EmailBackend

from newsletter.delivery.provider.growth import Connections
from newsletter.delivery.provider.interruptible import LOOK_SECONDS, STOP_SECONDS, StopDeadline, begun
from newsletter.delivery.provider.outcomes import (
    Answer,
    HandOverForbidden,
    Outcome,
    ProviderAway,
    ProviderRefuses,
    Refusals,
    one_line,
)
from newsletter.delivery.provider.smtp_connection import Envelope, Line, LineLost, Stage
from newsletter.delivery.rate import GREYLISTED, is_throttling

AT_ONCE = 16  # connections that are opened at the same time
SPARE = 1.2  # lines for each that the rate needs
GOODBYE_SECONDS = 1.5  # for all lines together
OPENING_SECONDS = 0.02  # between looks at connections that are being opened, while no socket is ready


class Load(NamedTuple):
    """How much of a server may be used at once.

    lines: connections at the most. per_connection: messages on each before a fresh one is opened; 0 for any number.
    rate: messages a second that are wished for; None for as many as there can be.
    first: connections to begin with; None for as many as there may be.
    """

    lines: int
    per_connection: int = 0
    rate: float | None = None
    first: int | None = None

    def connections(self) -> Connections:
        """Return how many are wanted at the beginning, and what lets them become more and fewer."""
        return Connections(self.first or self.lines, self.lines, is_measured=self.rate is None)


class Pool:
    """The lines that are open, and those on their way to it.

    open_backend: returns a Django SMTP backend of its own for each. make_line: what an open one becomes.
    """

    def __init__(
        self, open_backend: Callable[[], EmailBackend], make_line: Callable[[EmailBackend], Line], load: Load
    ) -> None:
        self.open_backend, self.make_line, self.load = open_backend, make_line, load
        self.connections = load.connections()
        self.lines: list[Line] = []
        self.opening: list[Future[Line]] = []
        self.selector = selectors.DefaultSelector()
        self.seconds = 0.0  # that a message takes, lately
        self.problem: Exception | None = None  # why there is no line, and will be none

    @property
    def rate(self) -> float:
        """Return messages a second, as it went lately."""
        return len(self.lines) / self.seconds if self.seconds else 0.0

    def idle(self) -> Line | None:
        return next((line for line in self.lines if line.stage is Stage.IDLE), None)

    def is_idle(self) -> bool:
        return all(line.stage is Stage.IDLE for line in self.lines)

    def select(self, seconds: float) -> list[Line]:
        """Return the lines that can read or write within `seconds`; take over those that are open by then."""
        events = self.selector.select(min(seconds, OPENING_SECONDS) if self.opening else seconds)
        self._take_over({one for one in self.opening if one.done()})
        return [key.data for key, _events in events]

    def look_for(self, line: Line, events: int) -> None:
        if line.events != events:
            line.events = events
            self.selector.modify(line.sock, events, line)

    # --- More ---

    def first(self, goes_on: Callable[[], bool], every: float) -> Line | None:
        """Return an idle line; if there is no line at all, wait for one as long as `goes_on`, asked every so often."""
        if not self.lines and self.problem is None:
            self._begin(1 - len(self.opening))
        while not self.lines and self.problem is None:
            self._take_over(wait(self.opening, every, FIRST_COMPLETED).done)
            if not self.lines and self.problem is None and not goes_on():
                self.give_up_opening()
                return None
        return self.idle()

    def grow(self, waiting: int) -> None:
        """Begin to open the lines that are wanted, if there are so many messages waiting for them."""
        missing = self._wanted() - len(self.lines) - len(self.opening)
        if missing > 0 and self.problem is None:
            self._begin(min(missing, waiting - len(self.opening)))

    def _wanted(self) -> int:
        """Return how many lines the rate needs, a fifth more for the slow ones; as many as may be without a rate."""
        if self.load.rate is None:
            return self.connections.wanted
        return max(1, min(self.connections.wanted, math.ceil(self.load.rate * self.seconds * SPARE)))

    def _begin(self, count: int) -> None:
        for _ in range(min(count, AT_ONCE - len(self.opening))):
            backend = self.open_backend()
            self.opening.append(begun(partial(self._open, backend), partial(close_quietly, backend)))

    def _open(self, backend: EmailBackend) -> Line:
        try:
            backend.open()
            return self.make_line(backend)
        except BaseException:
            close_quietly(backend)
            raise

    def _take_over(self, ended: set[Future[Line]]) -> None:
        self.opening = [one for one in self.opening if one not in ended]
        for one in ended:
            try:
                line = one.result()
            except smtplib.SMTPAuthenticationError as error:
                self.problem = ProviderRefuses(f"{error.smtp_code} {one_line(error.smtp_error)}")
            except (smtplib.SMTPException, OSError) as error:
                self._not_opened(str(error) or type(error).__name__)
            else:
                self.lines.append(line)
                line.events = selectors.EVENT_READ
                self.selector.register(line.sock, line.events, line)

    def _not_opened(self, reason: str) -> None:
        """Go on with the connections that are open; without any the provider is away."""
        if self.lines:
            self.connections.refused(time.monotonic(), len(self.lines))
        elif not self.opening:
            self.problem = ProviderAway(reason)

    # --- Fewer ---

    def has_served(self, line: Line) -> bool:
        """Return whether a line is to be closed when it is idle: it is worn, or one too many."""
        is_worn, most = 0 < self.load.per_connection <= line.taken, self.connections.wanted
        return is_worn or (len(self.lines) > most and line in self.lines[most:])

    def forget(self, line: Line, *, says_goodbye: bool) -> Future[None]:
        """Close a line in a thread: its server may take its time to say goodbye, and the others go on."""
        self.lines.remove(line)
        self.selector.unregister(line.sock)
        return begun(partial(line.close, says_goodbye=says_goodbye))

    def give_up_opening(self) -> None:
        """Wait for no line that is being opened; each is closed as soon as it is open."""
        for one in self.opening:
            if not one.cancel() and one.exception() is None:
                one.result().close()
        self.opening = []

    def close(self, *, says_goodbye: bool) -> None:
        self.give_up_opening()
        wait([self.forget(line, says_goodbye=says_goodbye) for line in list(self.lines)], GOODBYE_SECONDS)
        self.selector.close()


def close_quietly(backend: EmailBackend) -> None:
    """Close a backend whose opening failed half-way."""
    for name in ("connection", "_partial_connection"):
        connection: smtplib.SMTP | None = getattr(backend, name)
        setattr(backend, name, None)
        if connection is not None:
            connection.close()


TRIES = 3  # connections in a row that may break before the provider is called away
BOTH = selectors.EVENT_READ | selectors.EVENT_WRITE
AHEAD, AHEAD_SECONDS = 32, 0.003  # messages rendered ahead at the most, and how long they last
LOCAL_ERRORS = ("451", "452")  # the server is in trouble: RFC 5321 section 4.2.3


class Switchboard:
    """Several lines to one server.

    open_backend: returns a Django SMTP backend of its own for each line.
    on_dot: called with the seq before a final dot is sent; returns False when nothing may be sent any more.
    on_answer: called with the outcome of a message before its connection goes on; `deliver` yields it soon after.
    on_throttling: called with the reply of a server that asks for a slower pace on one connection.
    stop_deadline: called while no socket is ready. After a stop no new message is sent.
    """

    def __init__(
        self,
        open_backend: Callable[[], EmailBackend],
        *,
        sender: str,
        load: Load,
        on_dot: Callable[[int], bool] = lambda _seq: True,
        on_answer: Callable[[int, Outcome], None] = lambda _seq, _outcome: None,
        on_throttling: Callable[[str], None] = lambda _words: None,
        stop_deadline: StopDeadline | None = None,
    ) -> None:
        self.load = load
        self.pool = Pool(open_backend, lambda backend: Line(backend, sender, self), load)
        self.on_dot, self.on_answer, self.report_throttling = on_dot, on_answer, on_throttling
        self.stop_deadline = stop_deadline or StopDeadline()
        self.again: deque[Envelope] = deque()  # certainly not sent: their connection broke
        self.ahead: deque[Envelope] = deque()  # rendered, and not sent yet
        self.outcomes: list[tuple[int, Outcome]] = []  # received, and not yielded yet
        self.refusals = Refusals()
        self.broken: Counter[int] = Counter()  # lines that broke in a row, by the message under which
        self.tries: Counter[int] = Counter()  # lines that broke under a message
        self.has_answered = False  # a message of those that are being delivered
        self.look_at = 0.0  # when lines that waited too long are looked for again
        self.problem: Exception | None = None  # raised when nothing is in flight any more

    def deliver(self, envelopes: Iterator[Envelope]) -> Iterator[tuple[int, Outcome]]:
        """Hand over each envelope and yield its outcome as it becomes known, in any order.

        Raises ProviderAway or ProviderRefuses when the server takes no more, HandOverForbidden, or what
        `envelopes` raised: each after the last outcome.
        """
        self.pool.connections.begin()
        self.has_answered = False
        while True:
            goes_on = self._hasten() if self.stop_deadline.is_stopping() else self._occupy(envelopes)
            if self.pool.is_idle():
                break
            for line in self._awake(0 if goes_on else LOOK_SECONDS):
                self._attend(line)
            outcomes, self.outcomes = self.outcomes, []
            yield from outcomes
        if not self.refusals.are_ours:
            yield from self.refusals.release()
        if self.problem:
            raise self.problem

    def _hasten(self) -> bool:
        """After a stop: close connections without a message in flight, and limit the wait for the others' replies."""
        for line in list(self.pool.lines):
            if not line.end_within(STOP_SECONDS):
                self._forget(line)
        return False

    def _occupy(self, envelopes: Iterator[Envelope]) -> bool:
        """Give idle lines a message, render ahead, and have more lines opened if there is more to do than they can.

        Returns whether there may be more to give at once. To ask for an envelope is to wait for the rate: with
        one, each question is followed by a look at the lines, and none is asked ahead.
        """
        while self.problem is None and (line := self._idle_line()):
            if not self._give(line, envelopes):
                return False
            if self.load.rate is not None:
                return True
        if self.load.rate is None:
            self._render_ahead(envelopes)
        if self.problem is None:
            self.pool.grow(1 if self.load.rate is not None else len(self.again) + len(self.ahead))
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
        self._look_for(line)
        return True

    def _render_ahead(self, envelopes: Iterator[Envelope]) -> None:
        """Render in one go what leaves within a moment: to turn from one work to the other costs a fifth of both."""
        lines = len(self.pool.lines)
        if len(self.ahead) < lines:
            most = max(lines, min(AHEAD, int(self.pool.rate * AHEAD_SECONDS)))
            while self.problem is None and len(self.ahead) < most and (envelope := self._next(envelopes)):
                self.ahead.append(envelope)

    def _supply(self, envelopes: Iterator[Envelope]) -> Envelope | None:
        """Return the next message; one under which the last line broke waits until another was tried."""
        if self.again and self.again[0].seq not in self.broken:
            return self.again.popleft()
        fresh = self.ahead.popleft() if self.ahead else self._next(envelopes)
        if fresh is None and self.again and self.problem is None:
            return self.again.popleft()
        return fresh

    def _next(self, envelopes: Iterator[Envelope]) -> Envelope | None:
        try:
            return next(envelopes, None)
        except Exception as problem:  # noqa: BLE001 - raised after the replies to the messages in flight
            self.problem = problem
            return None

    def following(self, line: Line) -> Envelope | None:
        if self.problem is None and self.ahead and not self.pool.has_served(line) and line.fits(self.ahead[0]):
            return self.ahead.popleft()
        return None

    def _idle_line(self) -> Line | None:
        """Return an idle line, the first of all waited for unless the worker is stopped."""
        line = self.pool.first(self._goes_on, LOOK_SECONDS)
        self.problem = self.problem or self.pool.problem
        return line

    def _goes_on(self) -> bool:
        self.stop_deadline.on_wait()
        return not self.stop_deadline.is_stopping()

    def _awake(self, seconds: float) -> list[Line]:
        """Return the lines that can read or write within `seconds`, and now and then those that waited too long."""
        ready = self.pool.select(seconds)
        self.problem = self.problem or self.pool.problem
        now = time.monotonic()
        if not ready:
            self.stop_deadline.on_wait()
        if ready and now < self.look_at:
            return ready
        self.look_at = now + LOOK_SECONDS
        return ready + [line for line in self.pool.lines if line.deadline <= now and line not in ready]

    def _attend(self, line: Line) -> None:
        try:
            if line.unsent:
                line.on_writable()
            line.on_readable()
            if line.deadline <= time.monotonic():
                why = "the worker was stopped" if self.stop_deadline.is_stopping() else "no answer in time"
                raise LineLost(why)  # noqa: TRY301 - one way for a line to be lost
        except LineLost as lost:
            self._drop(line, lost)
        except (ProviderRefuses, HandOverForbidden) as problem:
            self.problem = problem
            self._forget(line)
        else:
            if line.unsent or line.events != selectors.EVENT_READ:
                self._look_for(line)
            if line.stage is Stage.IDLE and self.pool.has_served(line):
                self._forget(line)

    def _look_for(self, line: Line) -> None:
        """Wait for what a line waits for: an answer, and room for what is not written yet."""
        self.pool.look_for(line, BOTH if line.unsent else selectors.EVENT_READ)

    def on_outcome(self, line: Line, seq: int, outcome: Outcome) -> None:
        self.broken.clear()
        self.has_answered = True
        self._learn(line, outcome)
        if outcome.answer is Answer.SENT:
            self.outcomes += self.refusals.end()
        if not self.refusals.keep(seq, outcome):
            self.on_answer(seq, outcome)
            self.outcomes.append((seq, outcome))
        elif line.is_clean:  # it came after the dot: should this worker die, the message is tried again
            self.on_answer(seq, outcome._replace(answer=Answer.DEFERRED))
        self.problem = self.problem or self.refusals.problem

    def _learn(self, line: Line, outcome: Outcome) -> None:
        """Measure the server by this answer: seconds a message, and how many connections it keeps up with."""
        pool, now = self.pool, line.begun_at  # when the answer came, what is next began
        pool.seconds += (line.lasted_seconds - pool.seconds) * (0.2 if pool.seconds else 1)
        pool.connections.answered(now, len(pool.lines))
        if outcome.answer is Answer.DEFERRED and is_overloaded(outcome.reply):
            pool.connections.asked_to_slow_down(now)

    def on_throttling(self, words: str) -> None:
        self.pool.connections.throttled(time.monotonic())
        self.report_throttling(words)

    def _drop(self, line: Line, lost: LineLost) -> None:
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
        self.broken[envelope.seq] += 1
        if self._is_away() and not self.stop_deadline.is_stopping():
            self.problem = ProviderAway(str(lost))
        if stage is Stage.WAITING:
            words = f"no answer after the message: {lost}"
            self.outcomes.append((envelope.seq, Outcome(Answer.UNCERTAIN, words[:500])))
        elif self._has_failed_too_often(envelope):
            words = f"the connection broke before the message was handed over: {lost}"
            self.outcomes.append((envelope.seq, Outcome(Answer.DEFERRED, words[:500])))
        else:
            self.again.append(envelope)

    def _is_away(self) -> bool:
        """Return whether so many lines broke in a row that the server takes nothing.

        Where it has answered others, and all of them broke under one message, it is that message that it does not take.
        """
        if len(self.broken) == 1 and self.has_answered:
            return False
        most = self.pool.connections.wanted if self.pool.lines or self.pool.opening else 1
        return self.broken.total() >= TRIES * most

    def _has_failed_too_often(self, envelope: Envelope) -> bool:
        """Count a line that broke under a message: one reader must not hold up all that follow."""
        self.tries[envelope.seq] += 1
        return self.tries[envelope.seq] >= TRIES

    def _forget(self, line: Line) -> None:
        self.pool.forget(line, says_goodbye=not self.stop_deadline.is_stopping())

    def close(self) -> None:
        self.pool.close(says_goodbye=not self.stop_deadline.is_stopping())


def is_overloaded(words: str) -> bool:
    """Return whether a server's “later” is about itself, by its code and words; greylisting is about a reader."""
    return is_throttling(words) or (words.startswith(LOCAL_ERRORS) and not GREYLISTED.search(words))
