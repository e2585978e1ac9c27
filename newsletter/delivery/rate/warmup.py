"""How many mails a day a new sender domain sends at first. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

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
        """Return how an issue is spread over days; None if it leaves in one."""
        days, most = days_needed(readers, self.day_number(begins_at)), self.ceiling(begins_at)
        return Spread(days, most, self.day(begins_at) + timedelta(days=days - 1)) if days > 1 and most else None

    def goes_on_at(self, now: datetime) -> datetime:
        """Return when the next day has begun."""
        midnight = datetime.combine(self.day(now) + timedelta(days=1), time(), self.zone)
        return midnight + A_BIT
