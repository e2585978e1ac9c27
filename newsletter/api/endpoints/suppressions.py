"""Addresses that must not be mailed: those that came by themselves, and those put in by hand."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Schema
from pydantic import ConfigDict, Field

from newsletter.api.cursors import PageOf, Paging, page_of
from newsletter.api.endpoint import Answer, Endpoints, Number, demand_match, etag_of, paged, told_time
from newsletter.api.endpoints.readers import SEE
from newsletter.api.entrance import ApiRequest
from newsletter.api.problems import Problem, problem_of
from subscribers import acting
from subscribers.addresses import LENGTH_MAX
from subscribers.finding import by_address
from subscribers.forms import SuppressionForm
from subscribers.models import Suppression

suppressions = Endpoints(tags=["suppressions"])
Reason = Literal["bounced", "complained", "manual", "erased"]


class SuppressionOut(Schema):
    """email: empty when the reader was erased; then only a salted hash is known. note: why, in words."""

    id: int
    email: str
    reason: Reason
    note: str
    since: datetime


class Wanted(Paging):
    """q: a whole address in any spelling, or the beginning of one."""

    q: Annotated[str, Query(max_length=LENGTH_MAX)] = ""
    reason: Reason | None = None


class SuppressionIn(Schema):
    model_config = ConfigDict(extra="forbid")
    email: Annotated[str, Field(min_length=3, max_length=LENGTH_MAX)]
    note: Annotated[str, Field(max_length=500)] = ""


@suppressions.reads("/suppressions", scope="readers:read", needs=SEE, returns=PageOf[SuppressionOut])
def list_suppressions(request: ApiRequest, wanted: Query[Wanted]) -> Answer:
    """A page of suppressed addresses, the newest first."""
    found = Suppression.objects.all()
    if term := wanted.q.strip():
        found = by_address(found, term)
    if wanted.reason:
        found = found.filter(reason=wanted.reason)
    page = page_of(found, limit=wanted.limit, cursor=wanted.cursor)
    return paged([_told(one) for one in page.rows], page.next)


@suppressions.reads("/suppressions/{number:number}", scope="readers:read", needs=SEE, returns=SuppressionOut)
def read_suppression(request: ApiRequest, number: Number) -> Answer:
    """One suppressed address."""
    return Answer(_told(get_object_or_404(Suppression, pk=number)))


@suppressions.makes(
    "/suppressions", scope="readers:write", needs=(*SEE, "subscribers.add_suppression"), returns=SuppressionOut
)
def suppress_address(request: ApiRequest, new: SuppressionIn) -> Answer:
    """Let no mail go to an address any more, whoever it belongs to."""
    manual = Suppression.Reason.MANUAL
    form = SuppressionForm({"email": new.email, "note": new.note, "reason": manual}, instance=Suppression())
    if not form.is_valid():
        raise problem_of(form, {})
    acting.bar(form.instance)
    return Answer(_told(form.instance), status=201, location=f"/api/v1/suppressions/{form.instance.pk}")


@suppressions.changes(
    "/suppressions/{number:number}",
    scope="readers:write",
    needs=(*SEE, "subscribers.delete_suppression"),
    returns=None,
    method="DELETE",
    status=204,
)
def lift_suppression(request: ApiRequest, number: Number) -> HttpResponse:
    """Let an address be mailed again that was suppressed by hand. What it says of its reader's wish stands."""
    found = get_object_or_404(Suppression, pk=number)
    demand_match(request, etag_of(_told(found)))
    if not acting.is_ours_to_lift(found):
        raise Problem("conflict", _("This ends by a new confirmation of the reader alone."))
    acting.before_lifting([found])
    found.delete()
    return HttpResponse(status=204)


def _told(one: Suppression) -> dict[str, Any]:
    return {
        "id": one.pk,
        "email": one.email,
        "reason": str(one.reason),
        "note": one.note,
        "since": told_time(one.created_at),
    }
