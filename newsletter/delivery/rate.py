"""How fast a lane may go: when each message of a window may leave, by all the limits that concern it.

The limits are those of all workers together: of everything (SEND_RATE), of a provider and of a reader's domain (options
of its URL), of a provider that asked for less, and of a new sender domain's day. Each is a time line, a row of the
database: who wants to send takes the next free place of the line (the generic cell rate algorithm with a burst of one,
ITU-T I.371). A message that several limits concern takes a place on all their lines at once.

Only the database's clock counts, and only differences leave it: the clocks of the machines may disagree. A clock that
is behind the last time somebody asked was set back; the lines are set back with it, so that nobody ever waits for more
than what others have taken.
"""

import math
import re
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from newsletter.delivery.models import Pace
from newsletter.mail.mailers import Limits

# --- A new sender domain ---

# Providers of mailboxes judge a domain by its history, and one without a history by how suddenly it begins: Google
# asks to begin with few mails and to grow slowly ("Email sender guidelines", support.google.com/mail/answer/81126).
# Nobody publishes numbers. The published plans of e-mail services begin with 50 to 500 a day and grow by a half to
# twice a day; this is the careful middle.
FIRST_DAY = 200
GROWTH = 1.5  # a day
UNLIMITED_FROM = 100_000  # mails a day: a domain that has sent as many is no longer new
A_BIT = timedelta(minutes=1)  # behind midnight, lest a clock that is a little ahead counts for the day before


def ceiling(day_number: int) -> int | None:
    """Return how many mails may leave on a day, 1 being the first; None for as many as there are.

    Days before the first are like the first: a domain does not get older by a date in the future.
    """
    days = min(max(day_number, 1), 100) - 1  # 100: far behind the last ceiling, and a power that a float can hold
    mails = int(FIRST_DAY * GROWTH**days)
    return mails if mails < UNLIMITED_FROM else None


def days_needed(readers: int, day_number: int = 1) -> int:
    """Return on how many days an issue leaves that begins on day `day_number`, if nothing else is sent."""
    days, left = 1, readers
    while (most := ceiling(day_number + days - 1)) is not None and left > most:
        left -= most
        days += 1
    return days


@dataclass(frozen=True)
class Spread:
    """The days on which an issue leaves, if nothing else is sent on them."""

    days: int
    most: int  # mails on the first of them
    last_on: date


@dataclass(frozen=True)
class WarmUp:
    """The warm-up of one sender domain. Its days are those of the publication's time zone."""

    begins_on: date
    zone: ZoneInfo

    def day(self, now: datetime) -> date:
        return now.astimezone(self.zone).date()

    def day_number(self, now: datetime) -> int:
        return (self.day(now) - self.begins_on).days + 1

    def ceiling(self, now: datetime) -> int | None:
        return ceiling(self.day_number(now))

    def spread(self, readers: int, begins_at: datetime) -> Spread | None:
        days, most = days_needed(readers, self.day_number(begins_at)), self.ceiling(begins_at)
        return Spread(days, most, self.day(begins_at) + timedelta(days=days - 1)) if days > 1 and most else None

    def goes_on_at(self, now: datetime) -> datetime:
        """Return when the next day has begun."""
        midnight = datetime.combine(self.day(now) + timedelta(days=1), datetime.min.time(), self.zone)
        return midnight + A_BIT


# --- The lines ---

MEASURED_SECONDS = 5  # the time constant of the measured rate
SLOWEST = 1 / 64  # of the rate before the provider asked for less
LEAST_MEASURED = 10.0  # messages a second: a lane that has just begun has no rate worth halving
RECOVERY = 0.05 / 60  # of the former rate, a second
IGNORE_SECONDS = 10  # throttling replies within so long are about the same rate
WARM_UP = "warm-up"
LINE = ["free_at", "taken_at", "measured", "slowed_from", "slowed_to", "slowed_at"]


class Turn(NamedTuple):
    """The answer to a lane: seconds until its first message may leave, and whether its places are taken."""

    wait: float
    is_taken: bool
    slowed: float | None = None  # messages a second that the provider takes for now


def take(provider: str, ends: Mapping[str, float], messages: int, within_seconds: float) -> Turn:
    """Take places on all lines of `ends`, from one moment on and each for so many seconds.

    Takes nothing if that moment is more than `within_seconds` seconds away. `messages` are counted to the measured
    rate of the line `provider`, which is one of them.
    """
    with transaction.atomic():
        lines, now = _locked(ends)
        begins = max(now, *(line.free_at for line in lines.values()))
        is_taken = begins - now <= within_seconds
        if is_taken:
            lines[provider].measured += messages / MEASURED_SECONDS
            for key, seconds in ends.items():
                lines[key].free_at = begins + seconds
        Pace.objects.bulk_update(lines.values(), LINE)
    return Turn(begins - now, is_taken, slowed(lines[provider], now))


def slow_down(provider: str, limit: float | None) -> float:
    """Halve the rate of a provider, for all workers; return what it is now, in messages a second."""
    with transaction.atomic():
        lines, now = _locked([provider])
        rate = halve(lines[provider], now, limit)
        lines[provider].save(update_fields=LINE)
    return rate


def _locked(keys: Iterable[str]) -> tuple[dict[str, Pace], float]:
    """Return the rows, locked in one order for everybody, as they are by the database's clock, and its time."""
    wanted = sorted(keys)
    rows = Pace.objects.select_for_update().order_by("key")
    found = {row.key: row for row in rows.filter(key__in=wanted)}
    if len(found) < len(wanted):
        Pace.objects.bulk_create([Pace(key=key) for key in wanted if key not in found], ignore_conflicts=True)
        found = {row.key: row for row in rows.filter(key__in=wanted)}
    now = _database_clock()  # read after the lock: before it, another's time would be later
    for row in found.values():
        _follow_the_clock(row, now)
    return found, now


def _database_clock() -> float:
    if connection.vendor == "sqlite":  # it has no clock but that of the one machine it is on
        return time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXTRACT(EPOCH FROM clock_timestamp())")
        return float(cursor.fetchone()[0])


def _follow_the_clock(line: Pace, now: float) -> None:
    passed = now - line.taken_at
    if passed < 0:
        line.free_at += passed
        line.slowed_at += passed
    else:
        line.measured *= math.exp(-passed / MEASURED_SECONDS)
    line.taken_at = now


def slowed(line: Pace, now: float) -> float | None:
    """Return the rate of a provider that asked for less; None once it has recovered."""
    rate = line.slowed_to + line.slowed_from * RECOVERY * (now - line.slowed_at)
    return rate if rate < line.slowed_from else None


def halve(line: Pace, now: float, limit: float | None) -> float:
    """Halve the rate of a line and return it; replies about the former rate change nothing."""
    current = slowed(line, now)
    if current is not None and now - line.slowed_at < IGNORE_SECONDS:
        return current
    if current is None:
        line.slowed_from = min(limit or math.inf, max(line.measured, LEAST_MEASURED))
    line.slowed_to = max((current or line.slowed_from) / 2, line.slowed_from * SLOWEST)
    line.slowed_at = now
    return line.slowed_to


def count_today(day: date, messages: int, ceiling: int) -> int:
    """Count messages to a local day as long as its ceiling allows; return how many it does."""
    with transaction.atomic():
        row = _day(day)
        granted = max(0, min(messages, ceiling - row.counted))
        row.counted += granted
        row.save(update_fields=["counted_on", "counted"])
    return granted


def take_back(day: date, messages: int) -> None:
    with transaction.atomic():
        row = _day(day)
        row.counted = max(0, row.counted - messages)
        row.save(update_fields=["counted_on", "counted"])


def _day(day: date) -> Pace:
    Pace.objects.bulk_create([Pace(key=WARM_UP)], ignore_conflicts=True)
    row = Pace.objects.select_for_update().get(key=WARM_UP)
    if row.counted_on != day:
        row.counted_on, row.counted = day, 0
    return row


# --- A lane ---

SLICE_SECONDS = 0.1  # messages of this long are reserved at once
NEAR_SECONDS = 1.0  # places further away are not taken: a lane that ends would leave them empty
THROTTLING_REPLIES, THROTTLING_SECONDS = 3, 10.0  # so many within so long slow the lanes down
NAP_SECONDS = 0.2  # how long a waiting lane may overlook that it must stop
LOOK_SECONDS = 1.0  # between reports of an unlimited lane to the others, and looks at theirs
THROTTLED = re.compile(r"421\b|45[01][ -]4\.7\.\d|429\b|.*\bresponse 429\b", re.ASCII)
GREYLISTED = re.compile(r"gr[ea]y-?list", re.IGNORECASE)  # about one reader's first mail, not about the pace
ALL = "all"


@dataclass(frozen=True)
class Places:
    """When the messages of a window may leave, by time.monotonic(); fewer than were asked for on a full day."""

    times: list[float]
    again_in: float = 0.0  # seconds until it is worth asking again; 0 when the places are ours


def is_throttling(words: str) -> bool:
    """Return whether a provider's reply asks for a slower pace.

    421 is the server that closes (RFC 5321 section 4.2.3), X.7.X a policy (RFC 3463 section 3.8), as in
    "450 4.7.1 rate limit exceeded"; 429 is Too Many Requests (RFC 6585 section 4).
    """
    return bool(THROTTLED.match(words)) and not GREYLISTED.search(words)


def schedule(messages: Sequence[Mapping[str, float]]) -> tuple[list[float], dict[str, float]]:
    """Return when each message may leave, and until when each line is taken, in seconds from the first.

    messages: for each, in order, the lines that concern it and their rates. A message waits for the latest
        of its lines, and those behind it wait with it.
    """
    times: list[float] = []
    ends: dict[str, float] = {}
    at = 0.0
    for rates in messages:
        at = max([at, *(ends.get(key, 0.0) for key in rates)])
        times.append(at)
        ends |= {key: at + 1 / rate for key, rate in rates.items()}
    return times, ends


class Pacer:
    """Reserves places for the messages of a lane.

    rate: messages a second, all workers and providers together; None for no limit.
    limits: those of the provider that `mailer` names.
    """

    def __init__(
        self,
        rate: float | None,
        *,
        mailer: str = "bulk",
        limits: Limits = Limits(),  # noqa: B008 - it cannot be changed
        warm_up: WarmUp | None = None,
    ) -> None:
        self.rate, self.limits, self.warm_up = rate, limits, warm_up
        self.provider, self.domain_prefix = f"provider:{mailer}", f"domain:{mailer}:"
        self.slowed: float | None = None
        self.fits = 1 if limits.domains else 10**6  # rows whose places are within a slice, as far as is known
        self.unreported, self.look_at, self.ignore_throttling_until = 0, 0.0, 0.0
        self.full_at: datetime | None = None  # when the day had fewer places than were asked for
        self.throttling_replies: deque[float] = deque(maxlen=THROTTLING_REPLIES)  # when each came

    @property
    def total_rate(self) -> float:
        """Return the least of the limits that concern every message, in messages a second."""
        return min(rate or math.inf for rate in (self.rate, self.limits.rate, self.slowed))

    def window(self, wished: int) -> int:
        """Return how many rows to intend at once, so that a wait is short and holds few rows."""
        return max(1, int(min(wished, self.fits, self.total_rate * SLICE_SECONDS)))

    def ask(self, emails: Sequence[str]) -> Places:
        """Reserve a place for each of some messages, if the first of them is near.

        The day's count comes after the places: who dies between the two leaves places empty, and no day too full.
        """
        if self.is_free(len(emails)):
            return Places([time.monotonic()] * len(emails))
        times, ends = schedule([self._lines(email) for email in emails])
        turn = take(self.provider, ends, self.unreported + len(emails), NEAR_SECONDS)
        self.slowed, self.look_at = turn.slowed, time.monotonic() + LOOK_SECONDS
        if not turn.is_taken:
            return Places([], again_in=max(turn.wait - NEAR_SECONDS, NAP_SECONDS))
        self.unreported = 0
        self._fit(len(emails), times[-1])
        begins = time.monotonic() + turn.wait
        granted = self._granted(len(emails), timezone.now())
        return Places([begins + at for at in times[:granted]])

    def is_free(self, messages: int) -> bool:
        """Return whether nothing limits these messages; unlimited lanes report to the others once a second."""
        if not messages:
            return True
        has_limit = self.total_rate < math.inf or self.limits.domains or self._ceiling(timezone.now()) is not None
        if has_limit or time.monotonic() >= self.look_at:
            return False
        self.unreported += messages
        return True

    def _lines(self, email: str) -> dict[str, float]:
        """Return the lines that concern a message, and their rates; the provider's counts even without one."""
        domain = email.rpartition("@")[2].lower()
        lines = {self.provider: min(self.limits.rate or math.inf, self.slowed or math.inf)}
        if self.rate is not None:
            lines[ALL] = self.rate
        if rate := self.limits.of_domain(domain):
            lines[self.domain_prefix + domain] = rate
        return lines

    def _fit(self, messages: int, seconds: float) -> None:
        """Let the next window be longer or shorter, as slow domains were many or few in this one."""
        if seconds > SLICE_SECONDS:
            self.fits = max(1, int(messages * SLICE_SECONDS / seconds))
        else:
            self.fits = min(self.fits * 2, 10**6)

    # --- A provider that asks for less ---

    def slow_down(self, words: str, *, at_once: bool = False) -> None:
        """Halve the rate of all workers when the provider's words ask for it again; it recovers by itself.

        One such reply may be about one connection or one reader; a server that means all of us sends several.
        at_once: the first one counts, because the provider takes no more at all.
        """
        now = time.monotonic()
        if not is_throttling(words) or now < self.ignore_throttling_until:
            return
        self.throttling_replies.append(now)
        is_enough = len(self.throttling_replies) == THROTTLING_REPLIES
        if not at_once and (not is_enough or now - self.throttling_replies[0] > THROTTLING_SECONDS):
            return
        self.throttling_replies.clear()
        self.ignore_throttling_until = now + NAP_SECONDS
        limits = [rate for rate in (self.rate, self.limits.rate) if rate]
        self.slowed = slow_down(self.provider, min(limits, default=None))

    # --- A new sender domain ---

    def _ceiling(self, now: datetime) -> int | None:
        return self.warm_up.ceiling(now) if self.warm_up else None

    def _granted(self, messages: int, now: datetime) -> int:
        most = self._ceiling(now)
        if self.warm_up is None or most is None:
            return messages
        granted = count_today(self.warm_up.day(now), messages, most)
        if granted < messages:
            self.full_at = now
        return granted

    def end_of_day(self, now: datetime) -> tuple[datetime, str] | None:
        """Return when a full day is over, and why the mailing waits for that; None without a ceiling.

        The day is the one that was found full: it may be over before the last answers of its messages are there.
        """
        now = self.full_at or now
        most = self._ceiling(now)
        if self.warm_up is None or most is None:
            return None
        text = _("Warming up: %(mails)d mails today; goes on tomorrow.") % {"mails": most}
        return self.warm_up.goes_on_at(now), text

    def give_back(self, messages: int) -> None:
        """Take messages off the day's count that will not leave today by their places."""
        now = timezone.now()
        if messages and self.warm_up and self._ceiling(now) is not None:
            take_back(self.warm_up.day(now), messages)
