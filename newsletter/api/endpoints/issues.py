"""Issues: list, read, create and change, by the form of the desk."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from django.conf import settings
from django.db.models import OuterRef, Prefetch, Subquery
from django.forms import inlineformset_factory
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Path, Query, Schema
from pydantic import Field

from newsletter.api.auth import ApiRequest, RequestBody
from newsletter.api.cursors import PageOf, PageQuery, paginate
from newsletter.api.endpoint import ApiResponse, EndpointRouter, check_if_match, etag_of, page_response, to_dict
from newsletter.api.problems import FieldError, Problem, check_form
from newsletter.delivery.models import Mailing
from newsletter.delivery.sending_days import free_slots
from newsletter.desk.issues.history import change_detail, is_number_fixed, save_posts_and_texts, save_text
from newsletter.issues.assembly import next_number, proposed_posts
from newsletter.issues.forms import IssueForm, ItemForm, ItemFormSet
from newsletter.issues.models import NUMBER_MAX, Issue, IssueItem, IssueQuerySet
from newsletter.posts.json_saves import StaleTextError
from newsletter.posts.models import BODY_MAX
from newsletter.publication.changes import Change
from newsletter.publication.models import Publication

Form = Literal["full", "excerpt", "link"]
State = Literal["draft", "scheduled", "sending", "paused", "sent"]


class ItemIn(RequestBody):
    """A post of an issue, and how much of it the mail shows: an excerpt of a new one, unless it is named."""

    post: Annotated[int, Field(ge=1, le=2**63 - 1)]
    form: Form = "excerpt"


class ItemOut(Schema):
    post: int
    title: str
    form: Form


class IssueOut(Schema):
    """state: draft also if every mailing of it was cancelled. posts: in their order."""

    number: int
    state: State
    subject: str
    preheader: str
    introduction: str
    closing: str
    posts: list[ItemOut]
    sent_at: datetime | None
    url: str
    created_at: datetime
    changed_at: datetime


def _with_json_fields(issues: IssueQuerySet) -> IssueQuerySet:
    under_way = Mailing.objects.open().filter(issue=OuterRef("pk"), kind=Mailing.Kind.ISSUE)
    under_way_state = Subquery(under_way.order_by("-pk").values("state")[:1])
    items = IssueItem.objects.select_related("post").only("issue", "position", "form", "post__title")
    return issues.annotate(under_way=under_way_state).prefetch_related(Prefetch("items", queryset=items))


def _to_json(issue: Any) -> dict[str, Any]:
    return to_dict(
        IssueOut,
        issue,
        state=issue.under_way or ("sent" if issue.sent_at else "draft"),
        posts=[{"post": one.post_id, "title": one.post.title, "form": one.form} for one in issue.items.all()],
        url=f"{settings.SITE_URL}{issue.get_absolute_url()}",
        changed_at=issue.updated_at,
    )


issues = EndpointRouter(tags=["issues"])
READ = ("issues.view_issue",)
IssueNumber = Annotated[int, Path(ge=1, le=NUMBER_MAX)]


class IssueQuery(PageQuery):
    """Which issues. state: open is scheduled, being sent or paused. year: on the local calendar, of those sent."""

    state: Literal["draft", "open", "sent"] | None = None
    year: Annotated[int | None, Query(ge=1900, le=9998)] = None

    def filter_issues(self, found: IssueQuerySet) -> IssueQuerySet:
        under_way = Mailing.objects.open().filter(kind=Mailing.Kind.ISSUE).values("issue")
        match self.state:
            case "draft":
                found = found.filter(sent_at__isnull=True).exclude(pk__in=under_way)
            case "open":
                found = found.filter(pk__in=under_way)
            case "sent":
                found = found.filter(sent_at__isnull=False).exclude(pk__in=under_way)
        return found.in_year(self.year) if self.year else found


@issues.reads("/issues", scope="issues:read", permissions=READ, returns=PageOf[IssueOut])
def list_issues(request: ApiRequest, wanted: Query[IssueQuery]) -> ApiResponse:
    """A page of issues, the highest number first."""
    found = _with_json_fields(wanted.filter_issues(Issue.objects.all()))
    page = paginate(found, by="number", limit=wanted.limit, cursor=wanted.cursor)
    return page_response([_to_json(issue) for issue in page.rows], page.next_cursor)


@issues.reads("/issues/{number:number}", scope="issues:read", permissions=READ, returns=IssueOut)
def read_issue(request: ApiRequest, number: IssueNumber) -> ApiResponse:
    """One issue, with its words and the places of its posts."""
    return ApiResponse(_issue_json(number))


def _issue_json(number: int) -> dict[str, Any]:
    """Raises Http404."""
    return _to_json(get_object_or_404(_with_json_fields(Issue.objects.all()), number=number))


def get_issue(number: int) -> Issue:
    return get_object_or_404(Issue, number=number)


def matched_issue(request: ApiRequest, number: int) -> Issue:
    """The issue, if If-Match names its current state. Raises Problem."""
    check_if_match(request, etag_of(_issue_json(number)))
    return get_issue(number)


def issue_response(number: int, *, status: int = 200) -> ApiResponse:
    return ApiResponse(_issue_json(number), status=status, location=f"/api/v1/issues/{number}" if status == 201 else "")


Items = inlineformset_factory(Issue, IssueItem, form=ItemForm, formset=ItemFormSet, extra=0)
TEXT_FIELDS = ("number", "subject", "preheader", "introduction", "closing")
POSTS_FIELD = "posts"


def save_issue(issue: Issue, changes: Mapping[str, Any]) -> Issue:
    is_new = issue.pk is None
    form = _form(issue, changes)
    check_form(form)
    formset = _formset(issue, changes.get(POSTS_FIELD))
    _refuse_faults(formset, changes.get(POSTS_FIELD) or ())
    if is_new or form.changed_data or formset.has_changed():
        _store(form, formset, is_new=is_new)
    return issue


def _form(issue: Issue, changes: Mapping[str, Any]) -> IssueForm:
    words = {name: getattr(issue, name) for name in IssueForm.Meta.fields} | {"seen_version": issue.version}
    return IssueForm(words | {name: changes[name] for name in TEXT_FIELDS if name in changes}, instance=issue)


def _formset(issue: Issue, wanted: Sequence[Mapping[str, Any]] | None) -> Any:
    """The formset of an issue's posts as wanted; None keeps them."""
    there = list(issue.items.all()) if issue.pk else []
    if wanted is None:
        wanted = [{"post": item.post_id, "form": item.form} for item in there]
    first = {row["post"]: place for place, row in reversed(list(enumerate(wanted)))}
    known = {item.post_id for item in there}
    rows: list[dict[str, Any]] = []
    for item in there:
        place = first.get(item.post_id)
        gone = {"post": item.post_id, "form": item.form, "position": len(rows) + 1, "DELETE": "on"}
        rows.append({"id": item.pk} | (gone if place is None else _row(wanted[place], place, item.form)))
    news = [one for one in enumerate(wanted) if one[1]["post"] not in known or first[one[1]["post"]] != one[0]]
    rows += [_row(row, place) for place, row in news]
    data = {f"{POSTS_FIELD}-{index}-{name}": value for index, row in enumerate(rows) for name, value in row.items()}
    data |= {f"{POSTS_FIELD}-TOTAL_FORMS": len(rows), f"{POSTS_FIELD}-INITIAL_FORMS": len(there)}
    return Items(data, instance=issue, prefix=POSTS_FIELD)


def _row(row: Mapping[str, Any], place: int, form: str = IssueItem.Form.EXCERPT) -> dict[str, Any]:
    return {"post": row["post"], "form": row.get("form", form), "position": place + 1}


def _refuse_faults(formset: Any, wanted: Sequence[Mapping[str, Any]]) -> None:
    if formset.is_valid():
        return
    posts = [row["post"] for row in wanted]
    errors = [FieldError(str(text), pointer=f"/{POSTS_FIELD}") for text in formset.non_form_errors()]
    for form in (one for one in formset.forms if one.errors):
        place = posts.index(int(form["post"].value()))
        for name, texts in form.errors.items():
            pointer = f"/{POSTS_FIELD}/{place}" + ("" if name == "__all__" else f"/{name}")
            errors += [FieldError(str(text), pointer=pointer) for text in texts]
    raise Problem("invalid", errors=errors)


def _store(form: IssueForm, formset: Any, *, is_new: bool) -> None:
    issue: Issue = form.instance
    if is_new:
        form.save()
        formset.instance = issue
    else:
        try:
            save_text(issue, form.cleaned_data["seen_version"])
        except StaleTextError as error:
            raise Problem("changed") from error
    formset.save()
    save_posts_and_texts(form)
    what = Change.Action.ADDED if is_new else Change.Action.CHANGED
    if (detail := change_detail(form.changed_data, form, [formset], is_new=is_new)) or is_new:
        Change.objects.log(what, [issue], detail)


POSTS_MAX = 100
ADD, CHANGE = ("issues.add_issue",), ("issues.change_issue",)
Subject = Annotated[str, Field(max_length=200)]
Markdown = Annotated[str, Field(max_length=BODY_MAX)]


class IssueChanges(RequestBody):
    """What is to be other than it is; what is not named stays.

    posts: all of the issue in their order; one that is not named is taken out.
    """

    number: Annotated[int, Field(ge=1, le=NUMBER_MAX)] = 1
    subject: Annotated[Subject, Field(min_length=1)] = ""
    preheader: Annotated[str, Field(max_length=150)] = ""
    introduction: Markdown = ""
    closing: Markdown = ""
    posts: Annotated[list[ItemIn], Field(max_length=POSTS_MAX)] = []


class IssueIn(IssueChanges):
    """A new issue. number: the next one if it is not named. posts: those that wait, as the desk proposes them."""

    subject: Annotated[Subject, Field(min_length=1)]


@issues.creates("/issues", scope="issues:write", permissions=ADD, returns=IssueOut)
def create_issue(request: ApiRequest, new: IssueIn) -> ApiResponse:
    """Begin an issue."""
    asked: dict[str, Any] = new.model_dump(exclude_unset=True)
    [slot] = free_slots(Publication.objects.current(), timezone.now(), 1)
    waiting = [asdict(row) for row in proposed_posts(slot)] if "posts" not in asked else []
    found = {"number": next_number(), "posts": [{"post": row["post"], "form": row["form"]} for row in waiting]}
    issue = save_issue(Issue(), found | asked)
    return issue_response(issue.number, status=201)


@issues.modifies("/issues/{number:number}", scope="issues:write", permissions=CHANGE, returns=IssueOut)
def change_issue(request: ApiRequest, number: IssueNumber, change: IssueChanges) -> ApiResponse:
    """Change an issue. A mailing that waits carries what was scheduled: what is changed now, its readers do not get."""
    issue = matched_issue(request, number)
    asked: dict[str, Any] = change.model_dump(exclude_unset=True)
    if asked.get("number", number) != number and is_number_fixed(issue):
        text = _("The number of an issue that was scheduled stands in mails and links, and stays.")
        raise Problem("invalid", errors=[FieldError(text, pointer="/number")])
    return issue_response(save_issue(issue, asked).number)
