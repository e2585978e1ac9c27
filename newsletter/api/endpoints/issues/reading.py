"""The list of issues, and one of them."""

from typing import Annotated, Any, Literal

from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Path, Query, Schema

from newsletter.api import conditions
from newsletter.api.cursors import LIMIT, LIMIT_MAX, page_of
from newsletter.api.endpoint import Answer, Endpoints, paged
from newsletter.api.endpoints.issues.texts import FIELDS, IssueOut, tellable, told
from newsletter.api.entrance import ApiRequest
from newsletter.delivery.models import Mailing
from newsletter.issues.models import NUMBER_MAX, Issue, IssueQuerySet

issues = Endpoints(tags=["issues"])
READ = ("issues.view_issue",)
IssueNumber = Annotated[int, Path(ge=1, le=NUMBER_MAX)]


class IssuesOut(Schema):
    items: list[IssueOut]
    next: str | None


class Wanted(Schema):
    """Which issues. state: open is scheduled, being sent or paused. year: on the local calendar, of those sent."""

    state: Literal["draft", "open", "sent"] | None = None
    year: Annotated[int | None, Query(ge=1900, le=9998)] = None
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT
    cursor: Annotated[str, Query(max_length=400)] = ""

    def among(self, found: IssueQuerySet) -> IssueQuerySet:
        under_way = Mailing.objects.open().filter(kind=Mailing.Kind.ISSUE).values("issue")
        match self.state:
            case "draft":
                found = found.filter(sent_at__isnull=True).exclude(pk__in=under_way)
            case "open":
                found = found.filter(pk__in=under_way)
            case "sent":
                found = found.filter(sent_at__isnull=False).exclude(pk__in=under_way)
        return found.in_year(self.year) if self.year else found


@issues.reads("/issues", scope="issues:read", needs=READ, returns=IssuesOut, fields=FIELDS)
def list_issues(request: ApiRequest, wanted: Query[Wanted]) -> Answer:
    """A page of issues, the highest number first."""
    found = tellable(wanted.among(Issue.objects.all()))
    page = page_of(found, by=("number",), limit=wanted.limit, cursor=wanted.cursor)
    return paged(told(page.rows), page.next)


@issues.reads("/issues/{number:number}", scope="issues:read", needs=READ, returns=IssueOut, fields=FIELDS)
def read_issue(request: ApiRequest, number: IssueNumber) -> Answer:
    """One issue, with its words and the places of its posts."""
    return Answer(_told(number))


def _told(number: int) -> dict[str, Any]:
    """Return an issue as it is told. Raises Http404."""
    found = told(tellable(Issue.objects.filter(number=number)))
    if not found:
        raise Http404
    return found[0]


def issue_of(number: int) -> Issue:
    """Return the issue of a number. Raises Http404."""
    return get_object_or_404(Issue, number=number)


def seen_issue(request: ApiRequest, number: int) -> Issue:
    """Return an issue if the request names the state that it has now. Raises a Problem."""
    conditions.demand(request, conditions.etag_of(_told(number)))
    return issue_of(number)


def answer(number: int, *, status: int = 200) -> Answer:
    """Return an issue as it is now."""
    return Answer(_told(number), status=status, location=f"/api/v1/issues/{number}" if status == 201 else "")
