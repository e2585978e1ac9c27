"""Readers: search, sign-up, actions, deliveries and export."""

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

from newsletter.api.auth import ApiRequest
from newsletter.api.cursors import Page, PageOf, PageQuery, decode_cursor, encode_cursor, paginate
from newsletter.api.endpoint import (
    ApiResponse,
    EndpointRouter,
    PathId,
    check_if_match,
    etag_of,
    iso_time,
    page_response,
)
from newsletter.api.problems import Problem, form_problem
from newsletter.delivery.models import Delivery, Mailing
from newsletter.desk.readers.reader_actions import NOT_DONE_TEXTS, READER_ACTIONS, done
from newsletter.desk.readers.timeline import copies_below
from newsletter.limits.rate_limits import retry_after_seconds
from newsletter.publication.models import Publication
from newsletter.publication.task_queue import enqueue_on_commit
from subscribers import privacy, signup, tasks
from subscribers.addresses import LENGTH_MAX
from subscribers.author_actions import ReaderActionResult
from subscribers.exporting import csv_download_response, csv_lines, json_lines
from subscribers.forms import NAME_MAX, SignupForm
from subscribers.models import Subscriber, SubscriberQuerySet, Suppression
from subscribers.models.consents import REASON_LENGTH, Consent, ConsentDetails
from subscribers.models.tags import TAGS_LENGTH_MAX, Tagging
from subscribers.reader_lists import READER_FILTERS, SearchTerm
from subscribers.signup import HOUR, PER_HOUR

CONSENTS_MAX = 300  # newest lines
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


def with_json_fields(readers: SubscriberQuerySet) -> SubscriberQuerySet:
    """Prefetch what `readers_json` needs."""
    barred = Suppression.objects.filter(address_hash=OuterRef("address_hash")).order_by()
    taggings = Prefetch("taggings", Tagging.objects.select_related("tag").order_by("pk"))
    return readers.annotate(barred=Subquery(barred.values("reason"))).prefetch_related(taggings)


def readers_json(readers: Iterable[Subscriber]) -> list[dict[str, Any]]:
    """Without consents. readers: of `with_json_fields`."""
    return [_to_json(reader) for reader in readers]


def _to_json(reader: Any) -> dict[str, Any]:
    is_paused = reader.state == Subscriber.State.PAUSED
    return {
        "id": reader.pk,
        "email": reader.email,
        "name": reader.name,
        "state": "suppressed" if reader.barred else reader.state,
        "suppressed": reader.barred,
        "tags": [one.tag.name for one in reader.taggings.all()],
        "created_at": iso_time(reader.created_at),
        "asked_at": iso_time(reader.asked_at),
        "confirmed_at": iso_time(reader.confirmed_at),
        "paused_until": iso_time(reader.paused_until if is_paused else None),
        "unsubscribed_at": iso_time(reader.unsubscribed_at),
    }


def consents_json(reader: Subscriber) -> list[dict[str, Any]]:
    """Newest first."""
    lines = Consent.objects.filter(subscriber=reader).select_related("text").order_by("-pk")[:CONSENTS_MAX]
    return [
        {
            "kind": line.kind,
            "at": iso_time(line.at),
            "source": line.source,
            "text": line.text.words if line.text else "",
            "ip": line.ip,
        }
        for line in lines
    ]


readers = EndpointRouter(tags=["readers"])
SEE = ("subscribers.see_readers",)


class ReaderQuery(PageQuery):
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
        for name, narrow in READER_FILTERS.items():
            if value := getattr(self, name):
                found = narrow(found, str(value))
        return found


@readers.reads("/readers", scope="readers:read", permissions=SEE, returns=PageOf[ReaderOut])
def list_readers(request: ApiRequest, wanted: Query[ReaderQuery]) -> ApiResponse:
    """A page of readers, the newest first. Nobody counts them."""
    found, term = wanted.among(Subscriber.objects.all()), wanted.q.strip()
    if term:
        page = _page_of_found(found, term, wanted)
    else:
        page = paginate(with_json_fields(found), limit=wanted.limit, cursor=wanted.cursor)
    return page_response(readers_json(page.rows), page.next)


def _page_of_found(found: SubscriberQuerySet, text: str, wanted: ReaderQuery) -> Page[Subscriber]:
    """One page of a text search: the parts of the term one after the other, each by an index, newest first."""
    keys: list[int] = []
    behind, term = {}, SearchTerm.parse(found, text)
    if wanted.cursor:  # every page uses the interpretation of the first
        below, oldest = decode_cursor(wanted.cursor, 2)
        behind, term = {"pk__lt": below}, SearchTerm(text, oldest=oldest)
    for part in term.parts(found):
        keys += part.filter(**behind).order_by("-pk").values_list("pk", flat=True)[: wanted.limit + 1 - len(keys)]
        if len(keys) > wanted.limit:
            break
    rows = list(with_json_fields(Subscriber.objects.filter(pk__in=keys[: wanted.limit])).order_by("-pk"))
    return Page(rows, encode_cursor([keys[wanted.limit - 1], term.oldest]) if len(keys) > wanted.limit else "")


@readers.reads("/readers/{number:number}", scope="readers:read", permissions=SEE, returns=OneReaderOut)
def read_reader(request: ApiRequest, number: PathId) -> ApiResponse:
    """One reader, with the record of what they agreed to and took back."""
    item = reader_json(number)
    return ApiResponse(item | {"consents": consents_json(get_object_or_404(Subscriber, pk=number))}, etag=etag_of(item))


def reader_json(number: int) -> dict[str, Any]:
    """Raises Http404."""
    return _to_json(get_object_or_404(with_json_fields(Subscriber.objects.all()), pk=number))


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


@readers.makes("/readers", scope="readers:write", permissions=CARE, returns=AskedOut, status=202)
def add_reader(request: ApiRequest, new: ReaderIn) -> ApiResponse:
    """Have somebody asked by mail whether they want the newsletter."""
    now = timezone.now()
    if not Publication.objects.current().takes_readers:
        raise Problem("conflict", _("New readers are not taken at the moment."))
    form = SignupForm({"email": new.email, "name": new.name, "sure": "1"})
    if not form.is_valid():
        raise form_problem(form, {})
    if seconds := retry_after_seconds("signup-api", str(request.auth.pk), limit=PER_HOUR, seconds=HOUR, now=now):
        raise Problem("too-many", headers={"Retry-After": str(seconds)})
    how = ConsentDetails(f"api:{request.auth.name}", new.consent, notice=privacy.notice_text())
    email = form.cleaned_data["email"]
    if signup.sign_up(email, how, now, who=signup.Newcomer(form.cleaned_data["name"])):
        enqueue_on_commit(tasks.send_confirmations)  # without a queue, beat has it sent within ten seconds
    return ApiResponse({"email": email, "status": "asked"}, status=202, etag="")


WRITE = "readers:write"
SUCCESS_ENDS = {ReaderActionResult.DONE, ReaderActionResult.ALREADY}


class ReasonIn(Schema):
    """reason: it stands in the story of the reader, with your account and token."""

    model_config = ConfigDict(extra="forbid")
    reason: Annotated[str, Field(max_length=REASON_LENGTH)] = ""


class TagReaderIn(ReasonIn):
    tag: Annotated[str, Field(min_length=1, max_length=TAGS_LENGTH_MAX)]


class PauseReaderIn(ReasonIn):
    """until_on: the day on which letters come again, in the zone of the publication."""

    until_on: date


@readers.makes("/readers/{number:number}/tag", scope=WRITE, permissions=CARE, returns=ReaderOut, status=200)
def tag_reader(request: ApiRequest, number: PathId, options: TagReaderIn) -> ApiResponse:
    """Give a tag to a reader."""
    return _act(number, "tag", options)


@readers.makes("/readers/{number:number}/untag", scope=WRITE, permissions=CARE, returns=ReaderOut, status=200)
def untag_reader(request: ApiRequest, number: PathId, options: TagReaderIn) -> ApiResponse:
    """Take a tag from a reader."""
    return _act(number, "untag", options)


@readers.makes("/readers/{number:number}/pause", scope=WRITE, permissions=CARE, returns=ReaderOut, status=200)
def pause_reader(request: ApiRequest, number: PathId, options: PauseReaderIn) -> ApiResponse:
    """Let no issue go to a reader until a day. A longer pause of their own stands."""
    return _act(number, "pause", options)


@readers.makes("/readers/{number:number}/resume", scope=WRITE, permissions=CARE, returns=ReaderOut, status=200)
def resume_reader(request: ApiRequest, number: PathId, options: ReasonIn) -> ApiResponse:
    """End the pause of a reader."""
    return _act(number, "resume", options)


@readers.makes("/readers/{number:number}/unsubscribe", scope=WRITE, permissions=CARE, returns=ReaderOut, status=200)
def unsubscribe_reader(request: ApiRequest, number: PathId, options: ReasonIn) -> ApiResponse:
    """Let a reader leave. They come back by signing up and confirming again."""
    return _act(number, "unsubscribe", options)


@readers.changes(
    "/readers/{number:number}",
    scope=WRITE,
    permissions=(*CARE, "subscribers.delete_subscriber"),
    returns=None,
    method="DELETE",
    status=204,
)
def erase_reader(request: ApiRequest, number: PathId) -> HttpResponse:
    """Erase everything about a reader. A salted hash of the address stays, so that no import brings them back."""
    reader = get_object_or_404(Subscriber, pk=number)
    check_if_match(request, etag_of(reader_json(number)))
    reader.erase()
    return HttpResponse(status=204)


def _act(number: int, name: str, options: ReasonIn) -> ApiResponse:
    """Run the desk's action. Raises Problem unless it succeeded."""
    reader, act = get_object_or_404(Subscriber, pk=number), READER_ACTIONS[name]
    typed: dict[str, Any] = options.model_dump(mode="json")
    form = act.form(typed)
    if not form.is_valid():
        raise form_problem(form, {})
    if other := set(done(reader, act, form)) - SUCCESS_ENDS:
        raise Problem("conflict", str(NOT_DONE_TEXTS[other.pop()]))
    item = reader_json(number)
    return ApiResponse(item)


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


class DeliveryQuery(Schema):
    cursor: Annotated[str, Query(max_length=400)] = ""


@readers.reads(
    "/readers/{number:number}/deliveries",
    scope="deliveries:read",
    permissions=(*SEE, "delivery.view_mailing"),
    returns=PageOf[DeliveryOut],
)
def list_deliveries(request: ApiRequest, number: PathId, wanted: Query[DeliveryQuery]) -> ApiResponse:
    """A page of the copies of a reader, those of the latest mailing first."""
    before = int(decode_cursor(wanted.cursor, 1)[0]) if wanted.cursor else None
    found, floor = copies_below(get_object_or_404(Subscriber, pk=number), before)
    items = [_delivery_json(mailing, copy) for mailing, copy in sorted(found, key=lambda one: -one[0].pk)]
    return page_response(items, encode_cursor([floor]) if floor else "")


def _delivery_json(mailing: Mailing, copy: Any) -> dict[str, Any]:
    return {
        "issue": mailing.issue.number,
        "subject": mailing.issue.subject,
        "mailing": mailing.pk,
        "kind": mailing.kind,
        "state": Delivery.State(copy.state).name.lower(),
        "at": iso_time(copy.sent_at),
        "tries": copy.attempts,
        "words": copy.reply,
    }


NDJSON = "application/x-ndjson"
EXPORT = ("subscribers.see_readers", "subscribers.export_readers")


class ExportQuery(Schema):
    """format: ndjson, one reader a line, or csv, which the import reads again."""

    format: Literal["ndjson", "csv"] = "ndjson"


@readers.reads("/readers/export", scope="readers:export", permissions=EXPORT, returns=None)
def export_readers(request: ApiRequest, wanted: Query[ExportQuery]) -> ApiResponse | StreamingHttpResponse:
    """Take the list of readers away, the first who came first. A suppressed address has the reason as its state."""
    everybody = Subscriber.objects.all()
    if wanted.format == "csv":
        return csv_download_response(csv_lines(everybody), f"readers-{timezone.localdate()}.csv")
    response = StreamingHttpResponse(json_lines(everybody), content_type=NDJSON)
    response.headers["Cache-Control"] = "no-store"
    return response
