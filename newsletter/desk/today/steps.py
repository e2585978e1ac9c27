"""The next step: one sentence and one button. A table from top to bottom; the first row that applies is the step."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from newsletter.desk.today import conditions, sentences, words
from newsletter.desk.today.conditions import Condition
from newsletter.desk.today.facts import Facts

ADD, PUBLISH, WRITE = "posts.add_post", "posts.publish_post", "posts.change_post"
BEGIN, COMPOSE, SEND, WATCH = "issues.add_issue", "issues.change_issue", "issues.send_issue", "delivery.view_mailing"
SETTINGS, READERS = "publication.change_publication", "subscribers.see_readers"
type Place = tuple[str, tuple[int, ...], str]  # name of an address in the desk, its arguments, an anchor
NEW_POST: Place = ("posts_post_add", (), "")


@dataclass(frozen=True)
class Step:
    """What is so now, and what to do next. key: of its row. needs: the rights that its button asks for."""

    key: str
    sentence: str
    button: str
    place: Place
    needs: tuple[str, ...]

    @property
    def url(self) -> str:
        name, args, anchor = self.place
        return reverse(f"admin:{name}", args=args) + (f"#{anchor}" if anchor else "")

    @property
    def phrases(self) -> list[tuple[str, str]]:
        return words.phrases(self.sentence)


@dataclass(frozen=True)
class Row:
    """One line of the table. needs: without these rights of the user it is passed over."""

    key: str
    needs: tuple[str, ...]
    applies: Condition
    says: Callable[[Facts, datetime], sentences.Words]
    leads: Callable[[Facts], Place]


def _mailing(facts: Facts) -> Place:
    return "mailing", (facts.underway.pk if facts.underway else 0,), ""


def _result(facts: Facts) -> Place:
    return "mailing", (facts.result.pk if facts.result else 0,), ""


def _draft(facts: Facts) -> Place:
    return "posts_post_change", (facts.draft.pk if facts.draft else 0,), ""


def _of_issue(name: str, anchor: str = "") -> Callable[[Facts], Place]:
    return lambda facts: (name, (facts.issue.pk if facts.issue else 0,), anchor)


def _alt(facts: Facts) -> Place:
    if facts.issue and facts.issue.alt_post:
        return "posts_post_change", (facts.issue.alt_post,), ""
    if facts.issue and facts.issue.alt_cover:
        return "posts_image_change", (facts.issue.alt_cover,), "id_alt"
    return _of_issue("issues_issue_change", "id_introduction")(facts)


def _new_post(_facts: Facts) -> Place:
    return NEW_POST


def _at(name: str, *args: int, anchor: str = "") -> Callable[[Facts], Place]:
    place = name, args, anchor

    def leads(_facts: Facts) -> Place:
        return place

    return leads


NEW_ISSUE = _at("issues_issue_add")
SENDER = _at("settings_sender", anchor="id_sender_email")
EDIT_ISSUE, SUBJECT = _of_issue("issues_issue_change"), _of_issue("issues_issue_change", "id_subject")
REHEARSAL, SCHEDULE = _of_issue("issue_rehearsal"), _of_issue("issue_send")

TABLE: tuple[Row, ...] = (
    Row("paused", (WATCH,), conditions.is_underway("paused"), sentences.paused, _mailing),
    Row("sending", (WATCH,), conditions.is_underway("sending"), sentences.sending, _mailing),
    Row("held", (WATCH,), conditions.is_held, sentences.held, _mailing),
    Row("sender", (SETTINGS,), conditions.lacks_sender, sentences.sender, SENDER),
    Row("no_post", (ADD,), conditions.has_no_post, sentences.no_post, _new_post),
    Row("first_draft", (WRITE,), conditions.has_only_drafts, sentences.first_draft, _draft),
    Row("left_out", (COMPOSE,), conditions.is_left_out_of_issue, sentences.left_out, EDIT_ISSUE),
    Row("left_out", (BEGIN,), conditions.is_left_out, sentences.left_out, NEW_ISSUE),
    Row("scheduled", (WATCH,), conditions.is_underway("scheduled"), sentences.scheduled, _mailing),
    Row("empty", (COMPOSE,), conditions.is_empty_and_posts_wait, sentences.empty_with_posts, EDIT_ISSUE),
    Row("empty", (COMPOSE, WRITE), conditions.is_empty_and_a_draft_waits, sentences.empty_with_draft, _draft),
    Row("empty", (COMPOSE, ADD), conditions.is_empty, sentences.empty, _new_post),
    Row("subject", (COMPOSE,), conditions.lacks_subject, sentences.subject, SUBJECT),
    Row("alt", (COMPOSE, WRITE, PUBLISH), conditions.lacks_alt, sentences.alt, _alt),
    Row("rehearsal", (SEND,), conditions.is_not_rehearsed, sentences.rehearsal, REHEARSAL),
    Row("schedule", (SEND,), conditions.is_composed, sentences.schedule, SCHEDULE),
    Row("result", (WATCH,), conditions.has_news, sentences.result, _result),
    Row("draft", (WRITE,), conditions.has_draft, sentences.draft, _draft),
    Row("write", (ADD,), conditions.always, sentences.write, _new_post),
    Row("readers", (READERS,), conditions.always, sentences.readers, _at("subscribers_subscriber_changelist")),
    Row("rest", (), conditions.always, sentences.rest, _at("account")),
)

OF_ISSUES = {"paused", "sending", "held", "left_out", "scheduled", "empty", "subject", "alt", "rehearsal", "schedule"}
ISSUES_TABLE: tuple[Row, ...] = (
    *(row for row in TABLE if row.key in OF_ISSUES),
    Row("begin", (BEGIN,), conditions.has_no_issue, sentences.begin, NEW_ISSUE),
)


def next_step(facts: Facts, now: datetime) -> Step:
    """Return the first row of the TABLE that applies and whose rights the user has; the last one always does."""
    step = _first(TABLE, facts, now)
    assert step is not None  # noqa: S101 - the last row asks for nothing
    return step


def next_step_of_issues(facts: Facts, now: datetime) -> Step | None:
    """Return the next step of those that are about an issue; None if the user can do nothing about one."""
    return _first(ISSUES_TABLE, facts, now)


def _first(table: tuple[Row, ...], facts: Facts, now: datetime) -> Step | None:
    for row in table:
        if all(map(facts.may, row.needs)) and row.applies(facts, now):
            sentence, button = row.says(facts, now)
            return Step(row.key, sentence, button, row.leads(facts), row.needs)
    return None
