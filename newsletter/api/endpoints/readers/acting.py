"""What a program does to one reader: the acts of the reader's page on the desk, by the same forms."""

from datetime import date
from typing import Annotated, Any

from django.http import HttpResponse
from ninja import Schema
from pydantic import ConfigDict, Field

from newsletter.api import conditions
from newsletter.api.endpoint import Answer, Number
from newsletter.api.endpoints.readers.adding import CARE
from newsletter.api.endpoints.readers.reading import reader_of, readers, told_reader
from newsletter.api.endpoints.readers.texts import ReaderOut
from newsletter.api.entrance import ApiRequest
from newsletter.api.forms import problem_of
from newsletter.api.problems import Problem
from newsletter.desk.readers.acts import ACTS, NOT_DONE, done
from subscribers.acting import End
from subscribers.models.consents import REASON_LENGTH
from subscribers.models.tags import TAGS_LENGTH_MAX

__all__ = ["readers"]

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
    reader = reader_of(number)
    conditions.demand(request, conditions.etag_of(told_reader(number)))
    reader.erase()
    return HttpResponse(status=204)


def _act(number: int, name: str, wish: Why) -> Answer:
    """Do what a button of the desk does. Raises a Problem if it came to another end."""
    reader, act = reader_of(number), ACTS[name]
    typed: dict[str, Any] = wish.model_dump(mode="json")
    form = act.form(typed)
    if not form.is_valid():
        raise problem_of(form, {})
    if other := set(done(reader, act, form)) - AS_WISHED:
        raise Problem("conflict", str(NOT_DONE[other.pop()]))
    item = told_reader(number)
    return Answer(item)
