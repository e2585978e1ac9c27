"""The time lines of the rate limits, over all workers: a hash of Redis each, or a row of the database.

The generic cell rate algorithm with a burst of one (ITU-T I.371): who wants to send takes the next free
place of the line. A message that several limits concern takes a place on all their lines at once.

Only the server's clock counts, and only differences leave this module: the clocks of the machines may
disagree. A clock that is behind the last time somebody asked was set back; the lines are set back with it,
so that nobody ever waits for more than what others have taken.
"""

import logging
import math
import time
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple, Protocol

from django.db import connection, transaction
from redis.exceptions import RedisError

from newsletter.delivery.models import Pace

log = logging.getLogger(__name__)

MEASURED_SECONDS = 5  # the time constant of the measured rate
SLOWEST = 1 / 64  # of the rate before the provider asked for less
LEAST_MEASURED = 10.0  # messages a second: a lane that has just begun has no rate worth halving
RECOVERY = 0.05 / 60  # of the former rate, a second
IGNORE_SECONDS = 10  # throttling replies within so long are about the same rate
REDIS_SECONDS = 1  # that a reply of Redis is waited for
AGAIN_SECONDS = 5  # until Redis is asked again after it did not answer
WARM_UP = "warm-up"
LINE = ["free_at", "taken_at", "measured", "slowed_from", "slowed_to", "slowed_at"]


class Turn(NamedTuple):
    """The answer to a lane: seconds until its first message may leave, and whether its places are taken."""

    wait: float
    is_taken: bool
    slowed: float | None = None  # messages a second that the provider takes for now


class Timelines(Protocol):
    def take(self, provider: str, ends: Mapping[str, float], messages: int, within_seconds: float) -> Turn:
        """Take places on all lines of `ends`, from one moment on and each for so many seconds.

        Takes nothing if that moment is more than `within_seconds` seconds away. `messages` are counted to the
        measured rate of the line `provider`, which is one of them.
        """

    def slow_down(self, provider: str, limit: float | None) -> float:
        """Halve the rate of a provider, for all workers; return what it is now, in messages a second."""


class RowTimelines:
    """The lines as rows of the database."""

    def take(self, provider: str, ends: Mapping[str, float], messages: int, within_seconds: float) -> Turn:
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

    def slow_down(self, provider: str, limit: float | None) -> float:
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


# --- The same in Redis ---

# Numbers leave a script as text: Redis cuts the decimals off those of Lua.
_LINES = f"""
local names = {{'free_at', 'taken_at', 'measured', 'slowed_from', 'slowed_to', 'slowed_at'}}
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000

local function read(key)
  local line, values = {{}}, redis.call('HMGET', key, unpack(names))
  for i, name in ipairs(names) do line[name] = tonumber(values[i]) or 0 end
  local passed = now - line.taken_at
  if passed < 0 then
    line.free_at = line.free_at + passed
    line.slowed_at = line.slowed_at + passed
  else
    line.measured = line.measured * math.exp(-passed / {MEASURED_SECONDS})
  end
  line.taken_at = now
  return line
end

local function write(key, line)
  for _, name in ipairs(names) do redis.call('HSET', key, name, string.format('%.6f', line[name])) end
  redis.call('EXPIRE', key, 3600 + math.max(0, math.ceil(line.free_at - now)))
end

local function slowed(line)
  local rate = line.slowed_to + line.slowed_from * {RECOVERY:.12f} * (now - line.slowed_at)
  return rate < line.slowed_from and rate or nil
end
"""
# KEYS: the lines, the provider's first. ARGV: messages, within_seconds, and for each line the seconds to take.
_TAKE = f"""{_LINES}
local lines, begins = {{}}, now
for i, key in ipairs(KEYS) do
  lines[i] = read(key)
  begins = math.max(begins, lines[i].free_at)
end
local is_taken = begins - now <= tonumber(ARGV[2])
if is_taken then lines[1].measured = lines[1].measured + ARGV[1] / {MEASURED_SECONDS} end
for i, key in ipairs(KEYS) do
  if is_taken then lines[i].free_at = begins + ARGV[2 + i] end
  write(key, lines[i])
end
local rate = slowed(lines[1])
return {{string.format('%.6f', begins - now), is_taken and 1 or 0, rate and string.format('%.6f', rate) or ''}}
"""
# KEYS: the provider's line. ARGV: its limit, 0 for none.
_SLOW_DOWN = f"""{_LINES}
local line, limit = read(KEYS[1]), tonumber(ARGV[1])
local current = slowed(line)
if not current or now - line.slowed_at >= {IGNORE_SECONDS} then
  if not current then
    line.slowed_from = math.max(line.measured, {LEAST_MEASURED})
    if limit > 0 then line.slowed_from = math.min(limit, line.slowed_from) end
  end
  line.slowed_to = math.max((current or line.slowed_from) / 2, line.slowed_from * {SLOWEST})
  line.slowed_at = now
  current = line.slowed_to
  write(KEYS[1], line)
end
return string.format('%.6f', current)
"""


class RedisTimelines:
    """The lines in Redis. Raises `RedisError` when it does not answer."""

    def __init__(self, url: str) -> None:
        from redis import Redis  # noqa: PLC0415 - see publication.limits
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415

        timeouts = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
        self.client = Redis.from_url(url, retry=Retry(NoBackoff(), 0), decode_responses=True, **timeouts)
        self._take, self._slow_down = map(self.client.register_script, (_TAKE, _SLOW_DOWN))

    def take(self, provider: str, ends: Mapping[str, float], messages: int, within_seconds: float) -> Turn:
        keys = [provider, *(key for key in ends if key != provider)]
        seconds = [f"{ends[key]:.6f}" for key in keys]
        wait, is_taken, rate = self._take(keys=[_name(key) for key in keys], args=[messages, within_seconds, *seconds])
        return Turn(float(wait), bool(is_taken), float(rate) if rate else None)

    def slow_down(self, provider: str, limit: float | None) -> float:
        return float(self._slow_down(keys=[_name(provider)], args=[limit or 0]))


def _name(key: str) -> str:
    return f"newsletter:pace:{key}"


class SparedTimelines:
    """The lines in Redis, and in the database as long as Redis does not answer: never without a limit."""

    def __init__(self, first: Timelines, second: Timelines) -> None:
        self.first, self.second = first, second
        self.first_again_at = 0.0

    def take(self, provider: str, ends: Mapping[str, float], messages: int, within_seconds: float) -> Turn:
        if time.monotonic() >= self.first_again_at:
            try:
                return self.first.take(provider, ends, messages, within_seconds)
            except RedisError as error:
                self._spare(error)
        return self.second.take(provider, ends, messages, within_seconds)

    def slow_down(self, provider: str, limit: float | None) -> float:
        if time.monotonic() >= self.first_again_at:
            try:
                return self.first.slow_down(provider, limit)
            except RedisError as error:
                self._spare(error)
        return self.second.slow_down(provider, limit)

    def _spare(self, error: Exception) -> None:
        log.warning("Redis does not answer; rate limits are kept in the database: %s", error)
        self.first_again_at = time.monotonic() + AGAIN_SECONDS


def timelines_for(redis_url: str) -> Timelines:
    return SparedTimelines(RedisTimelines(redis_url), RowTimelines()) if redis_url else RowTimelines()


# --- A ceiling for a day: always in the database, because Redis may forget ---


def count_today(day: date, messages: int, ceiling: int) -> int:
    """Count messages to a local day as long as its ceiling allows; return how many it does."""
    with transaction.atomic():
        row = _day(day)
        granted = max(0, min(messages, ceiling - row.counted))
        row.counted += granted
        row.save(update_fields=["counted_on", "counted"])
    return granted


def take_back(day: date, messages: int) -> None:
    """Forget messages of a day that did not leave after all."""
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
