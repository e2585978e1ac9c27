"""The readers an author has selected: ticked ones, or all that match filters.

It is pinned when the job begins: “the last issue” stays that issue, and readers who join later are not included. A
reader who no longer matches at their turn is skipped.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from django.db.models import Exists, Max, OuterRef

from newsletter.delivery.models import Delivery, Mailing
from subscribers import reader_lists
from subscribers.models import Subscriber, SubscriberQuerySet
from subscribers.reader_lists import ReaderFilter, SearchTerm

NONE_OF = "none-of-"
NONE_OF_LAST = f"{NONE_OF}last"
READING_STATES = [Subscriber.State.ACTIVE, Subscriber.State.PAUSED]


def last_sent() -> Mailing | None:
    """The last mailing of an issue whose copies have been sent; None if they were deleted since."""
    ended = Mailing.objects.filter(kind=Mailing.Kind.ISSUE, state=Mailing.State.SENT).defer("html", "text")
    last = ended.order_by("-finished_at").first()
    return last if last and last.copies_deleted_at is None else None


def pinned(value: str) -> str:
    """Pin “the last issue” to today's last mailing, so that the selection does not change later."""
    last = last_sent() if value == NONE_OF_LAST else None
    return f"{NONE_OF}{last.pk}" if last else value


def without_last_copy(readers: SubscriberQuerySet, value: str) -> SubscriberQuerySet:
    """Confirmed readers who have not left and have no sent copy of the last issue.

    value: NONE_OF_LAST, or the same pinned. All mailings of an issue count: a second one goes to those whom the
        first left out.
    """
    last, number = last_sent() if value == NONE_OF_LAST else None, value.removeprefix(NONE_OF)
    if number.isdecimal():
        last = Mailing.objects.filter(pk=number, copies_deleted_at=None).defer("html", "text").first()
    if last is None:
        return readers.none()
    of_issue = Mailing.objects.filter(issue=last.issue_id, kind=Mailing.Kind.ISSUE).values_list("pk", flat=True)
    sent = Delivery.objects.filter(mailing__in=list(of_issue), state=Delivery.State.SENT)
    return readers.filter(~Exists(sent.filter(subscriber=OuterRef("pk"))), state__in=READING_STATES)


FILTERS_BY_PARAMETER: Final[Mapping[str, ReaderFilter]] = {**reader_lists.READER_FILTERS, "copies": without_last_copy}
SEARCH = "q"
TICKED_MAX = 1000


@dataclass(frozen=True)
class Selection:
    """ticked: keys of readers; if empty, all that match `filters` and `term`, up to the key `upto`."""

    ticked: tuple[int, ...] = ()
    filters: dict[str, str] = field(default_factory=dict)
    term: SearchTerm | None = None
    upto: int = 0

    @classmethod
    def of_ticked(cls, numbers: list[int]) -> "Selection":
        return cls(ticked=tuple(sorted(set(numbers))[:TICKED_MAX]), upto=max(numbers, default=0))

    @classmethod
    def of_all(cls, query: Mapping[str, str]) -> "Selection":
        given = {name: query.get(name, "") for name in FILTERS_BY_PARAMETER}
        filters = {name: pinned(value) if name == "copies" else value for name, value in given.items() if value}
        upto = Subscriber.objects.aggregate(last=Max("pk"))["last"] or 0
        text = query.get(SEARCH, "").strip()
        term = SearchTerm.parse(_narrowed(filters), text) if text else None
        return cls(filters=filters, term=term, upto=upto)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Selection":
        term = SearchTerm(**stored["term"]) if stored["term"] else None
        return cls(tuple(stored["ticked"]), dict(stored["filters"]), term, stored["upto"])

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def readers(self) -> SubscriberQuerySet:
        """Unordered."""
        if self.ticked:
            return Subscriber.objects.filter(pk__in=self.ticked).order_by()
        found = _narrowed(self.filters).filter(pk__lte=self.upto)
        return (self.term.narrow(found) if self.term else found).order_by()

    def after(self, cursor: int, count: int) -> list[int]:
        rows = self.readers().filter(pk__gt=cursor).order_by("pk")
        return list(rows.values_list("pk", flat=True)[:count])


def _narrowed(filters: Mapping[str, str]) -> SubscriberQuerySet:
    found = Subscriber.objects.all()
    for name, value in filters.items():
        found = FILTERS_BY_PARAMETER[name](found, value)
    return found
