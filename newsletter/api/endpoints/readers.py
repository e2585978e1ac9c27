"""Readers as the desk searches them: found, added as asked, cared for, taken away as a list."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.db.models import OuterRef, Prefetch, Subquery
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Schema
from pydantic import ConfigDict, Field

from newsletter.api.cursors import Page, PageOf, Paging, page_of, read, written
from newsletter.api.endpoint import Answer, Endpoints, Number, demand_match, etag_of, paged, told_time
from newsletter.api.entrance import ApiRequest
from newsletter.api.problems import Problem, problem_of
from newsletter.delivery.models import Delivery, Mailing
from newsletter.desk.readers.acts import ACTS, NOT_DONE, done
from newsletter.desk.readers.story import copies_of
from newsletter.publication.limits import closed_seconds
from newsletter.publication.models import Publication
from newsletter.publication.wakeups import wake
from subscribers import privacy, signup, tasks
from subscribers.acting import End
from subscribers.addresses import LENGTH_MAX
from subscribers.exporting import csv_lines, download, json_lines
from subscribers.finding import NARROWINGS, Term
from subscribers.forms import NAME_MAX, SignupForm
from subscribers.models import Subscriber, SubscriberQuerySet, Suppression
from subscribers.models.consents import REASON_LENGTH, Circumstances, Consent
from subscribers.models.tags import TAGS_LENGTH_MAX, Tagging
from subscribers.signup import HOUR, PER_HOUR

CONSENTS_MAX = 300  # lines of a record, the newest
State = Literal["pending", "active", "paused", "unsubscribed", "suppressed"]


class ConsentOut(Schema):
    """One line of the record of a subscription. text: the words that the form showed."""

    kind: str
    at: datetime
    source: str
    text: str
    ip: str | None


class ReaderOut(Schema):
    """state: suppressed whatever else is so, for no mail goes to that address. suppressed: why."""

    id: int
    email: str
    name: str
    state: State
    suppressed: str | None
    tags: list[str]
    created_at: datetime
    asked_at: datetime | None
    confirmed_at: datetime | None
    paused_until: datetime | None
    unsubscribed_at: datetime | None


class OneReaderOut(ReaderOut):
    consents: list[ConsentOut]


def tellable(readers: SubscriberQuerySet) -> SubscriberQuerySet:
    """Return readers with what `told` needs of them."""
    barred = Suppression.objects.filter(address_hash=OuterRef("address_hash")).order_by()
    taggings = Prefetch("taggings", Tagging.objects.select_related("tag").order_by("pk"))
    return readers.annotate(barred=Subquery(barred.values("reason"))).prefetch_related(taggings)


def told(readers: Iterable[Subscriber]) -> list[dict[str, Any]]:
    """Return readers as they are told, without their records: of `tellable`."""
    return [_told(reader) for reader in readers]


def _told(reader: Any) -> dict[str, Any]:
    is_paused = reader.state == Subscriber.State.PAUSED
    return {
        "id": reader.pk,
        "email": reader.email,
        "name": reader.name,
        "state": "suppressed" if reader.barred else reader.state,
        "suppressed": reader.barred,
        "tags": [one.tag.name for one in reader.taggings.all()],
        "created_at": told_time(reader.created_at),
        "asked_at": told_time(reader.asked_at),
        "confirmed_at": told_time(reader.confirmed_at),
        "paused_until": told_time(reader.paused_until if is_paused else None),
        "unsubscribed_at": told_time(reader.unsubscribed_at),
    }


def consents_of(reader: Subscriber) -> list[dict[str, Any]]:
    """Return the record of a reader, the newest line first."""
    lines = Consent.objects.filter(subscriber=reader).select_related("text").order_by("-pk")[:CONSENTS_MAX]
    return [
        {
            "kind": line.kind,
            "at": told_time(line.at),
            "source": line.source,
            "text": line.text.words if line.text else "",
            "ip": line.ip,
        }
        for line in lines
    ]


readers = Endpoints(tags=["readers"])
SEE = ("subscribers.see_readers",)


class Wanted(Paging):
    """Which readers. q: a part of an address or a name, or a whole address in any spelling.

    source: how they came. joined_from, joined_to: local days of their confirmation.
    """

    q: Annotated[str, Query(max_length=LENGTH_MAX)] = ""
    state: Literal["pending", "active", "paused", "unsubscribed", "suppressed"] | None = None
    tag: Annotated[str, Query(max_length=TAGS_LENGTH_MAX)] = ""
    source: Literal["web", "import", "hand", "api"] | None = None
    joined_from: date | None = None
    joined_to: date | None = None

    def among(self, found: SubscriberQuerySet) -> SubscriberQuerySet:
        for name, narrow in NARROWINGS.items():
            if value := getattr(self, name):
                found = narrow(found, str(value))
        return found


@readers.reads("/readers", scope="readers:read", needs=SEE, returns=PageOf[ReaderOut])
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


@readers.reads("/readers/{number:number}", scope="readers:read", needs=SEE, returns=OneReaderOut)
def read_reader(request: ApiRequest, number: Number) -> Answer:
    """One reader, with the record of what they agreed to and took back."""
    item = told_reader(number)
    return Answer(item | {"consents": consents_of(get_object_or_404(Subscriber, pk=number))}, etag=etag_of(item))


def told_reader(number: int) -> dict[str, Any]:
    """Return a reader as they are told. Raises Http404."""
    return _told(get_object_or_404(tellable(Subscriber.objects.all()), pk=number))


CARE = ("subscribers.see_readers", "subscribers.change_subscriber")
WORDS_MAX = 2000


class ReaderIn(Schema):
    """consent: the words by which they asked for it, as your form shows them."""

    model_config = ConfigDict(extra="forbid")
    email: Annotated[str, Field(min_length=3, max_length=LENGTH_MAX)]
    consent: Annotated[str, Field(min_length=1, max_length=WORDS_MAX)]
    name: Annotated[str, Field(max_length=NAME_MAX)] = ""


class AskedOut(Schema):
    """email: as it is stored. status: always asked."""

    email: str
    status: str


@readers.makes("/readers", scope="readers:write", needs=CARE, returns=AskedOut, status=202)
def add_reader(request: ApiRequest, new: ReaderIn) -> Answer:
    """Have somebody asked by mail whether they want the newsletter."""
    now = timezone.now()
    if not Publication.objects.current().takes_readers:
        raise Problem("conflict", _("New readers are not taken at the moment."))
    form = SignupForm({"email": new.email, "name": new.name, "sure": "1"})
    if not form.is_valid():
        raise problem_of(form, {})
    if seconds := closed_seconds("signup-api", str(request.auth.pk), limit=PER_HOUR, seconds=HOUR, now=now):
        raise Problem("too-many", headers={"Retry-After": str(seconds)})
    how = Circumstances(f"api:{request.auth.name}", new.consent, notice=privacy.words())
    email = form.cleaned_data["email"]
    if signup.sign_up(email, how, now, who=signup.Newcomer(form.cleaned_data["name"])):
        wake(tasks.send_confirmations)  # without a queue, beat has it sent within ten seconds
    return Answer({"email": email, "status": "asked"}, status=202, etag="")


WRITE = "readers:write"
AS_WISHED = {End.DONE, End.ALREADY}


class Why(Schema):
    """reason: it stands in the story of the reader, with your account and token."""

    model_config = ConfigDict(extra="forbid")
    reason: Annotated[str, Field(max_length=REASON_LENGTH)] = ""


class OneTag(Why):
    tag: Annotated[str, Field(min_length=1, max_length=TAGS_LENGTH_MAX)]


class Until(Why):
    """until_on: the day on which letters come again, in the zone of the publication."""

    until_on: date


@readers.makes("/readers/{number:number}/tag", scope=WRITE, needs=CARE, returns=ReaderOut, status=200)
def tag_reader(request: ApiRequest, number: Number, wish: OneTag) -> Answer:
    """Give a tag to a reader."""
    return _act(number, "tag", wish)


@readers.makes("/readers/{number:number}/untag", scope=WRITE, needs=CARE, returns=ReaderOut, status=200)
def untag_reader(request: ApiRequest, number: Number, wish: OneTag) -> Answer:
    """Take a tag from a reader."""
    return _act(number, "untag", wish)


@readers.makes("/readers/{number:number}/pause", scope=WRITE, needs=CARE, returns=ReaderOut, status=200)
def pause_reader(request: ApiRequest, number: Number, wish: Until) -> Answer:
    """Let no issue go to a reader until a day. A longer pause of their own stands."""
    return _act(number, "pause", wish)


@readers.makes("/readers/{number:number}/resume", scope=WRITE, needs=CARE, returns=ReaderOut, status=200)
def resume_reader(request: ApiRequest, number: Number, wish: Why) -> Answer:
    """End the pause of a reader."""
    return _act(number, "resume", wish)


@readers.makes("/readers/{number:number}/unsubscribe", scope=WRITE, needs=CARE, returns=ReaderOut, status=200)
def unsubscribe_reader(request: ApiRequest, number: Number, wish: Why) -> Answer:
    """Let a reader leave. They come back by signing up and confirming again."""
    return _act(number, "unsubscribe", wish)


@readers.changes(
    "/readers/{number:number}",
    scope=WRITE,
    needs=(*CARE, "subscribers.delete_subscriber"),
    returns=None,
    method="DELETE",
    status=204,
)
def erase_reader(request: ApiRequest, number: Number) -> HttpResponse:
    """Erase everything about a reader. A salted hash of the address stays, so that no import brings them back."""
    reader = get_object_or_404(Subscriber, pk=number)
    demand_match(request, etag_of(told_reader(number)))
    reader.erase()
    return HttpResponse(status=204)


def _act(number: int, name: str, wish: Why) -> Answer:
    """Do what a button of the desk does. Raises a Problem if it came to another end."""
    reader, act = get_object_or_404(Subscriber, pk=number), ACTS[name]
    typed: dict[str, Any] = wish.model_dump(mode="json")
    form = act.form(typed)
    if not form.is_valid():
        raise problem_of(form, {})
    if other := set(done(reader, act, form)) - AS_WISHED:
        raise Problem("conflict", str(NOT_DONE[other.pop()]))
    item = told_reader(number)
    return Answer(item)


class DeliveryOut(Schema):
    """mailing: its number within ours. kind: issue or correction. words: the server's own, as it answered last.

    state: queued, deferred, sent, failed, uncertain or skipped. at: when it was sent, or became uncertain.
    """

    issue: int
    subject: str
    mailing: int
    kind: str
    state: str
    at: datetime | None
    tries: int
    words: str


class WantedDeliveries(Schema):
    cursor: Annotated[str, Query(max_length=400)] = ""


@readers.reads(
    "/readers/{number:number}/deliveries",
    scope="deliveries:read",
    needs=(*SEE, "delivery.view_mailing"),
    returns=PageOf[DeliveryOut],
)
def list_deliveries(request: ApiRequest, number: Number, wanted: Query[WantedDeliveries]) -> Answer:
    """A page of the copies of a reader, those of the latest mailing first."""
    before = int(read(wanted.cursor, 1)[0]) if wanted.cursor else None
    found, floor = copies_of(get_object_or_404(Subscriber, pk=number), before)
    items = [_delivery_told(mailing, copy) for mailing, copy in sorted(found, key=lambda one: -one[0].pk)]
    return paged(items, written([floor]) if floor else "")


def _delivery_told(mailing: Mailing, copy: Any) -> dict[str, Any]:
    return {
        "issue": mailing.issue.number,
        "subject": mailing.issue.subject,
        "mailing": mailing.pk,
        "kind": mailing.kind,
        "state": Delivery.State(copy.state).name.lower(),
        "at": told_time(copy.sent_at),
        "tries": copy.attempts,
        "words": copy.reply,
    }


NDJSON = "application/x-ndjson"
EXPORT = ("subscribers.see_readers", "subscribers.export_readers")


class As(Schema):
    """format: ndjson, one reader a line, or csv, which the import reads again."""

    format: Literal["ndjson", "csv"] = "ndjson"


@readers.reads("/readers/export", scope="readers:export", needs=EXPORT, returns=None)
def export_readers(request: ApiRequest, wanted: Query[As]) -> Answer | StreamingHttpResponse:
    """Take the list of readers away, the first who came first. A suppressed address has the reason as its state."""
    everybody = Subscriber.objects.all()
    if wanted.format == "csv":
        return download(csv_lines(everybody), f"readers-{timezone.localdate()}.csv")
    response = StreamingHttpResponse(json_lines(everybody), content_type=NDJSON)
    response.headers["Cache-Control"] = "no-store"
    return response
