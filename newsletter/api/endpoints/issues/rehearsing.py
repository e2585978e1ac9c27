"""The rehearsal of an issue: begun by a program, read while a worker looks outside."""

from datetime import datetime
from typing import Annotated, Any

from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Schema
from pydantic import ConfigDict, Field

from newsletter.api.endpoint import Answer
from newsletter.api.endpoints.issues.reading import IssueNumber, issue_of, issues
from newsletter.api.entrance import ApiRequest
from newsletter.api.problems import Error, Problem
from newsletter.api.times import told
from newsletter.delivery.letter.rendering import freeze
from newsletter.delivery.models.rehearsals import Rehearsal, Standing
from newsletter.desk.audiences import segments
from newsletter.desk.issues.composer import start
from newsletter.issues.models import Issue

SEND = ("issues.change_issue", "issues.send_issue")
SEGMENT_MAX = 201
Segment = Annotated[str, Field(max_length=SEGMENT_MAX)]


class For(Schema):
    """segment: “+tag” its readers alone, “-tag” all others; empty: everybody."""

    model_config = ConfigDict(extra="forbid")
    segment: Segment = ""


class RemarkOut(Schema):
    """level: ok, info, warning or error. topic: what it is about. hint: what to do."""

    topic: str
    level: str
    text: str
    hint: str


class RehearsalOut(Schema):
    """standing: only a valid one lets the issue be scheduled.

    It is none, running, stuck (no worker goes on), outdated (something was edited since), faulty or valid.
    links: of other sites, and how many were asked.
    """

    standing: str
    started_at: datetime | None
    finished_at: datetime | None
    links: int
    asked: int
    remarks: list[RemarkOut]


@issues.reads("/issues/{number:number}/rehearsal", scope="issues:read", needs=SEND[1:], returns=RehearsalOut)
def read_rehearsal(
    request: ApiRequest, number: IssueNumber, segment: Annotated[str, Query(max_length=201)] = ""
) -> Answer:
    """The last rehearsal of an issue, and what it is worth now."""
    return Answer(_told(issue_of(number), checked(segment, parameter="segment")))


@issues.makes("/issues/{number:number}/rehearsal", scope="issues:write", needs=SEND, returns=RehearsalOut, status=202)
def begin_rehearsal(request: ApiRequest, number: IssueNumber, audience: For) -> Answer:
    """Rehearse an issue as it is now. One that runs already is not begun again."""
    issue, segment, now = issue_of(number), checked(audience.segment, pointer="/segment"), timezone.now()
    if Rehearsal.objects.standing(issue, segment, freeze(issue).content_hash, now) != Standing.RUNNING:
        start(issue, segment, now)
    return Answer(_told(issue, segment), status=202)


def checked(segment: str, **place: str) -> str:
    """Return a segment that there is. Raises a Problem."""
    if segment not in segments():
        raise Problem("invalid", errors=[Error(_("There is no such tag."), **place)])
    return segment


def _told(issue: Issue, segment: str) -> dict[str, Any]:
    latest = Rehearsal.objects.latest_of(issue, segment)
    standing = Rehearsal.objects.standing(issue, segment, freeze(issue).content_hash, timezone.now())
    return {
        "standing": str(standing),
        "started_at": told(latest.started_at if latest else None),
        "finished_at": told(latest.finished_at if latest else None),
        "links": len(latest.links) if latest else 0,
        "asked": latest.asked if latest else 0,
        "remarks": latest.remarks if latest else [],
    }
