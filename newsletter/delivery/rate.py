"""Rate limits: when each message of a window (the next few messages of a batch) may be sent.

Limits are shared by all workers: one for everything (SEND_RATE), one per provider and per reader's domain (options of
the mail URL), a lower one after a provider has throttled us, and a daily one for a new sender domain. Each limit is a
row with the time from which it is free: the generic cell rate algorithm with a burst of one (ITU-T I.371). A message
under several limits reserves time on all of them at once.

Only the database's clock is used, and only differences are passed on, because the clocks of machines differ. If the
clock is behind the last reservation it was set back; the rows are set back with it, so that nobody waits longer than
others have reserved.
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

from newsletter.delivery.models import RateLimitState
from newsletter.mail.mailers import SendLimits

# Mailbox providers judge a sender domain by its history, and a new one by how suddenly it starts: Google asks senders
# to start with few mails and to increase slowly ("Email sender guidelines", support.google.com/mail/answer/81126).
# Nobody publishes numbers. Published warm-up plans of e-mail services start with 50 to 500 a day and grow by 50 % to
# 100 % a day; this is in between.
FIRST_DAY_MAILS = 200
DAILY_GROWTH = 1.5  # a day
UNLIMITED_FROM = 100_000  # mails a day: a domain that has sent as many is no longer new
AFTER_MIDNIGHT = timedelta(minutes=1)  # after midnight, for clocks that are slightly ahead


def daily_limit(day_number: int) -> int | None:
    """The mails allowed on a day of the warm-up, 1 being the first; None for no limit.

    Days before the first count as the first.
    """
    days = min(max(day_number, 1), 100) - 1  # 100: far beyond the last limit, and no float overflow
    mails = int(FIRST_DAY_MAILS * DAILY_GROWTH**days)
    return mails if mails < UNLIMITED_FROM else None


def days_needed(readers: int, day_number: int = 1) -> int:
    """The days that an issue takes from day `day_number` on, if nothing else is sent."""
    days, left = 1, readers
    while (most := daily_limit(day_number + days - 1)) is not None and left > most:
        left -= most
        days += 1
    return days


@dataclass(frozen=True)
class WarmUpPlan:
    days: int
    most: int  # mails on the first of them
    last_on: date


@dataclass(frozen=True)
class WarmUp:
    """The warm-up of one sender domain, in days of the publication's time zone."""

    begins_on: date
    zone: ZoneInfo

    def day(self, now: datetime) -> date:
        return now.astimezone(self.zone).date()

    def day_number(self, now: datetime) -> int:
        return (self.day(now) - self.begins_on).days + 1

    def ceiling(self, now: datetime) -> int | None:
        return daily_limit(self.day_number(now))

    def plan(self, readers: int, begins_at: datetime) -> WarmUpPlan | None:
        days, most = days_needed(readers, self.day_number(begins_at)), self.ceiling(begins_at)
        return WarmUpPlan(days, most, self.day(begins_at) + timedelta(days=days - 1)) if days > 1 and most else None

    def resumes_at(self, now: datetime) -> datetime:
        midnight = datetime.combine(self.day(now) + timedelta(days=1), datetime.min.time(), self.zone)
        return midnight + AFTER_MIDNIGHT


MEASURED_SECONDS = 5  # the time constant of the measured rate
SLOWEST_SHARE = 1 / 64  # of the rate before throttling
MEASURED_MIN = 10.0  # messages a second: the rate of a lane that has just begun is not worth halving
RECOVERY = 0.05 / 60  # of the rate before throttling, per second
IGNORE_SECONDS = 10  # throttling replies within this time are about the same rate
WARM_UP_KEY = "warm-up"
STATE_FIELDS = ["free_at", "taken_at", "measured", "slowed_from", "slowed_to", "slowed_at"]


class Reservation(NamedTuple):
    """wait: seconds until the first message may leave. is_taken: False if that is too far away to reserve."""

    wait: float
    is_taken: bool
    slowed: float | None = None  # messages a second after throttling; None without


def reserve(provider: str, ends: Mapping[str, float], messages: int, within_seconds: float) -> Reservation:
    """Reserve time on all limits of `ends` from the same moment on; none if that is over `within_seconds` away.

    ends: by limit, the seconds from that moment until the limit is free again. messages: count towards the measured
        rate of `provider`, which is one of the limits.
    """
    with transaction.atomic():
        rows, now = _locked_rows(ends)
        begins = max(now, *(row.free_at for row in rows.values()))
        is_taken = begins - now <= within_seconds
        if is_taken:
            rows[provider].measured += messages / MEASURED_SECONDS
            for key, seconds in ends.items():
                rows[key].free_at = begins + seconds
        RateLimitState.objects.bulk_update(rows.values(), STATE_FIELDS)
    return Reservation(begins - now, is_taken, slowed_rate(rows[provider], now))


def slow_down(provider: str, limit: float | None) -> float:
    """Halve the rate of a provider for all workers; return the new one in messages a second."""
    with transaction.atomic():
        rows, now = _locked_rows([provider])
        rate = halve_rate(rows[provider], now, limit)
        rows[provider].save(update_fields=STATE_FIELDS)
    return rate


def _locked_rows(keys: Iterable[str]) -> tuple[dict[str, RateLimitState], float]:
    """The rows by key, locked in sorted order and advanced to the database's time, and that time."""
    wanted = sorted(keys)
    rows = RateLimitState.objects.select_for_update().order_by("key")
    found = {row.key: row for row in rows.filter(key__in=wanted)}
    if missing := [RateLimitState(key=key) for key in wanted if key not in found]:
        RateLimitState.objects.bulk_create(missing, ignore_conflicts=True)
        found = {row.key: row for row in rows.filter(key__in=wanted)}
    now = _database_clock()  # after the lock: the last holder's time would be later otherwise
    for row in found.values():
        _advance_to(row, now)
    return found, now


def _database_clock() -> float:
    if connection.vendor == "sqlite":  # one machine, one clock
        return time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXTRACT(EPOCH FROM clock_timestamp())")
        return float(cursor.fetchone()[0])


def _advance_to(row: RateLimitState, now: float) -> None:
    passed = now - row.taken_at
    if passed < 0:
        row.free_at += passed
        row.slowed_at += passed
    else:
        row.measured *= math.exp(-passed / MEASURED_SECONDS)
    row.taken_at = now


def slowed_rate(row: RateLimitState, now: float) -> float | None:
    """The rate of a throttled provider; None once it has recovered."""
    rate = row.slowed_to + row.slowed_from * RECOVERY * (now - row.slowed_at)
    return rate if rate < row.slowed_from else None


def halve_rate(row: RateLimitState, now: float, limit: float | None) -> float:
    """Halve the rate and return it. Replies about the rate before the last halving change nothing."""
    current = slowed_rate(row, now)
    if current is not None and now - row.slowed_at < IGNORE_SECONDS:
        return current
    if current is None:
        row.slowed_from = min(limit or math.inf, max(row.measured, MEASURED_MIN))
    row.slowed_to = max((current or row.slowed_from) / 2, row.slowed_from * SLOWEST_SHARE)
    row.slowed_at = now
    return row.slowed_to


def count_today(day: date, messages: int, ceiling: int) -> int:
    """Count messages of a local day up to its ceiling; return how many were granted."""
    with transaction.atomic():
        row = _locked_day(day)
        granted = max(0, min(messages, ceiling - row.counted))
        row.counted += granted
        row.save(update_fields=["counted_on", "counted"])
    return granted


def uncount_today(day: date, messages: int) -> None:
    with transaction.atomic():
        row = _locked_day(day)
        row.counted = max(0, row.counted - messages)
        row.save(update_fields=["counted_on", "counted"])


def _locked_day(day: date) -> RateLimitState:
    RateLimitState.objects.bulk_create([RateLimitState(key=WARM_UP_KEY)], ignore_conflicts=True)
    row = RateLimitState.objects.select_for_update().get(key=WARM_UP_KEY)
    if row.counted_on != day:
        row.counted_on, row.counted = day, 0
    return row


SLICE_SECONDS = 0.1  # time reserved at once
NEAR_SECONDS = 1.0  # time further away is not reserved: a lane that ends would leave it unused
THROTTLING_REPLIES, THROTTLING_SECONDS = 3, 10.0  # so many replies within this time slow the lanes down
NAP_SECONDS = 0.2  # the longest delay before a waiting lane notices a stop
REPORT_SECONDS = 1.0  # how often an unlimited lane shares its rate with the others
THROTTLED = re.compile(r"421\b|45[01][ -]4\.7\.\d|429\b|.*\bresponse 429\b", re.ASCII)
GREYLISTED = re.compile(r"gr[ea]y-?list", re.IGNORECASE)  # about one reader's first mail, not about our rate
ALL_KEY = "all"


@dataclass(frozen=True)
class SendTimes:
    """When each message may leave, by time.monotonic(); fewer times than messages if the daily limit is reached."""

    times: list[float]
    retry_in: float = 0.0  # seconds until the next try; 0 when the times are reserved


def is_throttling(reply: str) -> bool:
    """Whether a provider's reply asks us to slow down.

    421: the server closes the connection (RFC 5321 section 4.2.3). X.7.X: a policy (RFC 3463 section 3.8), as in
    "450 4.7.1 rate limit exceeded"; 429 is Too Many Requests (RFC 6585 section 4).
    """
    return bool(THROTTLED.match(reply)) and not GREYLISTED.search(reply)


def schedule_messages(messages: Sequence[Mapping[str, float]]) -> tuple[list[float], dict[str, float]]:
    """When each message may leave, and until when each limit is used, in seconds from the first message.

    messages: for each, in order, its limits and their rates. A message waits for all of its limits, and later messages
        wait with it.
    """
    times: list[float] = []
    ends: dict[str, float] = {}
    at = 0.0
    for rates in messages:
        at = max([at, *(ends.get(key, 0.0) for key in rates)])
        times.append(at)
        ends |= {key: at + 1 / rate for key, rate in rates.items()}
    return times, ends


class RateLimiter:
    """Reserves sending times for a lane.

    rate: messages a second of all workers and providers together; None for no limit.
    limits: those of the provider of `mailer`.
    """

    def __init__(
        self,
        rate: float | None,
        *,
        mailer: str = "bulk",
        limits: SendLimits = SendLimits(),  # noqa: B008 - it cannot be changed
        warm_up: WarmUp | None = None,
    ) -> None:
        self.rate, self.limits, self.warm_up = rate, limits, warm_up
        self.provider, self.domain_prefix = f"provider:{mailer}", f"domain:{mailer}:"
        self.slowed: float | None = None
        self.messages_per_slice = 1 if limits.domain_rates else 10**6  # that fit into a slice, as last measured
        self.unreported, self.report_at, self.ignore_throttling_until = 0, 0.0, 0.0
        self.limit_reached_at: datetime | None = None  # when the daily limit was reached
        self.throttling_replies: deque[float] = deque(maxlen=THROTTLING_REPLIES)  # times of the last ones

    @property
    def total_rate(self) -> float:
        """The lowest limit for all messages, in messages a second."""
        return min(rate or math.inf for rate in (self.rate, self.limits.rate, self.slowed))

    def window_size(self, messages: int) -> int:
        """How many of `messages` the next intent may have: so few that a wait is short and concerns few."""
        return max(1, int(min(messages, self.messages_per_slice, self.total_rate * SLICE_SECONDS)))

    def reserve_times(self, emails: Sequence[str]) -> SendTimes:
        """Reserve a time for each message, if the first is near.

        The daily count comes last: a crash in between leaves time unused, but never exceeds the daily limit.
        """
        if self.count_if_unlimited(len(emails)):
            return SendTimes([time.monotonic()] * len(emails))
        times, ends = schedule_messages([self._limit_rates(email) for email in emails])
        reservation = reserve(self.provider, ends, self.unreported + len(emails), NEAR_SECONDS)
        self.slowed, self.report_at = reservation.slowed, time.monotonic() + REPORT_SECONDS
        if not reservation.is_taken:
            return SendTimes([], retry_in=max(reservation.wait - NEAR_SECONDS, NAP_SECONDS))
        self.unreported = 0
        if times[-1] > SLICE_SECONDS:  # many messages to slow domains
            self.messages_per_slice = max(1, int(len(emails) * SLICE_SECONDS / times[-1]))
        else:
            self.messages_per_slice = min(self.messages_per_slice * 2, 10**6)
        begins = time.monotonic() + reservation.wait
        granted = self._granted(len(emails), timezone.now())
        return SendTimes([begins + at for at in times[:granted]])

    def count_if_unlimited(self, messages: int) -> bool:
        """Count messages if no limit applies; return False if one does, or once a second, to report the rate."""
        if not messages:
            return True
        has_limit = self.total_rate < math.inf or self.limits.domain_rates or self._ceiling(timezone.now()) is not None
        if has_limit or time.monotonic() >= self.report_at:
            return False
        self.unreported += messages
        return True

    def _limit_rates(self, email: str) -> dict[str, float]:
        """The limits of a message and their rates; the provider's is always among them, for its measured rate."""
        domain = email.rpartition("@")[2].lower()
        rates = {self.provider: min(self.limits.rate or math.inf, self.slowed or math.inf)}
        if self.rate is not None:
            rates[ALL_KEY] = self.rate
        if rate := self.limits.rate_of_domain(domain):
            rates[self.domain_prefix + domain] = rate
        return rates

    def slow_down(self, reply: str, *, at_once: bool = False) -> None:
        """Halve the rate of all workers after several throttling replies; it recovers over time.

        One reply may be about one connection or one reader.
        at_once: the first reply counts, because the provider accepts nothing any more.
        """
        now = time.monotonic()
        if not is_throttling(reply) or now < self.ignore_throttling_until:
            return
        self.throttling_replies.append(now)
        is_enough = len(self.throttling_replies) == THROTTLING_REPLIES
        if not at_once and (not is_enough or now - self.throttling_replies[0] > THROTTLING_SECONDS):
            return
        self.throttling_replies.clear()
        self.ignore_throttling_until = now + NAP_SECONDS
        limits = [rate for rate in (self.rate, self.limits.rate) if rate]
        self.slowed = slow_down(self.provider, min(limits, default=None))

    def _ceiling(self, now: datetime) -> int | None:
        return self.warm_up.ceiling(now) if self.warm_up else None

    def _granted(self, messages: int, now: datetime) -> int:
        most = self._ceiling(now)
        if self.warm_up is None or most is None:
            return messages
        granted = count_today(self.warm_up.day(now), messages, most)
        if granted < messages:
            self.limit_reached_at = now
        return granted

    def daily_limit_wait(self, now: datetime) -> tuple[datetime, str] | None:
        """When sending continues after the daily limit, and the reason for the author; None without a limit.

        The day is the one on which the limit was reached: midnight may pass before its last replies arrive.
        """
        now = self.limit_reached_at or now
        most = self._ceiling(now)
        if self.warm_up is None or most is None:
            return None
        text = _("Warming up: %(mails)d mails today; goes on tomorrow.") % {"mails": most}
        return self.warm_up.resumes_at(now), text

    def uncount_unsent(self, messages: int) -> None:
        now = timezone.now()
        if messages and self.warm_up and self._ceiling(now) is not None:
            uncount_today(self.warm_up.day(now), messages)
