"""Readers: search, sign-up, actions, deliveries and export."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Schema
from pydantic import Field

from newsletter.api.auth import ApiRequest, RequestBody
from newsletter.api.cursors import Page, PageOf, PageQuery, decode_cursor, encode_cursor, paginate
from newsletter.api.endpoint import (
    ApiResponse,
    EndpointRouter,
    PathId,
    View,
    check_if_match,
    etag_of,
    page_response,
    to_dict,
)
from newsletter.api.problems import Problem, check_form
from newsletter.delivery.models import Delivery, Mailing
from newsletter.desk.readers.reader_actions import NOT_DONE_TEXTS, READER_ACTIONS, apply_action
from newsletter.desk.readers.timeline import deliveries_before
from newsletter.limits.rate_limits import retry_after_seconds
from newsletter.publication.models import Publication
from newsletter.publication.task_queue import enqueue_on_commit
from subscribers import privacy, signup, tasks
from subscribers.addresses import ADDRESS_LENGTH_MAX
from subscribers.author_actions import ReaderActionResult
from subscribers.exporting import csv_download_response, csv_lines, json_lines
from subscribers.forms import NAME_MAX, SignupForm
from subscribers.models import Subscriber, SubscriberQuerySet
from subscribers.models.consents import REASON_LENGTH, Consent, ConsentDetails
from subscribers.models.tags import TAGS_LENGTH_MAX
from subscribers.reader_lists import READER_FILTERS, SearchTerm
from subscribers.signup import HOUR_SECONDS, SIGNUPS_PER_HOUR_MAX

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
    """state: “suppressed” takes precedence over all others. suppressed: the reason, or null."""

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


def _to_json(reader: Any) -> dict[str, Any]:
    is_paused = reader.state == Subscriber.State.PAUSED
    return to_dict(
        ReaderOut,
        reader,
        state="suppressed" if reader.suppression_reason else reader.state,
        suppressed=reader.suppression_reason,
        tags=[one.tag.name for one in reader.taggings.all()],
        paused_until=reader.paused_until if is_paused else None,
    )


def consents_json(reader: Subscriber) -> list[dict[str, Any]]:
    """Newest first."""
    lines = Consent.objects.filter(subscriber=reader).select_related("text").order_by("-pk")[:CONSENTS_MAX]
    return [to_dict(ConsentOut, line, text=line.text.words if line.text else "") for line in lines]


readers = EndpointRouter(tags=["readers"])
VIEW_PERMISSIONS = ("subscribers.see_readers",)


class ReaderQuery(PageQuery):
    """Which readers. q: a part of an address or a name, or a whole address in any spelling.

    source: how they came. joined_from, joined_to: local days of their confirmation.
    """

    q: Annotated[str, Query(max_length=ADDRESS_LENGTH_MAX)] = ""
    state: State | None = None
    tag: Annotated[str, Query(max_length=TAGS_LENGTH_MAX)] = ""
    source: Literal["web", "import", "hand", "api"] | None = None
    joined_from: date | None = None
    joined_to: date | None = None

    def filter_readers(self, found: SubscriberQuerySet) -> SubscriberQuerySet:
        for name, narrow in READER_FILTERS.items():
            if value := getattr(self, name):
                found = narrow(found, str(value))
        return found


@readers.reads("/readers", scope="readers:read", permissions=VIEW_PERMISSIONS, returns=PageOf[ReaderOut])
def list_readers(request: ApiRequest, wanted: Query[ReaderQuery]) -> ApiResponse:
    """A page of readers, the newest first. There is no total count."""
    found, term = wanted.filter_readers(Subscriber.objects.all()), wanted.q.strip()
    if term:
        page = _page_of_found(found, term, wanted)
    else:
        page = paginate(found.for_listing(), limit=wanted.limit, cursor=wanted.cursor)
    return page_response([_to_json(reader) for reader in page.rows], page.next_cursor)


def _page_of_found(found: SubscriberQuerySet, text: str, wanted: ReaderQuery) -> Page[Subscriber]:
    """One page of a text search: the parts of the term one after the other, each by an index, newest first."""
    keys: list[int] = []
    behind, term = {}, SearchTerm.parse(found, text)
    if wanted.cursor:  # every page uses the interpretation of the first
        below, oldest = decode_cursor(wanted.cursor, 2)
        behind, term = {"pk__lt": below}, SearchTerm(text, oldest_id=oldest)
    for part in term.parts(found):
        keys += part.filter(**behind).order_by("-pk").values_list("pk", flat=True)[: wanted.limit + 1 - len(keys)]
        if len(keys) > wanted.limit:
            break
    rows = list(Subscriber.objects.filter(pk__in=keys[: wanted.limit]).for_listing().order_by("-pk"))
    return Page(rows, encode_cursor([keys[wanted.limit - 1], term.oldest_id]) if len(keys) > wanted.limit else "")


@readers.reads("/readers/{number:number}", scope="readers:read", permissions=VIEW_PERMISSIONS, returns=OneReaderOut)
def read_reader(request: ApiRequest, number: PathId) -> ApiResponse:
    """One reader, with the record of what they agreed to and took back."""
    item = reader_json(number)
    return ApiResponse(item | {"consents": consents_json(get_object_or_404(Subscriber, pk=number))}, etag=etag_of(item))


def reader_json(number: int) -> dict[str, Any]:
    return _to_json(get_object_or_404(Subscriber.objects.for_listing(), pk=number))


CHANGE_PERMISSIONS = ("subscribers.see_readers", "subscribers.change_subscriber")
CONSENT_LENGTH_MAX = 2000


class ReaderIn(RequestBody):
    """consent: the words by which they asked for it, as your form shows them."""

    email: Annotated[str, Field(min_length=3, max_length=ADDRESS_LENGTH_MAX)]
    consent: Annotated[str, Field(min_length=1, max_length=CONSENT_LENGTH_MAX)]
    name: Annotated[str, Field(max_length=NAME_MAX)] = ""


class AskedOut(Schema):
    """email: as it is stored. status: always asked."""

    email: str
    status: str


@readers.creates("/readers", scope="readers:write", permissions=CHANGE_PERMISSIONS, returns=AskedOut, status=202)
def add_reader(request: ApiRequest, new: ReaderIn) -> ApiResponse:
    """Sign up an address: send it a confirmation mail (double opt-in)."""
    now = timezone.now()
    if not Publication.objects.current().takes_readers:
        raise Problem("conflict", _("New readers are not taken at the moment."))
    form = SignupForm({"email": new.email, "name": new.name, "sure": "1"})
    check_form(form)
    if seconds := retry_after_seconds(
        "signup-api", str(request.auth.pk), limit=SIGNUPS_PER_HOUR_MAX, seconds=HOUR_SECONDS, now=now
    ):
        raise Problem("too-many", headers={"Retry-After": str(seconds)})
    how = ConsentDetails(f"api:{request.auth.name}", new.consent, notice=privacy.notice_text())
    email = form.cleaned_data["email"]
    if signup.sign_up(email, how, now, who=signup.SignupDetails(form.cleaned_data["name"])):
        enqueue_on_commit(tasks.send_confirmations)  # if the queue is down, beat sends it within ten seconds
    return ApiResponse({"email": email, "status": "asked"}, status=202, etag="")


WRITE_SCOPE = "readers:write"
SUCCESSFUL_RESULTS = {ReaderActionResult.DONE, ReaderActionResult.ALREADY}


class ReasonIn(RequestBody):
    """reason: shown in the reader's timeline, with your account and token."""

    reason: Annotated[str, Field(max_length=REASON_LENGTH)] = ""


class TagReaderIn(ReasonIn):
    tag: Annotated[str, Field(min_length=1, max_length=TAGS_LENGTH_MAX)]


class PauseReaderIn(ReasonIn):
    """until_on: the day on which letters come again, in the zone of the publication."""

    until_on: date


def _reader_action(name: str) -> Callable[[View], View]:
    path = f"/readers/{{number:number}}/{name}"
    return readers.creates(path, scope=WRITE_SCOPE, permissions=CHANGE_PERMISSIONS, returns=ReaderOut, status=200)


@_reader_action("tag")
def tag_reader(request: ApiRequest, number: PathId, options: TagReaderIn) -> ApiResponse:
    """Give a tag to a reader."""
    return _act(number, "tag", options)


@_reader_action("untag")
def untag_reader(request: ApiRequest, number: PathId, options: TagReaderIn) -> ApiResponse:
    """Take a tag from a reader."""
    return _act(number, "untag", options)


@_reader_action("pause")
def pause_reader(request: ApiRequest, number: PathId, options: PauseReaderIn) -> ApiResponse:
    """Pause a reader until a date; a longer pause is kept."""
    return _act(number, "pause", options)


@_reader_action("resume")
def resume_reader(request: ApiRequest, number: PathId, options: ReasonIn) -> ApiResponse:
    """End the pause of a reader."""
    return _act(number, "resume", options)


@_reader_action("unsubscribe")
def unsubscribe_reader(request: ApiRequest, number: PathId, options: ReasonIn) -> ApiResponse:
    """Unsubscribe a reader. They come back by signing up and confirming again."""
    return _act(number, "unsubscribe", options)


@readers.modifies(
    "/readers/{number:number}",
    scope=WRITE_SCOPE,
    permissions=(*CHANGE_PERMISSIONS, "subscribers.delete_subscriber"),
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
    reader, act = get_object_or_404(Subscriber, pk=number), READER_ACTIONS[name]
    form = act.form(options.model_dump(mode="json"))
    check_form(form)
    if other := set(apply_action(reader, act, form)) - SUCCESSFUL_RESULTS:
        raise Problem("conflict", str(NOT_DONE_TEXTS[other.pop()]))
    return ApiResponse(reader_json(number))


class DeliveryOut(Schema):
    """mailing: its number within ours. kind: issue or correction. words: the last reply of the mail server.

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
    permissions=(*VIEW_PERMISSIONS, "delivery.view_mailing"),
    returns=PageOf[DeliveryOut],
)
def list_deliveries(request: ApiRequest, number: PathId, wanted: Query[DeliveryQuery]) -> ApiResponse:
    """A page of the copies of a reader, those of the latest mailing first."""
    before = int(decode_cursor(wanted.cursor, 1)[0]) if wanted.cursor else None
    found, floor = deliveries_before(get_object_or_404(Subscriber, pk=number), before)
    items = [_delivery_json(mailing, copy) for mailing, copy in sorted(found, key=lambda one: -one[0].pk)]
    return page_response(items, encode_cursor([floor]) if floor else "")


def _delivery_json(mailing: Mailing, copy: Any) -> dict[str, Any]:
    return to_dict(
        DeliveryOut,
        copy,
        issue=mailing.issue.number,
        subject=mailing.issue.subject,
        mailing=mailing.pk,
        kind=mailing.kind,
        state=Delivery.State(copy.state).name.lower(),
        at=copy.sent_at,
        tries=copy.attempts,
        words=copy.reply,
    )


NDJSON = "application/x-ndjson"
EXPORT_PERMISSIONS = ("subscribers.see_readers", "subscribers.export_readers")


class ExportQuery(Schema):
    """format: ndjson, one reader a line, or csv, which the import reads again."""

    format: Literal["ndjson", "csv"] = "ndjson"


@readers.reads("/readers/export", scope="readers:export", permissions=EXPORT_PERMISSIONS, returns=None)
def export_readers(request: ApiRequest, wanted: Query[ExportQuery]) -> ApiResponse | StreamingHttpResponse:
    """Export all readers, oldest first. A suppressed address has the reason as its state."""
    everybody = Subscriber.objects.all()
    if wanted.format == "csv":
        return csv_download_response(csv_lines(everybody), f"readers-{timezone.localdate()}.csv")
    response = StreamingHttpResponse(json_lines(everybody), content_type=NDJSON)
    response.headers["Cache-Control"] = "no-store"
    return response
