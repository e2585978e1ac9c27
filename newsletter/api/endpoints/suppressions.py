"""Addresses that must not be mailed: bounced, complained or erased, and those suppressed by hand."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Schema
from pydantic import Field

from newsletter.api.auth import ApiRequest, RequestBody
from newsletter.api.cursors import PageOf, PageQuery, paginate
from newsletter.api.endpoint import ApiResponse, EndpointRouter, PathId, check_if_match, etag_of, page_response, to_dict
from newsletter.api.endpoints.readers import VIEW_PERMISSIONS
from newsletter.api.problems import Problem, check_form
from subscribers import author_actions
from subscribers.addresses import ADDRESS_LENGTH_MAX
from subscribers.forms import SuppressionForm
from subscribers.models import Suppression
from subscribers.reader_lists import by_address

suppressions = EndpointRouter(tags=["suppressions"])
Reason = Literal["bounced", "complained", "manual", "erased"]


class SuppressionOut(Schema):
    """email: empty when the reader was erased; then only a salted hash is known. note: why, in words."""

    id: int
    email: str
    reason: Reason
    note: str
    since: datetime


class SuppressionQuery(PageQuery):
    """q: a whole address in any spelling, or the beginning of one."""

    q: Annotated[str, Query(max_length=ADDRESS_LENGTH_MAX)] = ""
    reason: Reason | None = None


class SuppressionIn(RequestBody):
    email: Annotated[str, Field(min_length=3, max_length=ADDRESS_LENGTH_MAX)]
    note: Annotated[str, Field(max_length=500)] = ""


@suppressions.reads("/suppressions", scope="readers:read", permissions=VIEW_PERMISSIONS, returns=PageOf[SuppressionOut])
def list_suppressions(request: ApiRequest, wanted: Query[SuppressionQuery]) -> ApiResponse:
    """A page of suppressed addresses, the newest first."""
    found = Suppression.objects.all()
    if term := wanted.q.strip():
        found = by_address(found, term)
    if wanted.reason:
        found = found.filter(reason=wanted.reason)
    page = paginate(found, limit=wanted.limit, cursor=wanted.cursor)
    return page_response([_to_json(one) for one in page.rows], page.next_cursor)


@suppressions.reads(
    "/suppressions/{number:number}", scope="readers:read", permissions=VIEW_PERMISSIONS, returns=SuppressionOut
)
def read_suppression(request: ApiRequest, number: PathId) -> ApiResponse:
    """One suppressed address."""
    return ApiResponse(_to_json(get_object_or_404(Suppression, pk=number)))


@suppressions.creates(
    "/suppressions",
    scope="readers:write",
    permissions=(*VIEW_PERMISSIONS, "subscribers.add_suppression"),
    returns=SuppressionOut,
)
def suppress_address(request: ApiRequest, new: SuppressionIn) -> ApiResponse:
    """Suppress an address, of a reader or not."""
    manual = Suppression.Reason.MANUAL
    form = SuppressionForm({"email": new.email, "note": new.note, "reason": manual}, instance=Suppression())
    check_form(form)
    author_actions.add_suppression(form.instance)
    return ApiResponse(_to_json(form.instance), status=201, location=f"/api/v1/suppressions/{form.instance.pk}")


@suppressions.modifies(
    "/suppressions/{number:number}",
    scope="readers:write",
    permissions=(*VIEW_PERMISSIONS, "subscribers.delete_suppression"),
    returns=None,
    method="DELETE",
    status=204,
)
def lift_suppression(request: ApiRequest, number: PathId) -> HttpResponse:
    """Let an address be mailed again that was suppressed by hand. Its reader's state stays as it is."""
    found = get_object_or_404(Suppression, pk=number)
    check_if_match(request, etag_of(_to_json(found)))
    if not author_actions.can_lift(found):
        raise Problem("conflict", _("Only a new confirmation by the reader ends this."))
    author_actions.record_lifting([found])
    found.delete()
    return HttpResponse(status=204)


def _to_json(one: Suppression) -> dict[str, Any]:
    return to_dict(SuppressionOut, one, since=one.created_at)
