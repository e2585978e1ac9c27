"""What helps while a text is written: how readers will see it, and what the format check says. Nothing is stored."""

from typing import Annotated

from ninja import Schema
from pydantic import ConfigDict, Field

from newsletter.api.endpoint import Answer, Endpoints, Number
from newsletter.api.endpoints.post_texts import told
from newsletter.api.endpoints.posts import READ, post_of
from newsletter.api.entrance import ApiRequest
from newsletter.desk.writing import ALL, checked, fixed_text
from newsletter.mail.text.salutations import without_names
from newsletter.posts.models import BODY_MAX
from newsletter.posts.models.renderings import rendered, rendered_anew
from newsletter.posts.proofreading.check import RULES
from newsletter.publication.models import Publication

checks = Endpoints(tags=["posts"])
WRITE = ("posts.change_post",)
Rule = Annotated[str, Field(json_schema_extra={"enum": [ALL, *RULES]})]


class TextIn(Schema):
    """A text that need not be saved."""

    model_config = ConfigDict(extra="forbid")
    body: Annotated[str, Field(max_length=BODY_MAX)]


class PreviewOut(Schema):
    """html: sanitised, as on the page of the post."""

    html: str


class FindingOut(Schema):
    """start, end: places in UTF-16 code units, as a script counts. fix: what may stand there instead; null: see for
    yourself."""

    start: int
    end: int
    line: int
    before: str
    text: str
    after: str
    message: str
    fix: str | None


class GroupOut(Schema):
    """hint: a matter of taste, which is not counted. hidden: findings of this rule that are not shown."""

    rule: str
    label: str
    hint: bool
    safe: int
    hidden: int
    count: int
    rows: list[FindingOut]


class CheckOut(Schema):
    """facts: minutes to read and size in the mail, in words. safe: how many can be mended without a look."""

    facts: list[str]
    count: int
    safe: int
    groups: list[GroupOut]


class FixIn(TextIn):
    """rule: one of the check, or “all” of those that are on and no hints."""

    rule: Rule = ALL


class FixOut(Schema):
    body: str


@checks.reads("/posts/{number:number}/preview", scope="posts:read", needs=READ, returns=PreviewOut)
def preview_post(request: ApiRequest, number: Number) -> Answer:
    """A post as HTML, a draft too."""
    return Answer({"html": str(rendered(_body(request, number)))})


@checks.reads("/posts/{number:number}/check", scope="posts:read", needs=READ, returns=CheckOut)
def check_post(request: ApiRequest, number: Number) -> Answer:
    """What the format check says about a post."""
    return Answer(checked(_body(request, number), Publication.objects.current()))


@checks.asks("/texts/preview", scope="posts:write", needs=WRITE, returns=PreviewOut)
def preview_text(request: ApiRequest, text: TextIn) -> Answer:
    """A text as HTML, as readers would see it."""
    return Answer({"html": without_names(rendered_anew(text.body))}, etag="")


@checks.asks("/texts/check", scope="posts:write", needs=WRITE, returns=CheckOut)
def check_text(request: ApiRequest, text: TextIn) -> Answer:
    """What the format check says about a text."""
    return Answer(checked(text.body, Publication.objects.current()), etag="")


@checks.asks("/texts/fix", scope="posts:write", needs=WRITE, returns=FixOut)
def fix_text(request: ApiRequest, text: FixIn) -> Answer:
    """A text with the safe fixes of the format check."""
    return Answer({"body": fixed_text(text.body, text.rule, Publication.objects.current())}, etag="")


def _body(request: ApiRequest, number: int) -> str:
    return str(told([post_of(request, number)])[0]["body"])
