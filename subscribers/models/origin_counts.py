"""From where readers came, day by day, and how many of them still read a quarter later: counted once, kept for good.

A page reads these few rows, never the readers. Who is erased stays counted as somebody who came.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import models, transaction
from django.db.models import Count, Exists, OuterRef, Q, Subquery, Sum
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from subscribers import origins
from subscribers.models.consents import Consent
from subscribers.models.readers import Subscriber
from subscribers.models.suppressions import Suppression

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
