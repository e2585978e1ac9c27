"""Sends messages over several connections to one SMTP server. No database."""

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

from newsletter.delivery.provider.connection_scaling import ConnectionScaler
from newsletter.delivery.provider.outcomes import (
    HandOverForbidden,
    ProviderRejection,
    ProviderUnavailable,
    Refusals,
    SendOutcome,
    SendStatus,
    reply_line,
)
from newsletter.delivery.provider.smtp_connection import ConnectionLost, Envelope, SmtpConnection, SmtpStage
from newsletter.delivery.provider.stoppable_wait import POLL_SECONDS, STOP_GRACE_SECONDS, StopControl, run_in_thread
from newsletter.delivery.rate import GREYLISTED, is_throttling

OPENING_MAX = 16  # connections opened concurrently
SPARE_FACTOR = 1.2  # factor on the connections that a rate needs
GOODBYE_SECONDS = 1.5  # for all connections together
OPENING_SECONDS = 0.02  # between checks of connections being opened, while no socket is ready


class ConnectionLimits(NamedTuple):
    """Limits for one server.

    connections: connections at most. per_connection: messages before a connection is replaced; 0 for any number.
    rate: messages a second; None for no limit. first: connections at the start; None for `connections`.
    """

    connections: int
    per_connection: int = 0
    rate: float | None = None
    first: int | None = None

    def scaler(self) -> ConnectionScaler:
        return ConnectionScaler(self.first or self.connections, self.connections, is_measured=self.rate is None)


class ConnectionPool:
    """Open connections, and those being opened in threads.

    open_backend: returns a new Django SMTP backend. wrap: wraps an open one.
    """

    def __init__(
        self,
        open_backend: Callable[[], EmailBackend],
        wrap: Callable[[EmailBackend], SmtpConnection],
        limits: ConnectionLimits,
    ) -> None:
        self.open_backend, self.wrap, self.limits = open_backend, wrap, limits
        self.scaler = limits.scaler()
        self.connections: list[SmtpConnection] = []
        self.opening: list[Future[SmtpConnection]] = []
        self.selector = selectors.DefaultSelector()
        self.seconds = 0.0  # per message, a moving average
        self.problem: Exception | None = None  # why no connection can be opened

    @property
    def rate(self) -> float:
        return len(self.connections) / self.seconds if self.seconds else 0.0

    def idle(self) -> SmtpConnection | None:
        return next((connection for connection in self.connections if connection.stage is SmtpStage.IDLE), None)

    def is_idle(self) -> bool:
        return all(connection.stage is SmtpStage.IDLE for connection in self.connections)

    def select(self, seconds: float) -> list[SmtpConnection]:
        """Connections that can read or write within `seconds`. Also adds those that have been opened."""
        events = self.selector.select(min(seconds, OPENING_SECONDS) if self.opening else seconds)
        self._add_opened({one for one in self.opening if one.done()})
        return [key.data for key, _events in events]

    def select_for(self, connection: SmtpConnection) -> None:
        """Select for replies, and for writing if there is unsent data."""
        events = READ_WRITE if connection.unsent else selectors.EVENT_READ
        if connection.events != events:
            connection.events = events
            self.selector.modify(connection.sock, events, connection)

    def wait_for_idle(self, goes_on: Callable[[], bool], every: float) -> SmtpConnection | None:
        """An idle connection. Without any connection, wait for one as long as `goes_on` returns True."""
        if not self.connections and self.problem is None:
            self._start_opening(1 - len(self.opening))
        while not self.connections and self.problem is None:
            self._add_opened(wait(self.opening, every, FIRST_COMPLETED).done)
            if not self.connections and self.problem is None and not goes_on():
                self.give_up_opening()
                return None
        return self.idle()

    def grow(self, waiting: int) -> None:
        """Start opening the wanted connections, at most one per waiting message."""
        missing = self._wanted() - len(self.connections) - len(self.opening)
        if missing > 0 and self.problem is None:
            self._start_opening(min(missing, waiting - len(self.opening)))

    def _wanted(self) -> int:
        """Connections to use: as many as a rate needs, times SPARE_FACTOR; without a rate, what the scaler wants."""
        if self.limits.rate is None:
            return self.scaler.wanted
        return max(1, min(self.scaler.wanted, math.ceil(self.limits.rate * self.seconds * SPARE_FACTOR)))

    def _start_opening(self, count: int) -> None:
        for _ in range(min(count, OPENING_MAX - len(self.opening))):
            backend = self.open_backend()
            self.opening += [run_in_thread(partial(self._open, backend), on_cancelled=partial(close_quietly, backend))]

    def _open(self, backend: EmailBackend) -> SmtpConnection:
        try:
            backend.open()
            return self.wrap(backend)
        except BaseException:
            close_quietly(backend)
            raise

    def _add_opened(self, ended: set[Future[SmtpConnection]]) -> None:
        self.opening = [one for one in self.opening if one not in ended]
        for one in ended:
            try:
                connection = one.result()
            except smtplib.SMTPAuthenticationError as error:
                self.problem = ProviderRejection(f"{error.smtp_code} {reply_line(error.smtp_error)}")
            except (smtplib.SMTPException, OSError) as error:
                self._not_opened(str(error) or type(error).__name__)
            else:
                self.connections.append(connection)
                connection.events = selectors.EVENT_READ
                self.selector.register(connection.sock, connection.events, connection)

    def _not_opened(self, reason: str) -> None:
        """Continue with the open connections; without any the provider is unavailable."""
        if self.connections:
            self.scaler.on_refused(time.monotonic(), len(self.connections))
        elif not self.opening:
            self.problem = ProviderUnavailable(reason)

    def should_close(self, connection: SmtpConnection) -> bool:
        """Whether to close a connection once it is idle: its messages are used up, or there are too many."""
        is_used_up, most = 0 < self.limits.per_connection <= connection.taken, self.scaler.wanted
        return is_used_up or (len(self.connections) > most and connection in self.connections[most:])

    def close_one(self, connection: SmtpConnection, *, says_goodbye: bool) -> Future[None]:
        """Close a connection in a thread, as QUIT may take time."""
        self.connections.remove(connection)
        self.selector.unregister(connection.sock)
        return run_in_thread(partial(connection.close, says_goodbye=says_goodbye))

    def give_up_opening(self) -> None:
        """Abandon connections being opened; each is closed once it is open."""
        for one in self.opening:
            if not one.cancel() and one.exception() is None:
                one.result().close()
        self.opening = []

    def close(self, *, says_goodbye: bool) -> None:
        self.give_up_opening()
        wait([self.close_one(one, says_goodbye=says_goodbye) for one in list(self.connections)], GOODBYE_SECONDS)
        self.selector.close()


def close_quietly(backend: EmailBackend) -> None:
    for name in ("connection", "_partial_connection"):
        connection: smtplib.SMTP | None = getattr(backend, name)
        setattr(backend, name, None)
        if connection is not None:
            connection.close()


TRIES = 3  # broken connections: in a row per wanted one, until the provider counts as away; per message, until deferred
READ_WRITE = selectors.EVENT_READ | selectors.EVENT_WRITE
AHEAD_MAX, AHEAD_SECONDS = 32, 0.003  # messages rendered ahead at most, and for how long
LOCAL_ERRORS = ("451", "452")  # local errors of the server: RFC 5321 section 4.2.3


class SmtpSender:
    """Sends messages over several connections to one server.

    open_backend: returns a new Django SMTP backend for each connection.
    on_dot: called with the seq before a final dot is sent; returns False if nothing may be sent any more.
    on_reply: called with each reply's outcome; for a refusal that is held back, with DEFERRED, and only after the dot.
    on_throttling: called with a reply that closes one connection to slow us down.
    stop_control: after a stop no new message is sent.
    """

    def __init__(
        self,
        open_backend: Callable[[], EmailBackend],
        *,
        sender: str,
        limits: ConnectionLimits,
        on_dot: Callable[[int], bool] = lambda _seq: True,
        on_reply: Callable[[int, SendOutcome], None] = lambda _seq, _outcome: None,
        on_throttling: Callable[[str], None] = lambda _words: None,
        stop_control: StopControl | None = None,
    ) -> None:
        self.limits = limits
        self.pool = ConnectionPool(open_backend, lambda backend: SmtpConnection(backend, sender, self), limits)
        self.on_dot, self.on_reply, self.report_throttling = on_dot, on_reply, on_throttling
        self.stop_control = stop_control or StopControl()
        self.to_resend: deque[Envelope] = deque()  # not sent, because their connection broke
        self.rendered: deque[Envelope] = deque()  # rendered, not sent yet
        self.outcomes: list[tuple[int, SendOutcome]] = []  # not yielded yet
        self.refusals = Refusals()
        self.broken: Counter[int] = Counter()  # connections that broke in a row, by the seq in flight
        self.tries: Counter[int] = Counter()  # connections that broke, by the seq in flight
        self.has_answered = False  # the server has replied to a message of this delivery
        self.check_at = 0.0  # next check for timeouts
        self.problem: Exception | None = None  # raised once nothing is in flight

    def deliver(self, envelopes: Iterator[Envelope]) -> Iterator[tuple[int, SendOutcome]]:
        """Send each envelope and yield the outcomes as they arrive, in any order.

        Raises ProviderUnavailable, ProviderRejection, HandOverForbidden, or what `envelopes` raised: each after the
        last outcome.
        """
        self.pool.scaler.begin_measuring()
        self.has_answered = False
        while True:
            goes_on = self._drain() if self.stop_control.is_stopping() else self._fill_connections(envelopes)
            if self.pool.is_idle():
                break
            for connection in self._ready_connections(0 if goes_on else POLL_SECONDS):
                self._serve(connection)
            outcomes, self.outcomes = self.outcomes, []
            yield from outcomes
        if not self.refusals.are_about_us:
            yield from self.refusals.release()
        if self.problem:
            raise self.problem

    def _drain(self) -> bool:
        """After a stop: close all connections but those that wait for the reply to a final dot, and limit that wait."""
        for connection in list(self.pool.connections):
            if not connection.limit_final_wait(STOP_GRACE_SECONDS):
                self._forget(connection)
        return False

    def _fill_connections(self, envelopes: Iterator[Envelope]) -> bool:
        """Give idle connections a message, render ahead, and open more connections if messages wait.

        Returns whether there may be another message at once. With a rate limit, next(envelopes) blocks: so each is
        followed by a look at the connections, and none is rendered ahead.
        """
        while self.problem is None and (connection := self._idle_connection()):
            if not self._start_next(connection, envelopes):
                return False
            if self.limits.rate is not None:
                return True
        if self.limits.rate is None:
            self._render_ahead(envelopes)
        if self.problem is None:
            self.pool.grow(1 if self.limits.rate is not None else len(self.to_resend) + len(self.rendered))
        return False

    def _start_next(self, connection: SmtpConnection, envelopes: Iterator[Envelope]) -> bool:
        envelope = self._next_envelope(envelopes)
        if envelope is None:
            return False
        try:
            connection.take(envelope)
        except ProviderRejection as problem:
            self.problem = problem
        except ConnectionLost:  # handled at the next read
            pass
        self.pool.select_for(connection)
        return True

    def _render_ahead(self, envelopes: Iterator[Envelope]) -> None:
        """Render several messages in a row: switching between rendering and sending costs a fifth of both."""
        connections = len(self.pool.connections)
        if len(self.rendered) < connections:
            most = max(connections, min(AHEAD_MAX, int(self.pool.rate * AHEAD_SECONDS)))
            while self.problem is None and len(self.rendered) < most and (envelope := self._render_next(envelopes)):
                self.rendered.append(envelope)

    def _next_envelope(self, envelopes: Iterator[Envelope]) -> Envelope | None:
        """The next message; one whose connection has just broken waits until another was tried."""
        if self.to_resend and self.to_resend[0].seq not in self.broken:
            return self.to_resend.popleft()
        fresh = self.rendered.popleft() if self.rendered else self._render_next(envelopes)
        if fresh is None and self.to_resend and self.problem is None:
            return self.to_resend.popleft()
        return fresh

    def _render_next(self, envelopes: Iterator[Envelope]) -> Envelope | None:
        try:
            return next(envelopes, None)
        except Exception as problem:  # noqa: BLE001 - raised after the replies to the messages in flight
            self.problem = problem
            return None

    def following(self, connection: SmtpConnection) -> Envelope | None:
        can_follow = self.problem is None and self.rendered and not self.pool.should_close(connection)
        if can_follow and connection.fits(self.rendered[0]):
            return self.rendered.popleft()
        return None

    def _idle_connection(self) -> SmtpConnection | None:
        """An idle connection. If none is open yet, wait until the first one is, unless the worker is stopped."""
        connection = self.pool.wait_for_idle(self._goes_on, POLL_SECONDS)
        self.problem = self.problem or self.pool.problem
        return connection

    def _goes_on(self) -> bool:
        self.stop_control.call_while_waiting()
        return not self.stop_control.is_stopping()

    def _ready_connections(self, seconds: float) -> list[SmtpConnection]:
        """Connections that can read or write within `seconds`, and from time to time those past their deadline."""
        ready = self.pool.select(seconds)
        self.problem = self.problem or self.pool.problem
        now = time.monotonic()
        if not ready:
            self.stop_control.call_while_waiting()
        if ready and now < self.check_at:
            return ready
        self.check_at = now + POLL_SECONDS
        return ready + [one for one in self.pool.connections if one.deadline <= now and one not in ready]

    def _serve(self, connection: SmtpConnection) -> None:
        try:
            if connection.unsent:
                connection.on_writable()
            connection.on_readable()
            if connection.deadline <= time.monotonic():
                why = "the worker was stopped" if self.stop_control.is_stopping() else "no answer in time"
                raise ConnectionLost(why)  # noqa: TRY301 - one handler for lost connections
        except ConnectionLost as lost:
            self._drop(connection, lost)
        except (ProviderRejection, HandOverForbidden) as problem:
            self.problem = problem
            self._forget(connection)
        else:
            if connection.unsent or connection.events != selectors.EVENT_READ:
                self.pool.select_for(connection)
            if connection.stage is SmtpStage.IDLE and self.pool.should_close(connection):
                self._forget(connection)

    def on_outcome(self, connection: SmtpConnection, seq: int, outcome: SendOutcome) -> None:
        self.broken.clear()
        self.has_answered = True
        self._learn(connection, outcome)
        if outcome.status is SendStatus.SENT:
            self.outcomes += self.refusals.reset_and_release()
        if not self.refusals.hold_back(seq, outcome):
            self.on_reply(seq, outcome)
            self.outcomes.append((seq, outcome))
        elif connection.has_no_open_transaction:  # refused after the dot: recorded as deferred for now,
            self.on_reply(seq, outcome._replace(status=SendStatus.DEFERRED))  # to be tried again if this worker dies
        self.problem = self.problem or self.refusals.problem

    def _learn(self, connection: SmtpConnection, outcome: SendOutcome) -> None:
        """Measure seconds per message, and scale the connections."""
        pool, now = self.pool, connection.message_begun_at  # the reply has just set it: the next message begins now
        pool.seconds += (connection.lasted_seconds - pool.seconds) * (0.2 if pool.seconds else 1)
        pool.scaler.on_reply(now, len(pool.connections))
        if outcome.status is SendStatus.DEFERRED and is_overloaded(outcome.reply):
            pool.scaler.on_throttling_reply(now)

    def on_throttling(self, reply: str) -> None:
        self.pool.scaler.on_throttled(time.monotonic())
        self.report_throttling(reply)

    def _drop(self, connection: SmtpConnection, lost: ConnectionLost) -> None:
        """Close a lost connection: a message whose final dot was sent is uncertain, any other is sent again.

        An idle connection has no message in flight.
        """
        self._forget(connection)
        if (stage := connection.stage) is SmtpStage.IDLE:
            return
        envelope = connection.envelope
        if connection.pipelined:
            self.to_resend.append(connection.pipelined)
        if stage is SmtpStage.COMMANDS and connection.answered_count:  # closed as idle, or at its limit: no failure
            self.to_resend.appendleft(envelope)
            return
        self.broken[envelope.seq] += 1
        self.tries[envelope.seq] += 1
        if self._is_server_away() and not self.stop_control.is_stopping():
            self.problem = ProviderUnavailable(str(lost))
        if stage is SmtpStage.WAITING:
            reply = f"no answer after the message: {lost}"
            self.outcomes.append((envelope.seq, SendOutcome(SendStatus.UNCERTAIN, reply[:500])))
        elif self.tries[envelope.seq] >= TRIES:  # one message must not block all that follow
            reply = f"the connection broke before the message was handed over: {lost}"
            self.outcomes.append((envelope.seq, SendOutcome(SendStatus.DEFERRED, reply[:500])))
        else:
            self.to_resend.append(envelope)

    def _is_server_away(self) -> bool:
        """Whether so many connections broke in a row that the server counts as unavailable.

        If it has replied to other messages, and all broke under the same one, that message is the problem.
        """
        if len(self.broken) == 1 and self.has_answered:
            return False
        most = self.pool.scaler.wanted if self.pool.connections or self.pool.opening else 1
        return self.broken.total() >= TRIES * most

    def _forget(self, connection: SmtpConnection) -> None:
        self.pool.close_one(connection, says_goodbye=not self.stop_control.is_stopping())

    def close(self) -> None:
        self.pool.close(says_goodbye=not self.stop_control.is_stopping())


def is_overloaded(reply: str) -> bool:
    """Whether a temporary refusal is about the server's load; greylisting is about one reader."""
    return is_throttling(reply) or (reply.startswith(LOCAL_ERRORS) and not GREYLISTED.search(reply))
