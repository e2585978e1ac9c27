"""Daily counts of readers, arrivals, departures and sources."""

from collections import Counter
from collections.abc import Iterator, Sequence
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
from subscribers.models.readers import Subscriber, effective_suppressions
from subscribers.models.suppressions import Suppression

COUNTS_CACHE_KEY, COUNTS_CACHE_SECONDS = "readers:tally", 60
CACHED_ABOVE = 50_000  # readers
WEEKS = 12
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class ReaderCounts:
    """Readers who can be mailed now, and the others by reason."""

    mailable: int
    pending: int
    paused: int
    unsubscribed: int
    suppressed: int


def count_readers(now: datetime) -> ReaderCounts:
    """Three queries on indexes alone."""
    states = dict(Subscriber.objects.order_by().values_list("state").annotate(Count("pk")))
    paused = Subscriber.objects.filter(state=Subscriber.State.PAUSED, paused_until__gt=now).count()
    awake = states.get(Subscriber.State.ACTIVE, 0) + states.get(Subscriber.State.PAUSED, 0) - paused
    suppressed = effective_suppressions(now).count()
    return ReaderCounts(
        mailable=awake - suppressed,
        pending=states.get(Subscriber.State.PENDING, 0),
        paused=paused,
        unsubscribed=states.get(Subscriber.State.UNSUBSCRIBED, 0),
        suppressed=suppressed,
    )


def cached_reader_counts(now: datetime) -> ReaderCounts:
    kept: ReaderCounts | None = caches["pages"].get(COUNTS_CACHE_KEY)
    if kept is None:
        kept = count_readers(now)
        if kept.mailable + kept.unsubscribed > CACHED_ABOVE:
            caches["pages"].set(COUNTS_CACHE_KEY, kept, COUNTS_CACHE_SECONDS)
    return kept


class DayCountManager(models.Manager["DayCount"]):
    def keep(self, now: datetime, zone: ZoneInfo) -> None:
        """Store the count of the current day in `zone`; later counts of a day replace earlier ones."""
        today = now.astimezone(zone).date()
        readers = count_readers(now).mailable
        if not self.filter(on=today, readers=readers).exists():  # avoid needless writes on an idle installation
            self.update_or_create(on=today, defaults={"readers": readers})

    def weekly(self, today: date, readers: int) -> list[tuple[date, int]]:
        """Counts of the last twelve weeks, oldest first, from the first with readers; `readers` is today's."""
        first = today - WEEKS * WEEK
        kept = list(self.filter(on__gte=first, on__lt=today).order_by("on").values_list("on", "readers"))
        weeks = (today - week * WEEK for week in reversed(range(1, WEEKS)))
        found = [(day, next((count for on, count in reversed(kept) if on <= day), None)) for day in weeks]
        begun = next((place for place, (_day, count) in enumerate(found) if count), len(found))
        return [*((day, count or 0) for day, count in found[begun:]), (today, readers)]


class DayCount(models.Model):
    """Mailable readers at the end of a day."""

    on = models.DateField(_("day"), primary_key=True)
    readers = models.PositiveIntegerField(_("readers"))

    objects = DayCountManager()

    class Meta:
        ordering = ["on"]
        verbose_name = _("readers of a day")
        verbose_name_plural = _("readers of a day")

    def __str__(self) -> str:
        return f"{self.on}: {self.readers}"


@dataclass(frozen=True)
class Movement:
    """Readers who confirmed or left within a period, without those erased since."""

    came: int
    left: int


def count_movements(times: Sequence[tuple[datetime, datetime]]) -> list[Movement]:
    """Movements per half-open period [start, end): two index-only queries."""
    came, left = (_counted_within(name, times) for name in ("confirmed_at", "unsubscribed_at"))
    return [Movement(*pair) for pair in zip(came, left, strict=True)]


def _counted_within(name: str, times: Sequence[tuple[datetime, datetime]]) -> list[int]:
    """Rows whose time lies in each period; each reads only its own range of the index."""
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
SOURCES_A_DAY = 20  # the rest of a day is summed: anybody can invent sources


class OriginCountManager(models.Manager["OriginCount"]):
    def keep(self, now: datetime, zone: ZoneInfo) -> None:
        """Count days with new arrivals, and how many of those from a quarter ago have stayed."""
        counted = dict(self.order_by().values_list("on").annotate(readers=Sum("came")))
        for day, readers in _came_by_day(zone):
            if readers > counted.get(day, 0):
                self._count(day, zone)
        old = self.filter(on__lt=now.astimezone(zone).date() - QUARTER, stayed__isnull=True)
        for day in old.order_by("on").values_list("on", flat=True).distinct():
            self._count_stayed(day, zone)

    def _count(self, day: date, zone: ZoneInfo) -> None:
        """Store the sources of a day; later erasures do not reduce former counts."""
        found = _sources(_readers_of(day, zone))
        with transaction.atomic():
            for kind, name, came in self.filter(on=day).values_list("kind", "name", "came"):
                found[kind, name] = max(found[kind, name], came)
            self.filter(on=day).delete()
            self.bulk_create(self.model(on=day, kind=key[0], name=key[1], came=came) for key, came in found.items())

    def _count_stayed(self, day: date, zone: ZoneInfo) -> None:
        """Store how many readers of each source of a day stayed a quarter."""
        end = datetime.combine(day + A_DAY + QUARTER, time(), zone)
        suppressed = Suppression.objects.filter(address_hash=OuterRef("address_hash"), created_at__lt=end)
        still = Q(unsubscribed_at__isnull=True) | Q(unsubscribed_at__gte=end)
        stayed = _by_source(_readers_of(day, zone).filter(still, ~Exists(suppressed)))
        rows = list(self.filter(on=day))
        named = {(row.kind, row.name) for row in rows}
        for (kind, name), readers in list(stayed.items()):
            if (kind, name) not in named:
                stayed[origins.OTHER_SOURCE] += readers
        for row in rows:
            row.stayed = min(stayed[row.kind, row.name], row.came)
        self.bulk_update(rows, ["stayed"])


class OriginCount(models.Model):
    """Readers who came from a source on a day. stayed: how many of them were readers a quarter later."""

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
    """Yield the number of existing readers by day of confirmation: an index-only query."""
    came = Subscriber.objects.filter(confirmed_at__isnull=False).order_by()
    by_day = came.annotate(day=TruncDate("confirmed_at", tzinfo=zone)).values_list("day")
    yield from by_day.annotate(readers=Count("pk")).order_by("day").values_list("day", "readers")


def _readers_of(day: date, zone: ZoneInfo) -> models.QuerySet[Subscriber]:
    start, end = (datetime.combine(one, time(), zone) for one in (day, day + A_DAY))
    return Subscriber.objects.filter(confirmed_at__gte=start, confirmed_at__lt=end)


def _by_source(readers: models.QuerySet[Subscriber]) -> Counter[tuple[str, str]]:
    """Readers by source of their last sign-up or import before the confirmation."""
    asked = Consent.objects.filter(subscriber=OuterRef("pk"), at__lte=OuterRef("confirmed_at"))
    asked = asked.filter(kind__in=[Consent.Kind.ASKED, Consent.Kind.IMPORTED]).order_by("-pk")
    lines = readers.order_by().annotate(line=Subquery(asked.values("source")[:1])).values_list("line")
    found: Counter[tuple[str, str]] = Counter()
    for line, count in lines.annotate(count=Count("pk")).values_list("line", "count").iterator():
        found[origins.classify_origin(line or "")] += count
    return found


def _sources(readers: models.QuerySet[Subscriber]) -> Counter[tuple[str, str]]:
    """Sources of a day; all but the largest are summed as OTHER_SOURCE."""
    found = _by_source(readers)
    kept = Counter(dict(found.most_common(SOURCES_A_DAY)))
    if rest := found.total() - kept.total():
        kept[origins.OTHER_SOURCE] += rest
    return kept
