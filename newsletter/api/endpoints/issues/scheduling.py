"""Scheduling: what the desk asks of a person, and no box that a program could tick to skip it.

The hold stays, and the author gets a mail whose link cancels (docs/decisions/0117).
"""

from datetime import datetime
from typing import Annotated, Literal

from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Schema
from pydantic import ConfigDict, Field

from newsletter.api.endpoint import Answer, LooseMoment
from newsletter.api.endpoints.issues.mailings import MailingOut, demand_somebody_who_is_told, set_going
from newsletter.api.endpoints.issues.reading import IssueNumber, issues, seen_issue
from newsletter.api.endpoints.issues.rehearsing import Segment, checked
from newsletter.api.entrance import ApiRequest
from newsletter.api.forms import problem_of
from newsletter.api.problems import Error, Problem
from newsletter.api.scopes import SCHEDULE
from newsletter.delivery.letter.rendering import FrozenLetter, freeze
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import Rehearsal, Standing
from newsletter.delivery.planning import approving
from newsletter.delivery.planning.approving import PlanningError, obstacles
from newsletter.desk.audiences import audience_of
from newsletter.desk.forms import WhenForm
from newsletter.issues.models import Issue
from newsletter.issues.templatetags.slots import next_slots
from newsletter.publication.models import Publication

__all__ = ["issues"]

SLOTS = 6  # that are looked at: the first on whose day no other issue leaves
NAMES = {"slot": "at", "when": "at"}


class When(Schema):
    """at: a time, or the next slot of the rhythm. segment: as for the rehearsal.

    readers: how many would get it, as the rehearsal says; needed above the number that the publication names.
    """

    model_config = ConfigDict(extra="forbid")
    at: LooseMoment | Literal["next-slot"]
    readers: Annotated[int | None, Field(ge=0)] = None
    segment: Segment = ""


@issues.acts("/issues/{number:number}/schedule", scope=SCHEDULE, needs=("issues.send_issue",), returns=MailingOut)
def schedule_issue(request: ApiRequest, number: IssueNumber, when: When) -> Answer:
    """Schedule an issue that was rehearsed. Its author is mailed when it goes out, with a link that cancels."""
    issue, now = seen_issue(request, number), timezone.now()
    if issue.mailings.open().exists():
        raise Problem("conflict", _("A mailing of this issue is under way already."))
    demand_somebody_who_is_told()
    segment = checked(when.segment, pointer="/segment")
    letter, form = freeze(issue), _form(issue, when, now)
    if not form.is_valid():
        raise problem_of(form, NAMES)
    _refuse_obstacles(issue, letter, form)
    _refuse_unless_rehearsed(issue, segment, letter, now)
    _refuse_another_number(issue, segment, when.readers, now)
    _approve(issue, letter, form, segment, now)
    return set_going(issue)


def _form(issue: Issue, when: When, now: datetime) -> WhenForm:
    publication = Publication.objects.current()
    begins = now + approving.hold_for_programs(publication)
    slots = next_slots(publication, SLOTS)
    proposed = WhenForm(issue=issue, slots=slots, begins=begins).proposed.isoformat()
    data = {"when": "slot", "slot": proposed}
    if isinstance(when.at, datetime):
        data = {"when": "at", "at": when.at.isoformat()}
    return WhenForm(data, issue=issue, slots=slots, begins=begins)


def _refuse_obstacles(issue: Issue, letter: FrozenLetter, form: WhenForm) -> None:
    if reasons := obstacles(issue, form.send_at or form.begins, letter=letter):
        raise Problem("conflict", " ".join(reasons))


def _refuse_unless_rehearsed(issue: Issue, segment: str, letter: FrozenLetter, now: datetime) -> None:
    standing = Rehearsal.objects.standing(issue, segment, letter.content_hash, now)
    if standing == Standing.RUNNING:
        raise Problem("conflict", _("The rehearsal is still under way."), headers={"Retry-After": "5"})
    if standing != Standing.VALID:
        text = _(
            "This issue has no valid rehearsal (%(standing)s). Rehearse it, mend what it finds, or send it on the desk."
        )
        raise Problem("conflict", text % {"standing": standing})


def _refuse_another_number(issue: Issue, segment: str, readers: int | None, now: datetime) -> None:
    """Raise a Problem unless a program names how many readers it means, where these are many."""
    found, limit = audience_of(issue, now, segment).readers, Publication.objects.current().number_typed_above
    if readers == found or (readers is None and found <= limit):
        return
    text = _("%(count)s readers would get it now. Send this number in “readers” if that is meant.")
    raise Problem("invalid", errors=[Error(text % {"count": found}, pointer="/readers")])


def _approve(issue: Issue, letter: FrozenLetter, form: WhenForm, segment: str, now: datetime) -> Mailing:
    hold = approving.hold_for_programs(Publication.objects.current())
    try:
        return approving.approve(issue, send_at=form.send_at, now=now, hold=hold, segment=segment, letter=letter)
    except PlanningError as problem:
        raise Problem("conflict", str(problem)) from problem
