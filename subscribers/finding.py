"""Readers that an author looks for: by part of an address or name, and by what is known of them. Fast at a million.

Everything here narrows a queryset by one value of an address line, so that a list, an export and an action on all
that match agree.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from subscribers.models import Consent, Subscriber, SubscriberQuerySet, Suppression, address_hash

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
    """Return who had confirmed by the end of a day."""
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
