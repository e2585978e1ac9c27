"""The next step: one sentence and one button, made of facts. A table from top to bottom; the first row that applies."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from newsletter.desk.issues.mailings import named
from newsletter.desk.templatetags.calendar_days import days_until, short
from newsletter.desk.templatetags.calendar_days import moment as moment  # noqa: PLC0414 - a word of the first page, too
from newsletter.desk.templatetags.figures import thousands

BREAKS = ("，", "。", "；", "：", ", ", ". ", "; ", ": ")  # after which a long sentence may go on in a new line


def day(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Return the day of `at` on the calendar of `zone`, with its weekday; with its year if that is not this one."""
    return short(at.astimezone(zone).date(), now.astimezone(zone).date())


def clock(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M}"


def wait(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    days = days_until(at, zone, now)
    if days < 1:
        return _("today")
    return _("tomorrow") if days == 1 else _("in %(days)s days") % {"days": thousands(days)}


def since(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    days = (now.astimezone(zone).date() - at.astimezone(zone).date()).days
    if days < 1:
        return _("today %(time)s") % {"time": clock(at, zone)}
    return _("yesterday %(time)s") % {"time": clock(at, zone)} if days == 1 else day(at, zone, now)


def readers_in_words(count: int) -> str:
    return ngettext("%(count)s reader", "%(count)s readers", count) % {"count": thousands(count)}


def phrases(sentence: str) -> list[tuple[str, str]]:
    """Return the clauses of a sentence, each with the space behind it: a line is broken between two of them first."""
    for mark in BREAKS:
        sentence = sentence.replace(mark, f"{mark}\n")
    return [(part.strip(), " " if part.endswith(" ") else "") for part in sentence.split("\n") if part.strip()]


# --- The facts ---


@dataclass(frozen=True)
class Draft:
    """A post without a date, which the user may go on writing."""

    pk: int
    title: str


@dataclass(frozen=True)
class Composed:
    """The next issue while no mailing of it waits. rehearsal: a value of Standing. errors: that it found."""

    pk: int
    number: int
    posts: int = 0
    has_subject: bool = True
    rehearsal: str = "none"
    errors: int = 0


@dataclass(frozen=True)
class Underway:
    """The mailing that matters most of those that are not over. state, cause: values of Mailing.State and Cause.

    to_all: neither a correction nor for a segment.
    """

    pk: int
    number: int
    state: str
    send_at: datetime
    to_all: bool = True
    is_correction: bool = False
    has_begun: bool = False
    sent: int = 0
    total: int = 0
    cause: str = ""


@dataclass(frozen=True)
class Result:
    """The last issue that was sent. missed: copies that were refused, or of which nobody knows."""

    pk: int
    number: int
    at: datetime
    sent: int
    missed: int = 0


@dataclass(frozen=True)
class Facts:
    """What is so for one user. rights: as `has_perm` asks for them.

    slot: the next one on whose day no issue leaves. next_number: of the issue that goes into it; new_number: of one
    that does not exist yet. readers: who would get an issue now; None if the user may not know.
    posts: of all states, those that the user may see. left_out: published posts that no issue has; newly: those that
    were published after the next issue was last saved, or after the last one was sent; newest: the title of one.
    """

    rights: frozenset[str]
    zone: ZoneInfo
    slot: datetime
    hold: timedelta = timedelta(minutes=3)
    next_number: int = 1
    new_number: int = 1
    readers: int | None = None
    lacks_sender: bool = False
    has_sent: bool = False
    posts: int = 0
    published: int = 0
    left_out: int = 0
    newly: int = 0
    newest: str = ""
    draft: Draft | None = None
    issue: Composed | None = None
    underway: Underway | None = None
    result: Result | None = None

    def may(self, right: str) -> bool:
        return right in self.rights


# --- When steps apply; the others are asked in the table ---


FRESH = timedelta(hours=48)  # for how long the result of an issue is the news, unless something waits
REHEARSED = "valid"
type Condition = Callable[[Facts, datetime], bool]


def is_underway(state: str) -> Condition:
    return lambda facts, _: facts.underway is not None and facts.underway.state == state


def is_held(facts: Facts, now: datetime) -> bool:
    mailing = facts.underway
    return mailing is not None and mailing.state == "scheduled" and mailing.send_at - now <= facts.hold


def has_only_drafts(facts: Facts, now: datetime) -> bool:
    return facts.draft is not None and not (facts.published or facts.has_sent)


def is_empty(facts: Facts) -> bool:
    return facts.issue is not None and facts.issue.posts == 0


def is_composed(facts: Facts) -> bool:
    return facts.issue is not None and facts.issue.posts > 0


def is_rehearsed(facts: Facts) -> bool:
    return facts.issue is not None and facts.issue.rehearsal == REHEARSED


# --- What each step says ---


ADVICE = {  # by the cause of a pause
    "author": gettext_lazy("Go on, or cancel what is left?"),
    "late": gettext_lazy("Its time has passed; choose another one."),
    "provider": gettext_lazy("The mail server refuses it; read its answer, mend that, then go on."),
    "receiver": gettext_lazy("A receiver refuses it for reasons of its own; read them, mend that, then go on."),
    "addresses": gettext_lazy("The mail server calls too many addresses dead; look at them, then go on."),
    "error": gettext_lazy("The program failed; its reason stands on the page."),
}
BUTTONS = {
    "author": gettext_lazy("Go on or cancel"),
    "late": gettext_lazy("Choose a time"),
    "provider": gettext_lazy("Read the answer"),
    "receiver": gettext_lazy("Read the answer"),
    "addresses": gettext_lazy("Look at the addresses"),
    "error": gettext_lazy("Read the reason"),
}
REHEARSALS = {  # by its standing
    "none": (gettext_lazy("not rehearsed yet"), gettext_lazy("Rehearse")),
    "running": (gettext_lazy("being rehearsed now"), gettext_lazy("See the rehearsal")),
    "stuck": (gettext_lazy("the rehearsal has come to a stop"), gettext_lazy("Rehearse again")),
    "outdated": (gettext_lazy("changed since it was rehearsed"), gettext_lazy("Rehearse again")),
}
type Words = tuple[str, str]  # the sentence, and what its button says


def paused(facts: Facts, now: datetime) -> Words:
    mailing = _underway(facts)
    values = {"what": _what(mailing), "sent": thousands(mailing.sent), "total": thousands(mailing.total)}
    sentence = (
        _("%(what)s stands still: %(sent)s of %(total)s are sent.")
        if mailing.has_begun
        else _("%(what)s stands still: nobody has it yet.")
    ) % values
    todo = ADVICE.get(mailing.cause, ADVICE["author"])
    return _("%(sentence)s %(todo)s") % {"sentence": sentence, "todo": todo}, str(
        BUTTONS.get(mailing.cause, BUTTONS["author"])
    )


def sending(facts: Facts, now: datetime) -> Words:
    mailing = _underway(facts)
    sentence = _("%(what)s is being sent: %(sent)s of %(total)s have left.")
    values = {"what": _what(mailing), "sent": thousands(mailing.sent), "total": thousands(mailing.total)}
    return sentence % values, _("See how far it is")


def held(facts: Facts, now: datetime) -> Words:
    mailing = _underway(facts)
    if mailing.send_at <= now:
        sentence = _("%(what)s begins within seconds: its time has come.")
    else:
        sentence = _("%(what)s begins at %(time)s. Until then a cancel reaches nobody.")
    time = clock(mailing.send_at, facts.zone)
    return sentence % {"what": _what(mailing), "time": time}, _("Watch or cancel")


def scheduled(facts: Facts, now: datetime) -> Words:
    mailing = _underway(facts)
    going = _going(facts, _what(mailing), mailing.send_at, now, to_all=mailing.to_all)
    sentence = _("%(going)s. All is ready, %(wait)s.")
    return sentence % {"going": going, "wait": wait(mailing.send_at, facts.zone, now)}, _("See what is scheduled")


def sender(facts: Facts, now: datetime) -> Words:
    return _("Mails need a sender first: an address of your own."), _("Set the sender")


def no_post(facts: Facts, now: datetime) -> Words:
    return _("There is no post yet. Everything begins with the first one."), _("Write the first post")


def first_draft(facts: Facts, now: datetime) -> Words:
    sentence = _("“%(title)s” is a draft. Once published, it can go into issue %(number)s.")
    return sentence % {"title": _draft_title(facts), "number": facts.next_number}, _("Go on writing")


def left_out(facts: Facts, now: datetime) -> Words:
    others = facts.newly - 1
    if others:
        sentence = ngettext(
            "“%(title)s” and %(others)s other post are published, and in no issue yet.",
            "“%(title)s” and %(others)s other posts are published, and in no issue yet.",
            others,
        )
    else:
        sentence = _("“%(title)s” is published, and in no issue yet.")
    button = _("Put it into issue %(number)s") if facts.issue else _("Compose issue %(number)s")
    goes_into = facts.issue.number if facts.issue else facts.next_number
    return sentence % {"title": facts.newest, "others": thousands(others)}, button % {"number": goes_into}


def empty_with_posts(facts: Facts, now: datetime) -> Words:
    sentence = ngettext(
        "%(going)s. It is empty, and %(count)s post is in no issue.",
        "%(going)s. It is empty, and %(count)s posts are in no issue.",
        facts.left_out,
    )
    return sentence % {"going": _issue_goes(facts, now), "count": thousands(facts.left_out)}, _("Choose posts")


def empty_with_draft(facts: Facts, now: datetime) -> Words:
    sentence = _("%(going)s. It is empty; “%(title)s” is a draft.")
    return sentence % {"going": _issue_goes(facts, now), "title": _draft_title(facts)}, _("Go on writing")


def empty(facts: Facts, now: datetime) -> Words:
    return _("%(going)s. It is empty.") % {"going": _issue_goes(facts, now)}, _("Write a post")


def subject(facts: Facts, now: datetime) -> Words:
    sentence = _("%(going)s. Missing: %(what)s.")
    return sentence % {"going": _issue_goes(facts, now), "what": _("a subject")}, _("Write the subject")


def rehearsal(facts: Facts, now: datetime) -> Words:
    issue = _issue(facts)
    if issue.rehearsal == "faulty":
        what = ngettext("the rehearsal found %(count)s error", "the rehearsal found %(count)s errors", issue.errors)
        standing, button = what % {"count": thousands(issue.errors)}, _("See what to mend")
    else:
        standing, button = map(str, REHEARSALS.get(issue.rehearsal, REHEARSALS["none"]))
    return _("%(going)s: %(standing)s.") % {"going": _issue_goes(facts, now), "standing": standing}, button


def schedule(facts: Facts, now: datetime) -> Words:
    return _("%(going)s, once you schedule it.") % {"going": _issue_goes(facts, now)}, _("Schedule it")


def begin(facts: Facts, now: datetime) -> Words:
    sentence = _("The next slot is %(when)s, %(wait)s. No issue is put together for it yet.")
    button = _("Compose issue %(number)s") % {"number": facts.next_number}
    return sentence % _slot(facts, now), button


def result(facts: Facts, now: datetime) -> Words:
    found = _last_result(facts)
    values = {"number": found.number, "readers": readers_in_words(found.sent), "missed": thousands(found.missed)}
    sentence = (
        _("Issue %(number)s is out: sent to %(readers)s, %(missed)s did not get it.")
        if found.missed
        else _("Issue %(number)s is out: sent to %(readers)s.")
    )
    return sentence % values, _("See the result")


def draft(facts: Facts, now: datetime) -> Words:
    sentence = _("The next slot is %(when)s, %(wait)s. “%(title)s” is a draft.")
    return sentence % (_slot(facts, now) | {"title": _draft_title(facts)}), _("Go on writing")


def write(facts: Facts, now: datetime) -> Words:
    return _("The next slot is %(when)s, %(wait)s. No post waits for it.") % _slot(facts, now), _("Write a post")


def readers(facts: Facts, now: datetime) -> Words:
    count = facts.readers or 0
    return _("%(readers)s would get an issue now.") % {"readers": readers_in_words(count)}, _("See the readers")


def rest(facts: Facts, now: datetime) -> Words:
    return _("Nothing here waits for you."), _("Your account")


# --- Their parts ---


def _issue_goes(facts: Facts, now: datetime) -> str:
    what = named(_issue(facts).number, is_correction=False)
    return _going(facts, what, facts.slot, now)


def _going(facts: Facts, what: str, at: datetime, now: datetime, *, to_all: bool = True) -> str:
    values = {"what": what, "when": moment(at, facts.zone, now)}
    if not (facts.readers and to_all):
        return _("%(what)s goes out on %(when)s") % values
    return _("%(what)s goes to %(readers)s on %(when)s") % (values | {"readers": readers_in_words(facts.readers)})


def _what(mailing: Underway) -> str:
    return named(mailing.number, is_correction=mailing.is_correction)


def _slot(facts: Facts, now: datetime) -> dict[str, str]:
    return {"when": moment(facts.slot, facts.zone, now), "wait": wait(facts.slot, facts.zone, now)}


def _draft_title(facts: Facts) -> str:
    return (facts.draft.title if facts.draft else "") or _("Without a title")


def _underway(facts: Facts) -> Underway:
    assert facts.underway is not None  # noqa: S101 - the table asks first
    return facts.underway


def _issue(facts: Facts) -> Composed:
    assert facts.issue is not None  # noqa: S101 - the table asks first
    return facts.issue


def _last_result(facts: Facts) -> Result:
    assert facts.result is not None  # noqa: S101 - the table asks first
    return facts.result


# --- The table ---


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
        return phrases(self.sentence)


@dataclass(frozen=True)
class Row:
    """One line of the table. needs: without these rights of the user it is passed over."""

    key: str
    needs: tuple[str, ...]
    applies: Condition
    says: Callable[[Facts, datetime], Words]
    leads: Callable[[Facts], Place]


def _mailing(facts: Facts) -> Place:
    return "mailing", (facts.underway.pk if facts.underway else 0,), ""


def _result(facts: Facts) -> Place:
    return "mailing", (facts.result.pk if facts.result else 0,), ""


def _draft(facts: Facts) -> Place:
    return "posts_post_change", (facts.draft.pk if facts.draft else 0,), ""


def _of_issue(name: str, anchor: str = "") -> Callable[[Facts], Place]:
    return lambda facts: (name, (facts.issue.pk if facts.issue else 0,), anchor)


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
    Row("paused", (WATCH,), is_underway("paused"), paused, _mailing),
    Row("sending", (WATCH,), is_underway("sending"), sending, _mailing),
    Row("held", (WATCH,), is_held, held, _mailing),
    Row("sender", (SETTINGS,), lambda f, _: f.lacks_sender, sender, SENDER),
    Row("no_post", (ADD,), lambda f, _: f.posts == 0, no_post, _new_post),
    Row("first_draft", (WRITE,), has_only_drafts, first_draft, _draft),
    Row("left_out", (COMPOSE,), lambda f, _: f.newly > 0 and f.issue is not None, left_out, EDIT_ISSUE),
    Row("left_out", (BEGIN,), lambda f, _: f.newly > 0 and f.issue is None, left_out, NEW_ISSUE),
    Row("scheduled", (WATCH,), is_underway("scheduled"), scheduled, _mailing),
    Row("empty", (COMPOSE,), lambda f, _: is_empty(f) and f.left_out > 0, empty_with_posts, EDIT_ISSUE),
    Row("empty", (COMPOSE, WRITE), lambda f, _: is_empty(f) and f.draft is not None, empty_with_draft, _draft),
    Row("empty", (COMPOSE, ADD), lambda f, _: is_empty(f), empty, _new_post),
    Row("subject", (COMPOSE,), lambda f, _: f.issue is not None and not f.issue.has_subject, subject, SUBJECT),
    Row("rehearsal", (SEND,), lambda f, _: is_composed(f) and not is_rehearsed(f), rehearsal, REHEARSAL),
    Row("schedule", (SEND,), lambda f, _: is_composed(f), schedule, SCHEDULE),
    Row("result", (WATCH,), lambda f, now: f.result is not None and now - f.result.at < FRESH, result, _result),
    Row("draft", (WRITE,), lambda f, _: f.draft is not None, draft, _draft),
    Row("write", (ADD,), lambda _facts, _now: True, write, _new_post),
    Row("readers", (READERS,), lambda _facts, _now: True, readers, _at("subscribers_subscriber_changelist")),
    Row("rest", (), lambda _facts, _now: True, rest, _at("account")),
)

OF_ISSUES = {"paused", "sending", "held", "left_out", "scheduled", "empty", "subject", "rehearsal", "schedule"}
ISSUES_TABLE: tuple[Row, ...] = (
    *(row for row in TABLE if row.key in OF_ISSUES),
    Row("begin", (BEGIN,), lambda f, _: f.issue is None, begin, NEW_ISSUE),
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


# --- The first run ---


DONE, NEXT, LATER = "done", "next", "later"


@dataclass(frozen=True)
class Part:
    title: Any
    hint: Any
    keys: frozenset[str]
    is_done: Callable[[Facts], bool]


@dataclass(frozen=True)
class Item:
    place: int
    title: str
    hint: str
    standing: str


def _is_complete(facts: Facts) -> bool:
    issue = facts.issue
    return issue is not None and issue.posts > 0 and issue.has_subject


PARTS: tuple[Part, ...] = (
    Part(
        gettext_lazy("Set the sender"),
        gettext_lazy("The name and the address that readers see. It needs a domain of your own."),
        frozenset({"sender"}),
        lambda facts: not facts.lacks_sender,
    ),
    Part(
        gettext_lazy("Write and publish a post"),
        gettext_lazy("It stands on your site at once, and goes into the next issue."),
        frozenset({"no_post", "first_draft", "draft", "write"}),
        lambda facts: facts.published > 0,
    ),
    Part(
        gettext_lazy("Put it into an issue"),
        gettext_lazy("An issue is a letter of one post or more, with a few words before and after."),
        frozenset({"left_out", "empty"}),
        lambda facts: bool(facts.underway or (facts.issue and facts.issue.posts)),
    ),
    Part(
        gettext_lazy("Complete the issue"),
        gettext_lazy("A subject: it is what readers see first."),
        frozenset({"subject"}),
        lambda facts: bool(facts.underway or _is_complete(facts)),
    ),
    Part(
        gettext_lazy("Rehearse it"),
        gettext_lazy("Everything but the sending: links, pictures, size and sender are looked at."),
        frozenset({"rehearsal"}),
        lambda facts: bool(facts.underway or (facts.issue and facts.issue.rehearsal == "valid")),
    ),
    Part(
        gettext_lazy("Schedule it"),
        "",
        frozenset({"schedule", "scheduled", "held", "sending", "paused"}),
        lambda facts: facts.underway is not None,
    ),
)


def checklist(facts: Facts, step: Step, now: datetime) -> list[Item]:
    """Return the way to the first issue; nothing once one is out, and to a user who may not send it."""
    if facts.has_sent or not facts.may(SEND):
        return []
    slot = _("The next slot is %(when)s; any other time will do, too.")
    last_hint = slot % {"when": moment(facts.slot, facts.zone, now)}
    return [
        Item(place, str(part.title), str(part.hint) or last_hint, _standing(part, facts, step))
        for place, part in enumerate(PARTS, 1)
    ]


def _standing(part: Part, facts: Facts, step: Step) -> str:
    if step.key in part.keys:
        return NEXT
    return DONE if part.is_done(facts) else LATER
