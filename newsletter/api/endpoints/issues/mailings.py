"""What becomes of an issue: its state, its result, and the brakes. Nothing here needs to know the last state."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from ninja import Schema

from newsletter.api.endpoint import Answer
from newsletter.api.endpoints.issues.reading import IssueNumber, issue_of, issues
from newsletter.api.entrance import ApiRequest
from newsletter.api.problems import Problem
from newsletter.api.scopes import SCHEDULE
from newsletter.api.times import told
from newsletter.delivery import tasks
from newsletter.delivery.author.alerts import who_may_send
from newsletter.delivery.management.commands.mailing_status import status_of
from newsletter.delivery.models import Mailing
from newsletter.delivery.planning import approving
from newsletter.delivery.results import facts, wording
from newsletter.desk.issues.actions import ALL_ACTIONS
from newsletter.desk.issues.composer import wake_up
from newsletter.issues.models import Issue
from newsletter.publication.models import Publication
from newsletter.publication.wakeups import wake

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


@issues.reads(PATH, scope="issues:read", needs=LOOK, returns=MailingOut)
def read_mailing(request: ApiRequest, number: IssueNumber) -> Answer:
    """How far the mailing of an issue is."""
    return Answer(mailing_told(issue_of(number)))


@issues.reads("/issues/{number:number}/result", scope="issues:read", needs=LOOK, returns=dict[str, Any])
def read_result(request: ApiRequest, number: IssueNumber) -> Answer:
    """What an issue has brought: the fields of result.json, in the language of the publication."""
    mailing = _mailings(issue_of(number)).last()
    found = facts.of(mailing, timezone.now()) if mailing else None
    if found is None:
        raise Problem("not-found", _("There is no result before the mailing is over."))
    may_read = "readers:read" in request.auth.scopes and request.user.has_perm("subscribers.see_readers")
    with translation.override(Publication.objects.current().language):
        written = wording.document(found, shows_sentences=may_read)
    return Answer(written, etag="")


@issues.makes(f"{PATH}/cancel", scope=SCHEDULE, needs=SEND, returns=MailingOut, status=200)
def cancel_mailing(request: ApiRequest, number: IssueNumber) -> Answer:
    """Send nothing more of an issue, ever: before its time that reaches nobody."""
    return _act(number, "cancel")


@issues.makes(f"{PATH}/pause", scope=SCHEDULE, needs=SEND, returns=MailingOut, status=200)
def pause_mailing(request: ApiRequest, number: IssueNumber) -> Answer:
    """Stop before the next message leaves."""
    return _act(number, "pause")


@issues.makes(f"{PATH}/resume", scope=SCHEDULE, needs=SEND, returns=MailingOut, status=200)
def resume_mailing(request: ApiRequest, number: IssueNumber) -> Answer:
    """Go on where it stopped. What has not begun gets its hold again, and is announced to the author again."""
    issue, mailing = _open(number)
    if mailing.paused_by == Mailing.Cause.QUOTE:
        raise Problem("conflict", mailing.why_paused)
    if not mailing.planned_at:
        demand_somebody_who_is_told()
    if not mailing.resume(timezone.now(), approving.hold_for_programs(Publication.objects.current())):
        raise _too_late(mailing)
    return set_going(issue)


def set_going(issue: Issue) -> Answer:
    """Tell the author and the workers, and return how far the mailing is."""
    wake(tasks.tell_author)
    wake_up()
    return Answer(mailing_told(issue))


def demand_somebody_who_is_told() -> None:
    """Raise a Problem if nobody would get the mail that announces a mailing."""
    if not who_may_send():
        text = _("Nobody who may send issues has an e-mail address, so nobody could be told and cancel it.")
        raise Problem("conflict", text)


def mailing_told(issue: Issue) -> dict[str, Any]:
    last = _mailings(issue).last()
    return status_of(issue) | {
        "send_at": told(last.send_at if last else None),
        "finished_at": told(last.finished_at if last else None),
        "segment": last.segment if last else "",
        "reason": (last.why_paused or last.reason) if last else "",
    }


def _mailings(issue: Issue) -> QuerySet[Mailing]:
    mailings = Mailing.objects.filter(issue=issue, kind=Mailing.Kind.ISSUE)
    return mailings.select_related("issue").defer("html", "text").order_by("number")


def _open(number: int) -> tuple[Issue, Mailing]:
    """Return an issue with its mailing that is not over."""
    issue = issue_of(number)
    mailing = _mailings(issue).last()
    if mailing is None:
        raise Http404
    return issue, mailing


def _act(number: int, name: str) -> Answer:
    """Do what a button of the desk does."""
    issue, mailing = _open(number)
    if not ALL_ACTIONS[name].do(mailing, timezone.now(), {}):
        raise _too_late(mailing)
    wake_up()
    return Answer(mailing_told(issue))


def _too_late(mailing: Mailing) -> Problem:
    mailing.refresh_from_db(fields=["state"])
    text = _("Nothing was changed: this mailing is %(state)s by now.")
    return Problem("conflict", text % {"state": mailing.get_state_display()})
