"""Composing an issue: its words, its posts and their order."""

from dataclasses import asdict
from typing import Annotated, Any

from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Schema
from pydantic import ConfigDict, Field

from newsletter.api.endpoint import Answer
from newsletter.api.endpoints.issues.reading import IssueNumber, answer, issues, seen_issue
from newsletter.api.endpoints.issues.saving import save
from newsletter.api.endpoints.issues.texts import IssueOut, ItemIn
from newsletter.api.entrance import ApiRequest
from newsletter.api.problems import Error, Problem
from newsletter.delivery.days import free_slots
from newsletter.desk.issues.storing import is_number_fixed
from newsletter.issues.assembly import next_number, proposals
from newsletter.issues.models import NUMBER_MAX, Issue
from newsletter.posts.models import BODY_MAX
from newsletter.publication.models import Publication

__all__ = ["issues"]

POSTS_MAX = 100
ADD, CHANGE = ("issues.add_issue",), ("issues.change_issue",)
Subject = Annotated[str, Field(max_length=200)]
Markdown = Annotated[str, Field(max_length=BODY_MAX)]


class IssueChanges(Schema):
    """What is to be other than it is; what is not named stays.

    posts: all of the issue in their order; one that is not named is taken out.
    """

    model_config = ConfigDict(extra="forbid")
    number: Annotated[int, Field(ge=1, le=NUMBER_MAX)] = 1
    subject: Annotated[Subject, Field(min_length=1)] = ""
    preheader: Annotated[str, Field(max_length=150)] = ""
    introduction: Markdown = ""
    closing: Markdown = ""
    posts: Annotated[list[ItemIn], Field(max_length=POSTS_MAX)] = []


class IssueIn(IssueChanges):
    """A new issue. number: the next one if it is not named. posts: those that wait, as the desk proposes them."""

    subject: Annotated[Subject, Field(min_length=1)]


@issues.makes("/issues", scope="issues:write", needs=ADD, returns=IssueOut)
def create_issue(request: ApiRequest, new: IssueIn) -> Answer:
    """Begin an issue."""
    asked: dict[str, Any] = new.model_dump(exclude_unset=True)
    [slot] = free_slots(Publication.objects.current(), timezone.now(), 1)
    waiting = [asdict(row) for row in proposals(slot)] if "posts" not in asked else []
    found = {"number": next_number(), "posts": [{"post": row["post"], "form": row["form"]} for row in waiting]}
    issue = save(Issue(), found | asked)
    return answer(issue.number, status=201)


@issues.changes("/issues/{number:number}", scope="issues:write", needs=CHANGE, returns=IssueOut)
def change_issue(request: ApiRequest, number: IssueNumber, change: IssueChanges) -> Answer:
    """Change an issue. A mailing that waits carries what was scheduled: what is changed now, its readers do not get."""
    issue = seen_issue(request, number)
    asked: dict[str, Any] = change.model_dump(exclude_unset=True)
    if asked.get("number", number) != number and is_number_fixed(issue):
        text = _("The number of an issue that was scheduled stands in mails and links, and stays.")
        raise Problem("invalid", errors=[Error(text, pointer="/number")])
    return answer(save(issue, asked).number)
