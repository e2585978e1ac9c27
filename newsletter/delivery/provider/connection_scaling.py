"""Scales the number of connections to a server by measured throughput. Pure.

Up: doubles, as long as each doubling brings at least half of its possible gain; after two failures in a row it tries
25 % more from time to time. Down: from time to time tries 25 % fewer, which is kept if the rate stays. Halves after
throttling.
"""

import math
from collections import deque

MESSAGES_EACH = 4  # messages on each connection before a rate is used
SECONDS_MIN = 0.25
GAIN_MIN = 0.5  # share of the possible gain, to keep more connections
LOSS_MAX = 0.05  # share of the rate, to keep fewer connections
SMALL_STEP = 0.25  # of the connections, once doubling no longer pays
FAILURES_MAX = 2  # failed doublings in a row before smaller steps: during one the machine may have stalled
FIRST_HOLD_SECONDS, HOLD_SECONDS = 2.0, 30.0  # between trials: doubled by each failed one, up to the second
REFUSED_SECONDS = 60.0  # until a server that refused a connection is asked for another one
THROTTLING_REPLIES, THROTTLING_SECONDS = 3, 10.0  # so many within this time: a single one may be about one reader
IGNORE_SECONDS = 1.0  # replies within this time are about the same number of connections


class ConnectionScaler:
    """`wanted` is the number of connections to use.

    first: at the start. most: the maximum. is_measured: False under a rate limit, which makes measuring useless.
    Times are seconds of a monotonic clock.
    """

    def __init__(self, first: int, most: int, *, is_measured: bool = True) -> None:
        self.first, self.most, self.is_measured = first, most, is_measured
        self.wanted = first
        self.before_trial: tuple[int, float] | None = None  # connections and messages a second
        self.is_upwards, self.failures, self.hold_seconds = True, 0, FIRST_HOLD_SECONDS
        self.hold_until = self.ignore_throttling_until = -math.inf
        self.throttling_replies: deque[float] = deque(maxlen=THROTTLING_REPLIES)
        self.begin_measuring()

    def begin_measuring(self) -> None:
        self.since, self.replies = 0.0, -self.wanted  # ignores the first reply on each connection

    def on_reply(self, now: float, opened: int) -> None:
        """Count a reply. opened: connections at the moment."""
        if opened != self.wanted and self.is_measured:
            self.begin_measuring()
            return
        self.replies += 1
        if self.replies <= 0:
            self.since = now
        elif self.replies >= MESSAGES_EACH * self.wanted and now - self.since >= SECONDS_MIN:
            rate = self.replies / (now - self.since)
            self.begin_measuring()
            self._learn(rate, now)

    def on_throttling_reply(self, now: float) -> None:
        """Count a throttling reply; THROTTLING_REPLIES of them halve the connections."""
        replies = self.throttling_replies
        replies.append(now)
        if len(replies) == THROTTLING_REPLIES and now - replies[0] <= THROTTLING_SECONDS:
            replies.clear()
            self.on_throttled(now)

    def on_throttled(self, now: float) -> None:
        """Halve the connections: the server has ended one because of throttling."""
        if now >= self.ignore_throttling_until:
            self.ignore_throttling_until = now + IGNORE_SECONDS
            self._shrink(max(1, self.wanted // 2), now + HOLD_SECONDS)

    def on_refused(self, now: float, opened: int) -> None:
        """Use fewer connections than are open: the server refused a new one, and other workers need some too."""
        self._shrink(max(1, min(self.wanted, opened - opened // 8)), now + REFUSED_SECONDS)

    def _shrink(self, wanted: int, hold_until: float) -> None:
        """Use fewer connections, and grow slowly from there."""
        self.is_upwards, self.failures, self.hold_seconds = True, FAILURES_MAX, HOLD_SECONDS
        self._settle(wanted, hold_until)

    def _settle(self, wanted: int, hold_until: float) -> None:
        self.before_trial, self.wanted, self.hold_until = None, wanted, hold_until
        self.begin_measuring()

    def _learn(self, rate: float, now: float) -> None:
        if self.before_trial and not self._is_worthwhile(rate, *self.before_trial):
            self._fail(self.before_trial[0], now)
        elif self.before_trial and not self._is_doubling:
            self._settle(self.wanted, now + self.hold_seconds)
        elif now >= self.hold_until:
            self._try(rate, now)

    def _fail(self, connections: int, now: float) -> None:
        self.failures += 1
        self.is_upwards = self._is_doubling or not self.is_upwards
        self._settle(connections, now + self.hold_seconds)
        self.hold_seconds = min(self.hold_seconds * 2, HOLD_SECONDS)

    @property
    def _is_doubling(self) -> bool:
        return self.failures < FAILURES_MAX

    def _is_worthwhile(self, rate: float, connections: int, before: float) -> bool:
        if self.wanted < connections:
            return rate >= before * (1 - LOSS_MAX)
        return not self.is_measured or rate >= before * (1 + GAIN_MIN * (self.wanted / connections - 1))

    def _try(self, rate: float, now: float) -> None:
        """Start a trial with more or fewer connections; at a limit the other direction is next."""
        wanted = self._more() if self.is_upwards else self._fewer()
        if wanted == self.wanted:
            self.is_upwards = not self.is_upwards
            self._settle(wanted, now + self.hold_seconds)
            return
        if self.before_trial:
            self.failures = 0
        self.before_trial, self.wanted = (self.wanted, rate), wanted
        self.begin_measuring()

    def _more(self) -> int:
        return min(self.most, self.wanted * 2 if self._is_doubling else math.ceil(self.wanted * (1 + SMALL_STEP)))

    def _fewer(self) -> int:
        if self.wanted <= self.first or not self.is_measured:
            return self.wanted
        return max(self.first, math.floor(self.wanted * (1 - SMALL_STEP)))
