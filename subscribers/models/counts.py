"""How many readers there are: counted from an index now, and kept once a day for later."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.core.cache import caches
from django.db import connection, models
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from subscribers.models.readers import Subscriber, barred

TALLY_KEY, TALLY_SECONDS = "readers:tally", 60
MANY = 50_000  # readers; counting fewer takes no time
WEEKS = 12
A_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Tally:
    """How many would get an issue now, and the others by why they would not."""

    mailable: int
    pending: int
    resting: int
    unsubscribed: int
    suppressed: int


def tally(now: datetime) -> Tally:
    """Count the readers from the index of states, and the suppressions: three queries, none of which reads a reader."""
    states = dict(Subscriber.objects.order_by().values_list("state").annotate(Count("pk")))
    resting = Subscriber.objects.filter(state=Subscriber.State.PAUSED, paused_until__gt=now).count()
    awake = states.get(Subscriber.State.ACTIVE, 0) + states.get(Subscriber.State.PAUSED, 0) - resting
    suppressed = barred(now).count()
    return Tally(
        mailable=awake - suppressed,
        pending=states.get(Subscriber.State.PENDING, 0),
        resting=resting,
        unsubscribed=states.get(Subscriber.State.UNSUBSCRIBED, 0),
        suppressed=suppressed,
    )


def kept_tally(now: datetime) -> Tally:
    """Count the readers; where that takes some hundred milliseconds, the answer is used for a minute."""
    kept: Tally | None = caches["pages"].get(TALLY_KEY)
    if kept is None:
        kept = tally(now)
        if kept.mailable + kept.unsubscribed > MANY:
            caches["pages"].set(TALLY_KEY, kept, TALLY_SECONDS)
    return kept


class DayCountManager(models.Manager["DayCount"]):
    def keep(self, now: datetime, zone: ZoneInfo) -> None:
        """Write how many readers there are on this day of the calendar of `zone`; the last count of a day stays.

        The first time, the weeks before are counted from when readers came and left: without those who were erased
        since, and with those who were suppressed at that time.
        """
        today = now.astimezone(zone).date()
        oldest = self.order_by("on").values_list("on", flat=True).first() or today
        missing = [day for day in _weeks_before(today) if day < oldest]
        if missing:
            moments = {f"d{day:%Y%m%d}": datetime.combine(day + timedelta(days=1), time(), zone) for day in missing}
            were = Subscriber.objects.aggregate(**{name: Count("pk", filter=_was(at)) for name, at in moments.items()})
            found = (DayCount(on=day, readers=were[f"d{day:%Y%m%d}"]) for day in missing)
            self.bulk_create(found, ignore_conflicts=True)
        readers = tally(now).mailable
        if not self.filter(on=today, readers=readers).exists():  # a write wakes the clock of an installation at rest
            self.update_or_create(on=today, defaults={"readers": readers})

    def weekly(self, today: date, readers: int) -> list[tuple[date, int]]:
        """Return the last twelve weeks, oldest first, and `readers` for today; from the first week that had any."""
        first = today - WEEKS * A_WEEK
        kept = list(self.filter(on__gte=first, on__lt=today).order_by("on").values_list("on", "readers"))
        found = [(day, _last_until(day, kept)) for day in reversed(_weeks_before(today))]
        begun = next((place for place, (_day, count) in enumerate(found) if count), len(found))
        return [*((day, count or 0) for day, count in found[begun:]), (today, readers)]


class DayCount(models.Model):
    """How many readers would have got an issue at the end of one day."""

    on = models.DateField(_("day"), primary_key=True)
    readers = models.PositiveIntegerField(_("readers"))

    objects = DayCountManager()

    class Meta:
        ordering = ["on"]
        verbose_name = _("readers of a day")
        verbose_name_plural = _("readers of a day")

    def __str__(self) -> str:
        return f"{self.on}: {self.readers}"


def _weeks_before(today: date) -> list[date]:
    """Return the same weekday of the weeks before, the latest first; with today they are twelve."""
    return [today - week * A_WEEK for week in range(1, WEEKS)]


def _was(at: datetime) -> Q:
    stayed = Q(unsubscribed_at__isnull=True) | Q(unsubscribed_at__gte=at)
    return Q(confirmed_at__lt=at) & stayed


def _last_until(day: date, kept: Iterable[tuple[date, int]]) -> int | None:
    return next((count for on, count in reversed(list(kept)) if on <= day), None)


@dataclass(frozen=True)
class Movement:
    """How many readers confirmed and how many left within a time. Who was erased since is in neither."""

    came: int
    left: int


def movements(times: Sequence[tuple[datetime, datetime]]) -> list[Movement]:
    """Return who came and left from each moment on and before the other: two queries, of an index alone."""
    came, left = (_counted_within(name, times) for name in ("confirmed_at", "unsubscribed_at"))
    return [Movement(*pair) for pair in zip(came, left, strict=True)]


def _counted_within(name: str, times: Sequence[tuple[datetime, datetime]]) -> list[int]:
    """Return how many rows have their moment within each of `times`; each entry of the index is read once for each."""
    if not times:
        return []
    table = Subscriber._meta.db_table
    one = f"(SELECT COUNT(*) FROM {table} WHERE {name} >= %s AND {name} < %s)"  # noqa: S608  # nosec B608  # our own names
    ends = [connection.ops.adapt_datetimefield_value(at) for pair in times for at in pair]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join([one] * len(times))}", ends)  # nosec B608  # our own names
        return list(cursor.fetchone())
