"""The list of readers as the desk searches it, and one of them."""

from datetime import date
from typing import Annotated, Any, Literal

from django.http import Http404
from ninja import Query, Schema

from newsletter.api import conditions
from newsletter.api.cursors import LIMIT, LIMIT_MAX, Page, page_of, read, written
from newsletter.api.endpoint import Answer, Endpoints, Number, paged
from newsletter.api.endpoints.readers.texts import FIELDS, FIELDS_OF_ONE, ReaderOut, consents_of, tellable, told
from newsletter.api.entrance import ApiRequest
from subscribers.addresses import LENGTH_MAX
from subscribers.finding import NARROWINGS, Term
from subscribers.models import Subscriber, SubscriberQuerySet
from subscribers.models.tags import TAGS_LENGTH_MAX

readers = Endpoints(tags=["readers"])
SEE = ("subscribers.see_readers",)


class ReadersOut(Schema):
    items: list[ReaderOut]
    next: str | None


class Wanted(Schema):
    """Which readers. q: a part of an address or a name, or a whole address in any spelling.

    source: how they came. joined_from, joined_to: local days of their confirmation.
    """

    q: Annotated[str, Query(max_length=LENGTH_MAX)] = ""
    state: Literal["pending", "active", "paused", "unsubscribed", "suppressed"] | None = None
    tag: Annotated[str, Query(max_length=TAGS_LENGTH_MAX)] = ""
    source: Literal["web", "import", "hand", "api"] | None = None
    joined_from: date | None = None
    joined_to: date | None = None
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT
    cursor: Annotated[str, Query(max_length=400)] = ""

    def among(self, found: SubscriberQuerySet) -> SubscriberQuerySet:
        for name, narrow in NARROWINGS.items():
            if value := getattr(self, name):
                found = narrow(found, str(value))
        return found


@readers.reads("/readers", scope="readers:read", needs=SEE, returns=ReadersOut, fields=FIELDS)
def list_readers(request: ApiRequest, wanted: Query[Wanted]) -> Answer:
    """A page of readers, the newest first. Nobody counts them."""
    found, term = wanted.among(Subscriber.objects.all()), wanted.q.strip()
    if term:
        page = _page_of_found(found, term, wanted)
    else:
        page = page_of(tellable(found), limit=wanted.limit, cursor=wanted.cursor)
    return paged(told(page.rows), page.next)


def _page_of_found(found: SubscriberQuerySet, text: str, wanted: Wanted) -> Page[Subscriber]:
    """Return a page of what is looked for by a text: part by part, each bounded by an index, the newest first."""
    keys: list[int] = []
    behind, term = {}, Term.understood(found, text)
    if wanted.cursor:  # on each page the text means what it meant on the first
        below, oldest = read(wanted.cursor, 2)
        behind, term = {"pk__lt": below}, Term(text, oldest=oldest)
    for part in term.parts(found):
        keys += part.filter(**behind).order_by("-pk").values_list("pk", flat=True)[: wanted.limit + 1 - len(keys)]
        if len(keys) > wanted.limit:
            break
    rows = list(tellable(Subscriber.objects.filter(pk__in=keys[: wanted.limit])).order_by("-pk"))
    return Page(rows, written([keys[wanted.limit - 1], term.oldest]) if len(keys) > wanted.limit else "")


@readers.reads("/readers/{number:number}", scope="readers:read", needs=SEE, returns=ReaderOut, fields=FIELDS_OF_ONE)
def read_reader(request: ApiRequest, number: Number) -> Answer:
    """One reader, with the record of what they agreed to and took back."""
    item = told_reader(number)
    return Answer(item | {"consents": consents_of(reader_of(number))}, etag=conditions.etag_of(item))


def told_reader(number: int) -> dict[str, Any]:
    """Return a reader as they are told. Raises Http404."""
    found = told(tellable(Subscriber.objects.filter(pk=number)))
    if not found:
        raise Http404
    return found[0]


def reader_of(number: int) -> Subscriber:
    """Return the reader of a number. Raises Http404."""
    reader = Subscriber.objects.filter(pk=number).first()
    if reader is None:
        raise Http404
    return reader
