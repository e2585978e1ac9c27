"""Search, filters and pagination of reader lists in the admin and the API."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any, ClassVar, Final, cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Page, Paginator
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from subscribers.models import Consent, ReaderTag, Subscriber, SubscriberQuerySet, Suppression, address_hash

SEARCHED_MAX = 200_000  # newest readers whose addresses and names are searched for substrings: 0.1 s
FEW_ROWS = 20_000  # rows that one query reads quickly
LAST_CHARACTER = "\U0010ffff"  # the highest character
SUPPRESSED = "suppressed"
STATES: Final[dict[str, Promise | str]] = {
    **{state.value: state.label for state in Subscriber.State},
    SUPPRESSED: _("suppressed"),
}
# Prefix of Consent.source, and label.
SOURCES: Final[dict[str, tuple[str, Promise]]] = {
    "web": ("web:", _("form on the site")),
    "import": ("import", _("import")),
    "hand": ("by hand", _("added by hand")),
    "api": ("api:", _("by a program")),
}

type ReaderFilter = Callable[[SubscriberQuerySet, str], SubscriberQuerySet]


def starts_with(field: str, term: str) -> Q:
    """A prefix condition that uses the column's index.

    PostgreSQL has a separate index for LIKE; SQLite compares bytes, so a range works.
    """
    if connection.vendor == "sqlite":
        return Q(**{f"{field}__gte": term, f"{field}__lt": term + LAST_CHARACTER})
    return Q(**{f"{field}__startswith": term})


def by_address[Rows: QuerySet[Any]](rows: Rows, term: str) -> Rows:
    """The row of a whole address in any spelling, else those whose address starts with `term`."""
    whole = _whole(rows, term)
    return whole if whole.exists() else rows.filter(_begins(term))


@dataclass(frozen=True)
class SearchTerm:
    """A parsed search term, which jobs store as JSON: it keeps its meaning when readers are added later.

    is_whole: it was the address of a reader. oldest_id: of the oldest reader that is searched for substrings; 0: all.
    """

    text: str
    is_whole: bool = False
    oldest_id: int = 0

    @classmethod
    def parse(cls, readers: SubscriberQuerySet, text: str) -> "SearchTerm":
        """readers: where a whole address is looked up."""
        return cls(text, is_whole=True) if _whole(readers, text).exists() else cls(text, oldest_id=oldest_searched())

    def narrow(self, readers: SubscriberQuerySet) -> SubscriberQuerySet:
        if self.is_whole:
            return _whole(readers, self.text)
        part = _has(self.text)
        return readers.filter(_begins(self.text) | part & Q(pk__gte=self.oldest_id) if self.oldest_id else part)

    def parts(self, readers: SubscriberQuerySet) -> list[SubscriberQuerySet]:
        """`narrow` as several index-bounded querysets, newest readers first."""
        if self.is_whole or not self.oldest_id:
            return [self.narrow(readers)]
        newest = Subscriber.objects.order_by("-pk").values_list("pk", flat=True).first() or self.oldest_id
        edge = newest - (newest - self.oldest_id) // 8
        matching = readers.filter(_has(self.text))
        return [
            matching.filter(pk__gte=edge),  # frequent terms fill a page from here alone
            matching.filter(pk__gte=self.oldest_id, pk__lt=edge),
            readers.filter(_begins(self.text), pk__lt=self.oldest_id),
        ]


def oldest_searched() -> int:
    """Id of the oldest reader that is searched for substrings; 0 if all are."""
    numbers = Subscriber.objects.order_by("-pk").values_list("pk", flat=True)
    edge = list(numbers[SEARCHED_MAX - 1 : SEARCHED_MAX + 1])  # the last that is searched, and the first that is not
    return edge[0] if len(edge) > 1 else 0


def _whole[Rows: QuerySet[Any]](rows: Rows, term: str) -> Rows:
    return rows.filter(Q(address_hash=address_hash(term)) | Q(address_hash=term.lower()))


def _has(part: str) -> Q:
    """Substring condition; text without case is matched twice as fast case-sensitively."""
    how = "contains" if part.upper() == part.lower() else "icontains"
    return Q(**{f"email__{how}": part}) | Q(**{f"name__{how}": part})


def _begins(term: str) -> Q:
    return starts_with("email", term) | starts_with("email", term.lower())


def in_state(readers: SubscriberQuerySet, state: str) -> SubscriberQuerySet:
    """Readers in a state; suppressed ones count as suppressed only."""
    barred = Suppression.objects.order_by()
    if state == SUPPRESSED:
        return readers.filter(address_hash__in=barred.values("address_hash"))
    if state in Subscriber.State.values:
        return readers.filter(~Exists(barred.filter(address_hash=OuterRef("address_hash"))), state=state)
    return readers.none()


def from_source(readers: SubscriberQuerySet, source: str) -> SubscriberQuerySet:
    """Readers by the source of their sign-up or import.

    Few are looked up by id; for a frequent source, EXISTS per reader is faster, because a page is soon full.
    """
    if source not in SOURCES:
        return readers.none()
    came = Consent.objects.filter(starts_with("source", SOURCES[source][0])).order_by()
    has_few = not came.values("pk")[FEW_ROWS : FEW_ROWS + 1]
    came = came.filter(kind__in=[Consent.Kind.ASKED, Consent.Kind.IMPORTED])
    if has_few:
        return readers.filter(pk__in=came.values("subscriber"))
    return readers.filter(Exists(came.filter(subscriber=OuterRef("pk"))))


def joined_from(readers: SubscriberQuerySet, day: str) -> SubscriberQuerySet:
    """Confirmed on or after a local day (2027-01-31)."""
    start = _start_of(day)
    return readers.filter(confirmed_at__gte=start) if start else readers.none()


def joined_to(readers: SubscriberQuerySet, day: str) -> SubscriberQuerySet:
    start = _start_of(day, days_later=1)
    return readers.filter(confirmed_at__lt=start) if start else readers.none()


READER_FILTERS: Final[Mapping[str, ReaderFilter]] = {
    "state": in_state,
    "tag": SubscriberQuerySet.tagged,
    "source": from_source,
    "joined_from": joined_from,
    "joined_to": joined_to,
}


def _start_of(day: str, *, days_later: int = 0) -> datetime | None:
    try:
        found = date.fromisoformat(day) + timedelta(days=days_later)
        return timezone.make_aware(datetime.combine(found, time())).astimezone(UTC)  # the first day has no time in UTC
    except (ValueError, OverflowError):
        return None


type Options = Iterable[tuple[str, Any]]


class ListFilter(admin.SimpleListFilter):
    """A field of the filter form above the list; shown even without choices."""

    kind: ClassVar[str] = "select"  # or an input type
    filters: ClassVar[Mapping[str, ReaderFilter]] = READER_FILTERS

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return ()

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: Any) -> SubscriberQuerySet:
        value = self.value()
        found: SubscriberQuerySet = self.filters[str(self.parameter_name)](queryset, value) if value else queryset
        return found


class StateField(ListFilter):
    title, parameter_name = _("state"), "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Options:
        return STATES.items()


class TagField(ListFilter):
    title, parameter_name = _("tag"), "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Options:
        return [(name, name) for name in ReaderTag.objects.in_use()]


class SourceField(ListFilter):
    title, parameter_name = _("how they came"), "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Options:
        return [(key, label) for key, (_beginning, label) in SOURCES.items()]


class JoinedFromField(ListFilter):
    kind = "date"
    title, parameter_name = _("joined from"), "joined_from"


class JoinedToField(ListFilter):
    kind = "date"
    title, parameter_name = _("joined until"), "joined_to"


LIST_FILTERS: tuple[type[ListFilter], ...] = (StateField, TagField, SourceField, JoinedFromField, JoinedToField)


COUNT_MAX = 10_000  # rows; nobody pages further


class LimitedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts up to a limit: count(*) over a million rows takes a second."""

    limit = COUNT_MAX  # shown as "10,000 and more"

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by().values("pk")[: self.limit].count()

    @property
    def has_more(self) -> bool:
        return self.count >= self.limit


class SearchPaginator(LimitedPaginator):
    """Pages of search results, newest first. parts: querysets of the results, newer ones first.

    Searching takes the time, so the primary keys are read once, for both count and page.
    """

    parts: Sequence["QuerySet[Any]"] = ()

    @cached_property
    def keys(self) -> list[int]:
        """Primary keys of the results, newest first, up to `limit`."""
        found: list[int] = []
        for part in self.parts:
            found += part.order_by("-pk").values_list("pk", flat=True)[: self.limit - len(found)]
        return found

    @cached_property
    def count(self) -> int:
        return len(self.keys)


class KeyPaginator(SearchPaginator):
    """Searches primary keys in `found`, and fetches the page's rows from `rows`.

    Searches no further than the next page: texts are long.
    """

    def __init__(self, found: "QuerySet[Any]", per_page: int, *, rows: "QuerySet[Any]") -> None:
        super().__init__(found, per_page)
        self.parts, self.rows = [found], rows

    def get_page(self, number: float | str | None) -> "Page[Any]":
        typed = str(number)
        wanted = int(typed[:9]) if typed.isdecimal() else 1
        self.limit = min(self.limit, max(wanted, 1) * self.per_page + 1)
        return super().get_page(wanted)

    def page(self, number: int | str) -> "Page[Any]":
        number = self.validate_number(number)
        keys = self.keys[(number - 1) * self.per_page : number * self.per_page]
        return Page(self.rows.filter(pk__in=keys).order_by("-pk"), number, self)


class SearchChangeList(ChangeList):
    """A change list that fetches the rows by the paginator's keys, without a second search."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not isinstance(self.paginator, SearchPaginator):
            return
        first = 0 if self.show_all else (self.page_num - 1) * self.list_per_page
        end = self.list_max_show_all if self.show_all else first + self.list_per_page
        self.result_list = self.root_queryset.filter(pk__in=self.paginator.keys[first:end]).order_by("-pk")
