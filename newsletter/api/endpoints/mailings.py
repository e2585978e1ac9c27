"""Rehearse, schedule, pause and cancel issues, and read results.

Scheduling has the same checks as the desk, without checkboxes that a program could tick to skip them. The hold stays,
and the author gets a mail with a link to cancel (docs/decisions/0025).
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from ninja import Query, Schema
from pydantic import Field

from newsletter.api.auth import ApiRequest, RequestBody
from newsletter.api.endpoint import AnyTime, ApiResponse, iso_time
from newsletter.api.endpoints.issues import IssueNumber, get_issue, issues, matched_issue
from newsletter.api.problems import FieldError, Problem, check_form
from newsletter.api.tokens import SCHEDULE
from newsletter.delivery import results, tasks
from newsletter.delivery.author.alerts import recipient_addresses
from newsletter.delivery.letter.rendering import FrozenLetter, freeze_letter
from newsletter.delivery.management.commands.mailing_status import status_of
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import Rehearsal, RehearsalStatus
from newsletter.delivery.planning import approving
from newsletter.delivery.planning.approving import PlanningError, obstacles
from newsletter.desk.audiences import count_audience, segment_choices
from newsletter.desk.forms import ScheduleForm
from newsletter.desk.issues.actions import ALL_ACTIONS
from newsletter.desk.issues.composer import start_rehearsal, wake_workers
from newsletter.issues.models import Issue
from newsletter.issues.templatetags.contents import next_slots
from newsletter.mail import reach
from newsletter.publication.models import Publication
from newsletter.publication.task_queue import enqueue_on_commit

REHEARSE = ("issues.change_issue", "issues.send_issue")
SEGMENT_MAX = 201
Segment = Annotated[str, Field(max_length=SEGMENT_MAX)]


class SegmentIn(RequestBody):
    """segment: “+tag” its readers alone, “-tag” all others; empty: everybody."""

    segment: Segment = ""


class RemarkOut(Schema):
    """level: ok, info, warning or error. topic: what it is about. hint: what to do. url: the desk's page for it."""

    topic: str
    level: str
    text: str
    hint: str
    url: str


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


@issues.reads("/issues/{number:number}/rehearsal", scope="issues:read", permissions=REHEARSE[1:], returns=RehearsalOut)
def read_rehearsal(
    request: ApiRequest, number: IssueNumber, segment: Annotated[str, Query(max_length=201)] = ""
) -> ApiResponse:
    """The last rehearsal of an issue, and what it is worth now."""
    return ApiResponse(_rehearsal_json(get_issue(number), valid_segment(segment, parameter="segment")))


@issues.creates(
    "/issues/{number:number}/rehearsal", scope="issues:write", permissions=REHEARSE, returns=RehearsalOut, status=202
)
def begin_rehearsal(request: ApiRequest, number: IssueNumber, audience: SegmentIn) -> ApiResponse:
    """Rehearse an issue as it is now. One that runs already is not begun again."""
    issue, segment, now = get_issue(number), valid_segment(audience.segment, pointer="/segment"), timezone.now()
    if Rehearsal.objects.standing(issue, segment, freeze_letter(issue).content_hash, now) != RehearsalStatus.RUNNING:
        start_rehearsal(issue, segment, now)
    return ApiResponse(_rehearsal_json(issue, segment), status=202)


def valid_segment(segment: str, **place: str) -> str:
    if segment not in segment_choices():
        raise Problem("invalid", errors=[FieldError(_("There is no such tag."), **place)])
    return segment


def _rehearsal_json(issue: Issue, segment: str) -> dict[str, Any]:
    latest = Rehearsal.objects.latest_of(issue, segment)
    standing = Rehearsal.objects.standing(issue, segment, freeze_letter(issue).content_hash, timezone.now())
    return {
        "standing": str(standing),
        "started_at": iso_time(latest.started_at if latest else None),
        "finished_at": iso_time(latest.finished_at if latest else None),
        "links": len(latest.links) if latest else 0,
        "asked": latest.asked if latest else 0,
        "remarks": [{"url": ""} | remark for remark in latest.remarks] if latest else [],
    }


LOOK, SEND = ("delivery.view_mailing",), ("issues.send_issue",)
PATH = "/issues/{number:number}/mailing"


class MailingOut(Schema):
    """As `mailing_status --json`: total is the sum of the six.

    status: none, scheduled, sending, paused, sent or cancelled. send_at: when it leaves or left; until then a cancel
    reaches nobody. reason: why it is paused or cancelled.
    """

    number: int
    status: str
    total: int
    queued: int
    sending: int
    sent: int
    failed: int
    uncertain: int
    skipped: int
    send_at: datetime | None
    finished_at: datetime | None
    segment: str
    reason: str


@issues.reads(PATH, scope="issues:read", permissions=LOOK, returns=MailingOut)
def read_mailing(request: ApiRequest, number: IssueNumber) -> ApiResponse:
    """How far the mailing of an issue is."""
    return ApiResponse(mailing_json(get_issue(number)))


@issues.reads("/issues/{number:number}/result", scope="issues:read", permissions=LOOK, returns=dict[str, Any])
def read_result(request: ApiRequest, number: IssueNumber) -> ApiResponse:
    """What an issue has brought: the fields of result.json, in the language of the publication."""
    mailing = _mailings(get_issue(number)).last()
    found = results.issue_result(mailing, timezone.now()) if mailing else None
    if found is None:
        raise Problem("not-found", _("There is no result before the mailing is over."))
    may_read = "readers:read" in request.auth.scopes and request.user.has_perm("subscribers.see_readers")
    with translation.override(Publication.objects.current().language):
        written = results.result_json(found, shows_sentences=may_read)
    return ApiResponse(written, etag="")


@issues.creates(f"{PATH}/cancel", scope=SCHEDULE, permissions=SEND, returns=MailingOut, status=200)
def cancel_mailing(request: ApiRequest, number: IssueNumber) -> ApiResponse:
    """Send nothing more of an issue, ever: before its time that reaches nobody."""
    return _act(number, "cancel")


@issues.creates(f"{PATH}/pause", scope=SCHEDULE, permissions=SEND, returns=MailingOut, status=200)
def pause_mailing(request: ApiRequest, number: IssueNumber) -> ApiResponse:
    """Stop before the next message leaves."""
    return _act(number, "pause")


@issues.creates(f"{PATH}/resume", scope=SCHEDULE, permissions=SEND, returns=MailingOut, status=200)
def resume_mailing(request: ApiRequest, number: IssueNumber) -> ApiResponse:
    """Go on where it stopped. What has not begun gets its hold again, and is announced to the author again."""
    issue, mailing = _open(number)
    if mailing.paused_by == Mailing.Cause.QUOTE:
        raise Problem("conflict", mailing.why_paused)
    if reason := reach.obstacle(mailing.mailer):
        raise Problem("conflict", reason)
    if not mailing.planned_at:
        require_alert_recipient()
    if not mailing.resume(timezone.now(), approving.api_hold_time(Publication.objects.current())):
        raise _too_late(mailing)
    return wake_and_respond(issue)


def wake_and_respond(issue: Issue) -> ApiResponse:
    enqueue_on_commit(tasks.tell_author)
    wake_workers()
    return ApiResponse(mailing_json(issue))


def require_alert_recipient() -> None:
    """Raise a Problem if nobody would get the alert about a mailing."""
    if not recipient_addresses():
        text = _("Nobody who may send issues has an e-mail address, so nobody could be notified and cancel it.")
        raise Problem("conflict", text)


def mailing_json(issue: Issue) -> dict[str, Any]:
    last = _mailings(issue).last()
    return status_of(issue) | {
        "send_at": iso_time(last.send_at if last else None),
        "finished_at": iso_time(last.finished_at if last else None),
        "segment": last.segment if last else "",
        "reason": (last.why_paused or last.reason) if last else "",
    }


def _mailings(issue: Issue) -> QuerySet[Mailing]:
    mailings = Mailing.objects.filter(issue=issue, kind=Mailing.Kind.ISSUE)
    return mailings.select_related("issue").defer("html", "text").order_by("number")


def _open(number: int) -> tuple[Issue, Mailing]:
    issue = get_issue(number)
    mailing = _mailings(issue).last()
    if mailing is None:
        raise Http404
    return issue, mailing


def _act(number: int, name: str) -> ApiResponse:
    issue, mailing = _open(number)
    if not ALL_ACTIONS[name].perform(mailing, timezone.now(), {}):
        raise _too_late(mailing)
    wake_workers()
    return ApiResponse(mailing_json(issue))


def _too_late(mailing: Mailing) -> Problem:
    mailing.refresh_from_db(fields=["state"])
    text = _("Nothing was changed: this mailing is %(state)s by now.")
    return Problem("conflict", text % {"state": mailing.get_state_display()})


__all__ = ["issues"]

SLOTS = 6  # candidates; the first on a day without another issue is used
FIELD_NAMES = {"slot": "at", "when": "at"}


class ScheduleIn(RequestBody):
    """at: a time, or the next slot of the rhythm. segment: as for the rehearsal.

    readers: how many would get it, as the rehearsal says; needed above the number that the publication names.
    """

    at: AnyTime | Literal["next-slot"]
    readers: Annotated[int | None, Field(ge=0)] = None
    segment: Segment = ""


@issues.acts("/issues/{number:number}/schedule", scope=SCHEDULE, permissions=("issues.send_issue",), returns=MailingOut)
def schedule_issue(request: ApiRequest, number: IssueNumber, when: ScheduleIn) -> ApiResponse:
    """Schedule an issue that was rehearsed. Its author is mailed when it goes out, with a link that cancels."""
    issue, now = matched_issue(request, number), timezone.now()
    if issue.mailings.open().exists():
        raise Problem("conflict", _("A mailing of this issue is under way already."))
    require_alert_recipient()
    segment = valid_segment(when.segment, pointer="/segment")
    letter, form = freeze_letter(issue), _form(issue, when, now)
    check_form(form, FIELD_NAMES)
    if reasons := obstacles(issue, form.send_at or form.earliest_at, letter=letter):
        raise Problem("conflict", " ".join(reasons))
    _refuse_unless_rehearsed(issue, segment, letter, now)
    _refuse_another_number(issue, segment, when.readers, now)
    _approve(issue, letter, form, segment, now)
    return wake_and_respond(issue)


def _form(issue: Issue, when: ScheduleIn, now: datetime) -> ScheduleForm:
    publication = Publication.objects.current()
    earliest_at = now + approving.api_hold_time(publication)
    slots = next_slots(publication, SLOTS)
    proposed = ScheduleForm(issue=issue, slots=slots, earliest_at=earliest_at).proposed.isoformat()
    data = {"when": "slot", "slot": proposed}
    if isinstance(when.at, datetime):
        data = {"when": "at", "at": when.at.isoformat()}
    return ScheduleForm(data, issue=issue, slots=slots, earliest_at=earliest_at)


def _refuse_unless_rehearsed(issue: Issue, segment: str, letter: FrozenLetter, now: datetime) -> None:
    standing = Rehearsal.objects.standing(issue, segment, letter.content_hash, now)
    if standing == RehearsalStatus.RUNNING:
        raise Problem("conflict", _("The rehearsal is still under way."), headers={"Retry-After": "5"})
    if standing != RehearsalStatus.VALID:
        text = _(
            "This issue has no valid rehearsal (%(standing)s). Rehearse it, fix what it finds, or send it on the desk."
        )
        raise Problem("conflict", text % {"standing": standing})


def _refuse_another_number(issue: Issue, segment: str, readers: int | None, now: datetime) -> None:
    """Raise a Problem unless a large number of readers is confirmed by `readers`."""
    found, limit = count_audience(issue, now, segment).readers, Publication.objects.current().number_typed_above
    if readers == found or (readers is None and found <= limit):
        return
    text = _("%(count)s readers would get it now. Send this number in “readers” if that is meant.")
    raise Problem("invalid", errors=[FieldError(text % {"count": found}, pointer="/readers")])


def _approve(issue: Issue, letter: FrozenLetter, form: ScheduleForm, segment: str, now: datetime) -> Mailing:
    hold = approving.api_hold_time(Publication.objects.current())
    try:
        return approving.approve(issue, send_at=form.send_at, now=now, hold=hold, segment=segment, letter=letter)
    except PlanningError as problem:
        raise Problem("conflict", str(problem)) from problem
