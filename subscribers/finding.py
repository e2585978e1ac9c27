"""Readers as lists ask for them: which, in what order, and how many."""

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

from subscribers.models import Consent, Subscriber, SubscriberQuerySet, Suppression, Tag, address_hash

PART_OF = 200_000  # readers, the newest, inside of whose addresses and names is looked: 0.1 s
FEW = 20_000  # rows that are read at once in a moment
LAST = "\U0010ffff"  # the last character there is
SUPPRESSED = "suppressed"
STATES: Final[dict[str, Promise | str]] = {
    **{state.value: state.label for state in Subscriber.State},
    SUPPRESSED: _("suppressed"),
}
# How readers came: by the beginning of what their record says.
SOURCES: Final[dict[str, tuple[str, Promise]]] = {
    "web": ("web:", _("form on the site")),
    "import": ("import", _("import")),
    "hand": ("by hand", _("added by hand")),
    "api": ("api:", _("by a program")),
}

type Narrowing = Callable[[SubscriberQuerySet, str], SubscriberQuerySet]


# --- Search ---


def beginning(field: str, term: str) -> Q:
    """Return the condition that a column begins with `term`, in a form that the index on it answers.

    PostgreSQL has an index for LIKE beside the one for equality; SQLite compares by bytes, and so reads a range.
    """
    if connection.vendor == "sqlite":
        return Q(**{f"{field}__gte": term, f"{field}__lt": term + LAST})
    return Q(**{f"{field}__startswith": term})


def by_address[Rows: QuerySet[Any]](rows: Rows, term: str) -> Rows:
    """Return the row of a whole address in any spelling, or those whose address begins with `term`."""
    whole = _whole(rows, term)
    return whole if whole.exists() else rows.filter(_begins(term))


@dataclass(frozen=True)
class Term:
    """What is looked for, as it was understood when it was asked: later it means the same, whatever has changed since.

    is_whole: it was somebody's address. oldest: the first of those who are looked at by any part; 0 if all are.
    """

    text: str
    is_whole: bool = False
    oldest: int = 0

    @classmethod
    def understood(cls, readers: SubscriberQuerySet, text: str) -> "Term":
        """Return what `text` means among some readers."""
        return cls(text, is_whole=True) if _whole(readers, text).exists() else cls(text, oldest=oldest_read())

    def narrow(self, readers: SubscriberQuerySet) -> SubscriberQuerySet:
        if self.is_whole:
            return _whole(readers, self.text)
        part = _has(self.text)
        return readers.filter(_begins(self.text) | part & Q(pk__gte=self.oldest) if self.oldest else part)

    def parts(self, readers: SubscriberQuerySet) -> list[SubscriberQuerySet]:
        """Return what `narrow` does as querysets that an index bounds, each of newer readers than the next."""
        if self.is_whole or not self.oldest:
            return [self.narrow(readers)]
        newest = Subscriber.objects.order_by("-pk").values_list("pk", flat=True).first() or self.oldest
        edge = newest - (newest - self.oldest) // 8
        matching = readers.filter(_has(self.text))
        return [
            matching.filter(pk__gte=edge),  # of what many readers have, enough is found here
            matching.filter(pk__gte=self.oldest, pk__lt=edge),
            readers.filter(_begins(self.text), pk__lt=self.oldest),
        ]


def oldest_read() -> int:
    """Return the number of the first reader who is looked at by any part of address and name; 0 if all are."""
    numbers = Subscriber.objects.order_by("-pk").values_list("pk", flat=True)
    edge = list(numbers[PART_OF - 1 : PART_OF + 1])  # the last who is looked at, and the first who is not
    return edge[0] if len(edge) > 1 else 0


def _whole[Rows: QuerySet[Any]](rows: Rows, term: str) -> Rows:
    return rows.filter(Q(address_hash=address_hash(term)) | Q(address_hash=term.lower()))


def _has(part: str) -> Q:
    """Return the condition that address or name has a part; of one without cases it is asked in half of the time."""
    how = "contains" if part.upper() == part.lower() else "icontains"
    return Q(**{f"email__{how}": part}) | Q(**{f"name__{how}": part})


def _begins(term: str) -> Q:
    return beginning("email", term) | beginning("email", term.lower())


# --- Filters: one function for each name in an address line ---


def in_state(readers: SubscriberQuerySet, state: str) -> SubscriberQuerySet:
    """Return those in a state. An address that is suppressed has no other: no mail goes to it."""
    barred = Suppression.objects.order_by()
    if state == SUPPRESSED:
        return readers.filter(address_hash__in=barred.values("address_hash"))
    if state in Subscriber.State.values:
        return readers.filter(~Exists(barred.filter(address_hash=OuterRef("address_hash"))), state=state)
    return readers.none()


def with_tag(readers: SubscriberQuerySet, tag: str) -> SubscriberQuerySet:
    return readers.tagged(tag)


def from_source(readers: SubscriberQuerySet, source: str) -> SubscriberQuerySet:
    """Return who came by a source, as the lines of their record say by which they asked or were brought in.

    Few are looked up by their numbers; of many, the next one in a list is never far, and each reader is asked about.
    """
    if source not in SOURCES:
        return readers.none()
    came = Consent.objects.filter(beginning("source", SOURCES[source][0])).order_by()
    has_few = not came.values("pk")[FEW : FEW + 1]
    came = came.filter(kind__in=[Consent.Kind.ASKED, Consent.Kind.IMPORTED])
    if has_few:
        return readers.filter(pk__in=came.values("subscriber"))
    return readers.filter(Exists(came.filter(subscriber=OuterRef("pk"))))


def joined_from(readers: SubscriberQuerySet, day: str) -> SubscriberQuerySet:
    """Return who has confirmed on a day or later. day: 2027-01-31, in the zone of the site."""
    start = _start_of(day)
    return readers.filter(confirmed_at__gte=start) if start else readers.none()


def joined_to(readers: SubscriberQuerySet, day: str) -> SubscriberQuerySet:
    start = _start_of(day, days_later=1)
    return readers.filter(confirmed_at__lt=start) if start else readers.none()


NARROWINGS: Final[Mapping[str, Narrowing]] = {
    "state": in_state,
    "tag": with_tag,
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


class Field(admin.SimpleListFilter):
    """A field of the form above the list. It is there whatever it has to choose from: a form keeps its shape."""

    kind: ClassVar[str] = "select"  # or the type of an input
    narrowings: ClassVar[Mapping[str, Narrowing]] = NARROWINGS

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return ()

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: Any) -> SubscriberQuerySet:
        value = self.value()
        found: SubscriberQuerySet = self.narrowings[str(self.parameter_name)](queryset, value) if value else queryset
        return found


class StateField(Field):
    title, parameter_name = _("state"), "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Options:
        return STATES.items()


class TagField(Field):
    title, parameter_name = _("tag"), "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Options:
        return [(name, name) for name in Tag.objects.in_use()]


class SourceField(Field):
    title, parameter_name = _("how they came"), "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Options:
        return [(key, label) for key, (_beginning, label) in SOURCES.items()]


class JoinedFromField(Field):
    kind = "date"
    title, parameter_name = _("joined from"), "joined_from"


class JoinedToField(Field):
    kind = "date"
    title, parameter_name = _("joined until"), "joined_to"


FIELDS: tuple[type[Field], ...] = (StateField, TagField, SourceField, JoinedFromField, JoinedToField)


COUNT_MAX = 10_000  # rows; a page beyond that is found by searching, not by leafing


class LimitedPaginator(Paginator):  # type: ignore[type-arg]
    """Count no further than a person would leaf: count(*) over a million rows takes a second."""

    limit = COUNT_MAX  # what a page says is then "10,000 and more"

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by().values("pk")[: self.limit].count()

    @property
    def has_more(self) -> bool:
        return self.count >= self.limit


class FoundPaginator(LimitedPaginator):
    """Pages of what was looked for, the newest first. parts: all of it together, each newer than the next.

    Looking through addresses and names is what takes the time, so keys are read once: for the count and for a page.
    """

    parts: Sequence["QuerySet[Any]"] = ()

    @cached_property
    def keys(self) -> list[int]:
        """Return what was found, the newest first, and no more than `limit`."""
        found: list[int] = []
        for part in self.parts:
            found += part.order_by("-pk").values_list("pk", flat=True)[: self.limit - len(found)]
        return found

    @cached_property
    def count(self) -> int:
        return len(self.keys)


class ReadPaginator(FoundPaginator):
    """A page of what was looked for, whose rows are fetched by their keys. rows: where they are fetched.

    It looks no further than to the next page: texts are long, and a frequent word stands in each third of them.
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


class FoundList(ChangeList):
    """A list of a desk whose newest rows stand first, and whose rows are not looked for a second time."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not isinstance(self.paginator, FoundPaginator):
            return
        first = 0 if self.show_all else (self.page_num - 1) * self.list_per_page
        end = self.list_max_show_all if self.show_all else first + self.list_per_page
        self.result_list = self.root_queryset.filter(pk__in=self.paginator.keys[first:end]).order_by("-pk")
