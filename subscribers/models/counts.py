"""How many readers there are, came and left, and from where they came, by day."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.core.cache import caches
from django.db import connection, models, transaction
from django.db.models import Count, Exists, OuterRef, Q, Subquery, Sum
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from subscribers import origins
from subscribers.models.consents import Consent
from subscribers.models.readers import Subscriber, barred
from subscribers.models.suppressions import Suppression

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


QUARTER = timedelta(days=91)
A_DAY = timedelta(days=1)
SOURCES_A_DAY = 20  # the others of a day are one: whoever signs up can make as many as they like


class OriginCountManager(models.Manager["OriginCount"]):
    def keep(self, now: datetime, zone: ZoneInfo) -> None:
        """Count the days on which more readers have come than are counted, and those who came a quarter ago."""
        counted = dict(self.order_by().values_list("on").annotate(readers=Sum("came")))
        for day, readers in _came_by_day(zone):
            if readers > counted.get(day, 0):
                self._count(day, zone)
        old = self.filter(on__lt=now.astimezone(zone).date() - QUARTER, stayed__isnull=True)
        for day in old.order_by("on").values_list("on", flat=True).distinct():
            self._count_stayed(day, zone)

    def _count(self, day: date, zone: ZoneInfo) -> None:
        """Write from where the readers of a day came; who was erased since does not lessen what was counted."""
        found = _sources(_readers_of(day, zone))
        with transaction.atomic():
            for kind, name, came in self.filter(on=day).values_list("kind", "name", "came"):
                found[kind, name] = max(found[kind, name], came)
            self.filter(on=day).delete()
            self.bulk_create(self.model(on=day, kind=key[0], name=key[1], came=came) for key, came in found.items())

    def _count_stayed(self, day: date, zone: ZoneInfo) -> None:
        """Write how many of each source of a day still read when a quarter had passed."""
        end = datetime.combine(day + A_DAY + QUARTER, time(), zone)
        barred = Suppression.objects.filter(address_hash=OuterRef("address_hash"), created_at__lt=end)
        still = Q(unsubscribed_at__isnull=True) | Q(unsubscribed_at__gte=end)
        stayed = _by_source(_readers_of(day, zone).filter(still, ~Exists(barred)))
        rows = list(self.filter(on=day))
        named = {(row.kind, row.name) for row in rows}
        for (kind, name), readers in list(stayed.items()):
            if (kind, name) not in named:
                stayed[origins.REST] += readers
        for row in rows:
            row.stayed = min(stayed[row.kind, row.name], row.came)
        self.bulk_update(rows, ["stayed"])


class OriginCount(models.Model):
    """How many readers came from one source on one day. stayed: of them, who still read a quarter later."""

    on = models.DateField(_("day"))
    kind = models.CharField(_("kind of source"), max_length=10)
    name = models.CharField(_("source"), max_length=100, blank=True)
    came = models.PositiveIntegerField(_("came"))
    stayed = models.PositiveIntegerField(_("still read after a quarter"), null=True)

    objects = OriginCountManager()

    class Meta:
        default_permissions = ()
        ordering = ["on", "kind", "name"]
        constraints = [models.UniqueConstraint(fields=["on", "kind", "name"], name="a_source_is_counted_once_a_day")]

    def __str__(self) -> str:
        return f"{self.on} {self.kind} {self.name}: {self.came}"


def _came_by_day(zone: ZoneInfo) -> Iterator[tuple[date, int]]:
    """Return on how many readers of today each day has, by when they confirmed: from an index alone."""
    came = Subscriber.objects.filter(confirmed_at__isnull=False).order_by()
    by_day = came.annotate(day=TruncDate("confirmed_at", tzinfo=zone)).values_list("day")
    yield from by_day.annotate(readers=Count("pk")).order_by("day").values_list("day", "readers")


def _readers_of(day: date, zone: ZoneInfo) -> models.QuerySet[Subscriber]:
    start, end = (datetime.combine(one, time(), zone) for one in (day, day + A_DAY))
    return Subscriber.objects.filter(confirmed_at__gte=start, confirmed_at__lt=end)


def _by_source(readers: models.QuerySet[Subscriber]) -> Counter[tuple[str, str]]:
    """Return how many of these readers came from each source, as the last line says by which they asked to come."""
    asked = Consent.objects.filter(subscriber=OuterRef("pk"), at__lte=OuterRef("confirmed_at"))
    asked = asked.filter(kind__in=[Consent.Kind.ASKED, Consent.Kind.IMPORTED]).order_by("-pk")
    lines = readers.order_by().annotate(line=Subquery(asked.values("source")[:1])).values_list("line")
    found: Counter[tuple[str, str]] = Counter()
    for line, count in lines.annotate(count=Count("pk")).values_list("line", "count").iterator():
        found[origins.source_of(line or "")] += count
    return found


def _sources(readers: models.QuerySet[Subscriber]) -> Counter[tuple[str, str]]:
    """Return the sources of one day, of which only the largest have a row of their own."""
    found = _by_source(readers)
    kept = Counter(dict(found.most_common(SOURCES_A_DAY)))
    if rest := found.total() - kept.total():
        kept[origins.REST] += rest
    return kept
