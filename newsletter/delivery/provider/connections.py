"""The connections to one SMTP server: how many there may be, opening and closing them. No database.

They are opened in threads, several at once, so that those which are open go on.
"""

import math
import selectors
import smtplib
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import NamedTuple

from django.core.mail.backends.smtp import EmailBackend

from newsletter.delivery.provider.error_codes import one_line
from newsletter.delivery.provider.growth import Connections
from newsletter.delivery.provider.interruptible import begun
from newsletter.delivery.provider.outcomes import ProviderAway, ProviderRefuses
from newsletter.delivery.provider.smtp_connection import Line, Stage

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
