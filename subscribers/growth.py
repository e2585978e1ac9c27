"""Where readers came from, and how many stay a quarter, computed from the daily counts."""

from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext

from subscribers.models import OriginCount

PERIODS = 12  # weeks, or months
FOUR_WEEKS = timedelta(days=28)
SENTENCE_SOURCES = 3  # sources in a sentence
TABLE_SOURCES = 20  # rows of a table
type Key = tuple[str, str]  # kind and name of a source

SOURCE_LABELS: dict[str, Promise] = {
    "campaign": _("campaign"),
    "invitation": _("a reader's invitation"),
    "site": _("another site"),
    "page": _("page"),
    "form": _("form on the site"),
    "import": _("import"),
    "hand": _("added by hand"),
    "api": _("by a program"),
    "other": _("others"),
}
GROUPED_PREFIXES = ("/p/", "/issues/")  # page prefixes that a sentence counts as one
PAGE_LABELS: dict[str, Promise] = {"/": _("home page"), "/p/": _("posts"), "/issues/": _("past issues")}


@dataclass(frozen=True)
class SourceGrowth:
    """came: by period, oldest first. settled: came a quarter ago or earlier; stayed: of these, after a quarter."""

    kind: str
    name: str
    came: tuple[int, ...]
    settled: int
    stayed: int

    @property
    def in_all(self) -> int:
        return sum(self.came)

    @property
    def label(self) -> str:
        return source_label(self.kind, self.name)


@dataclass(frozen=True)
class Growth:
    """begins: first day of each period. more: number of sources left out."""

    begins: tuple[date, ...]
    sources: tuple[SourceGrowth, ...]
    more: int

    @property
    def came(self) -> tuple[int, ...]:
        return tuple(map(sum, zip(*(one.came for one in self.sources), strict=True)))


def source_label(kind: str, name: str) -> str:
    if kind == "page" and name in PAGE_LABELS:
        return str(PAGE_LABELS[name])
    return name or str(SOURCE_LABELS.get(kind, SOURCE_LABELS["other"]))


def period_starts(today: date, by: str) -> list[date]:
    """First days of the last twelve weeks or months, oldest first. by: "week" or "month"."""
    if by == "week":
        monday = today - timedelta(days=today.weekday())
        return [monday - timedelta(weeks=back) for back in reversed(range(PERIODS))]
    months = [today.year * 12 + today.month - 1 - back for back in reversed(range(PERIODS))]
    return [date(month // 12, month % 12 + 1, 1) for month in months]


def load_growth(today: date, by: str = "week", *, sources: int = TABLE_SOURCES) -> Growth:
    """Sources of the last twelve weeks or months, largest first; settled and stayed count all times."""
    starts = period_starts(today, by)
    came: defaultdict[Key, list[int]] = defaultdict(lambda: [0] * PERIODS)
    rows = OriginCount.objects.filter(on__gte=starts[0], on__lte=today).order_by("on")
    for on, kind, name, count in rows.values_list("on", "kind", "name", "came").iterator():
        came[kind, name][bisect(starts, on) - 1] += count
    settled = _settled()
    keys = sorted({*came, *settled}, key=lambda key: (-sum(came.get(key, ())), -settled.get(key, (0, 0))[0], key))
    found = (
        SourceGrowth(*key, tuple(came.get(key, [0] * PERIODS)), *settled.get(key, (0, 0))) for key in keys[:sources]
    )
    return Growth(tuple(starts), tuple(found), max(0, len(keys) - sources))


def _settled() -> dict[Key, tuple[int, int]]:
    """(settled, stayed) by source."""
    old = OriginCount.objects.filter(stayed__isnull=False).order_by().values_list("kind", "name")
    sums = old.annotate(readers=Sum("came"), still=Sum("stayed"))
    return {(kind, name): (readers, still) for kind, name, readers, still in sums}


def recent_sources(today: date) -> tuple[int, list[tuple[str, int]]]:
    """Number of new readers of the last four weeks, and the largest sources."""
    rows = OriginCount.objects.filter(on__gt=today - FOUR_WEEKS, on__lte=today).order_by().values_list("kind", "name")
    came: Counter[Key] = Counter()
    for kind, name, count in rows.annotate(readers=Sum("came")):
        came[kind, next((prefix for prefix in GROUPED_PREFIXES if name.startswith(prefix)), name)] += count
    return came.total(), [(source_label(*key), count) for key, count in came.most_common(SENTENCE_SOURCES)]


def growth_sentence(today: date) -> str:
    """New readers of the last four weeks by source, in words; "" if there are none."""
    came, largest = recent_sources(today)
    if not came:
        return ""
    text = ngettext("%(count)s new in four weeks", "%(count)s new in four weeks", came) % {"count": f"{came:,}"}
    named = " · ".join(f"{name} {count:,}" for name, count in largest)
    return pgettext("a count, and sources", "%(came)s: %(sources)s") % {"came": text, "sources": named}


def growth_table(today: date, by: str) -> Iterator[list[object]]:
    found = load_growth(today, by, sources=10_000)
    for place, start in enumerate(found.begins):
        for one in found.sources:
            if one.came[place]:
                yield [start.isoformat(), one.kind, one.name, one.came[place], one.settled, one.stayed]
