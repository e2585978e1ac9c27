"""The next step: one sentence and one button, chosen by the first rule that applies."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from newsletter.desk.issues.mailings import mailing_title
from newsletter.desk.templatetags.calendar_days import day_text_with_year, days_until
from newsletter.desk.templatetags.calendar_days import moment as moment  # noqa: PLC0414 - a word of the first page, too
from newsletter.desk.templatetags.figures import thousands

CLAUSE_MARKS = ("，", "。", "；", "：", ", ", ". ", "; ", ": ")  # where a long sentence may be broken


def day(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Local day with its weekday, and with its year if that is not this one."""
    return day_text_with_year(at.astimezone(zone).date(), now.astimezone(zone).date())


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


def reader_count_text(count: int) -> str:
    return ngettext("%(count)s reader", "%(count)s readers", count) % {"count": thousands(count)}


def phrases(sentence: str) -> list[tuple[str, str]]:
    """Clauses of a sentence, each with the space behind it: preferred places for line breaks."""
    for mark in CLAUSE_MARKS:
        sentence = sentence.replace(mark, f"{mark}\n")
    return [(part.strip(), " " if part.endswith(" ") else "") for part in sentence.split("\n") if part.strip()]


# --- The facts ---


@dataclass(frozen=True)
class DraftPost:
    """A post without a date, which the user may go on writing."""

    pk: int
    title: str


@dataclass(frozen=True)
class NextIssue:
    """The next unscheduled issue. rehearsal: a value of Standing. errors: found by it."""

    pk: int
    number: int
    posts: int = 0
    has_subject: bool = True
    rehearsal: str = "none"
    errors: int = 0


@dataclass(frozen=True)
class OpenMailing:
    """The most pressing open mailing. state, cause: values of Mailing.State and Cause.

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
class LastResult:
    """The last sent issue. missed: failed and uncertain copies."""

    pk: int
    number: int
    at: datetime
    sent: int
    missed: int = 0


@dataclass(frozen=True)
class DeskFacts:
    """Everything the rules look at, for one user. rights: permission names.

    slot: the next free one. next_number: of the issue for it; new_number: of an issue that does not exist yet.
    readers: mailable ones; None if the user may not know. posts: visible to the user, in any state.
    left_out: published posts in no issue; newly: those published since the next issue was saved, or else since the last
    one was sent; newest: the title of one of them.
    """

    rights: frozenset[str]
    zone: ZoneInfo
    slot: datetime
    hold: timedelta = timedelta(minutes=3)
    next_number: int = 1
    new_number: int = 1
    readers: int | None = None
    lacks_sender: bool = False
    lacks_mail_server: bool = False
    has_sent: bool = False
    posts: int = 0
    published: int = 0
    left_out: int = 0
    newly: int = 0
    newest: str = ""
    draft: DraftPost | None = None
    issue: NextIssue | None = None
    underway: OpenMailing | None = None
    result: LastResult | None = None

    def may(self, right: str) -> bool:
        return right in self.rights


# --- When steps apply; the others are asked in the table ---


RESULT_IS_NEWS = timedelta(hours=48)  # unless something waits
REHEARSED = "valid"
type Condition = Callable[[DeskFacts, datetime], bool]


def is_underway(state: str) -> Condition:
    return lambda facts, _: facts.underway is not None and facts.underway.state == state


def is_held(facts: DeskFacts, now: datetime) -> bool:
    mailing = facts.underway
    return mailing is not None and mailing.state == "scheduled" and mailing.send_at - now <= facts.hold


def has_only_drafts(facts: DeskFacts, now: datetime) -> bool:
    return facts.draft is not None and not (facts.published or facts.has_sent)


def is_empty(facts: DeskFacts) -> bool:
    return facts.issue is not None and facts.issue.posts == 0


def is_composed(facts: DeskFacts) -> bool:
    return facts.issue is not None and facts.issue.posts > 0


def is_rehearsed(facts: DeskFacts) -> bool:
    return facts.issue is not None and facts.issue.rehearsal == REHEARSED


# --- What each step says ---


PAUSE_ADVICE = {  # by the cause of a pause
    "author": gettext_lazy("Go on, or cancel what is left?"),
    "late": gettext_lazy("Its time has passed; choose another one."),
    "provider": gettext_lazy("The mail server refuses it; read its answer, mend that, then go on."),
    "receiver": gettext_lazy("A receiver refuses it for reasons of its own; read them, mend that, then go on."),
    "addresses": gettext_lazy("The mail server calls too many addresses dead; look at them, then go on."),
    "error": gettext_lazy("The program failed; its reason stands on the page."),
}
PAUSE_BUTTONS = {
    "author": gettext_lazy("Go on or cancel"),
    "late": gettext_lazy("Choose a time"),
    "provider": gettext_lazy("Read the answer"),
    "receiver": gettext_lazy("Read the answer"),
    "addresses": gettext_lazy("Look at the addresses"),
    "error": gettext_lazy("Read the reason"),
}
REHEARSAL_TEXTS = {  # by its status
    "none": (gettext_lazy("not rehearsed yet"), gettext_lazy("Rehearse")),
    "running": (gettext_lazy("being rehearsed now"), gettext_lazy("See the rehearsal")),
    "stuck": (gettext_lazy("the rehearsal has come to a stop"), gettext_lazy("Rehearse again")),
    "outdated": (gettext_lazy("changed since it was rehearsed"), gettext_lazy("Rehearse again")),
}
type StepText = tuple[str, str]  # sentence, label of the button


def paused(facts: DeskFacts, now: datetime) -> StepText:
    mailing = _underway(facts)
    values = {"what": _what(mailing), "sent": thousands(mailing.sent), "total": thousands(mailing.total)}
    sentence = (
        _("%(what)s stands still: %(sent)s of %(total)s are sent.")
        if mailing.has_begun
        else _("%(what)s stands still: nobody has it yet.")
    ) % values
    todo = PAUSE_ADVICE.get(mailing.cause, PAUSE_ADVICE["author"])
    return _("%(sentence)s %(todo)s") % {"sentence": sentence, "todo": todo}, str(
        PAUSE_BUTTONS.get(mailing.cause, PAUSE_BUTTONS["author"])
    )


def sending(facts: DeskFacts, now: datetime) -> StepText:
    mailing = _underway(facts)
    sentence = _("%(what)s is being sent: %(sent)s of %(total)s have left.")
    values = {"what": _what(mailing), "sent": thousands(mailing.sent), "total": thousands(mailing.total)}
    return sentence % values, _("See how far it is")


def held(facts: DeskFacts, now: datetime) -> StepText:
    mailing = _underway(facts)
    if mailing.send_at <= now:
        sentence = _("%(what)s begins within seconds: its time has come.")
    else:
        sentence = _("%(what)s begins at %(time)s. Until then a cancel reaches nobody.")
    time = clock(mailing.send_at, facts.zone)
    return sentence % {"what": _what(mailing), "time": time}, _("Watch or cancel")


def scheduled(facts: DeskFacts, now: datetime) -> StepText:
    mailing = _underway(facts)
    going = _going(facts, _what(mailing), mailing.send_at, now, to_all=mailing.to_all)
    sentence = _("%(going)s. All is ready, %(wait)s.")
    return sentence % {"going": going, "wait": wait(mailing.send_at, facts.zone, now)}, _("See what is scheduled")


def sender(facts: DeskFacts, now: datetime) -> StepText:
    return _("Mails need a sender first: an address of your own."), _("Set the sender")


def mail_server(facts: DeskFacts, now: datetime) -> StepText:
    return _("No mail server yet: nothing reaches your readers."), _("Enter a mail server")


def no_post(facts: DeskFacts, now: datetime) -> StepText:
    return _("There is no post yet. Everything begins with the first one."), _("Write the first post")


def first_draft(facts: DeskFacts, now: datetime) -> StepText:
    sentence = _("“%(title)s” is a draft. Once published, it can go into issue %(number)s.")
    return sentence % {"title": _draft_title(facts), "number": facts.next_number}, _("Go on writing")


def left_out(facts: DeskFacts, now: datetime) -> StepText:
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


def empty_with_posts(facts: DeskFacts, now: datetime) -> StepText:
    sentence = ngettext(
        "%(going)s. It is empty, and %(count)s post is in no issue.",
        "%(going)s. It is empty, and %(count)s posts are in no issue.",
        facts.left_out,
    )
    return sentence % {"going": _issue_goes(facts, now), "count": thousands(facts.left_out)}, _("Choose posts")


def empty_with_draft(facts: DeskFacts, now: datetime) -> StepText:
    sentence = _("%(going)s. It is empty; “%(title)s” is a draft.")
    return sentence % {"going": _issue_goes(facts, now), "title": _draft_title(facts)}, _("Go on writing")


def empty(facts: DeskFacts, now: datetime) -> StepText:
    return _("%(going)s. It is empty.") % {"going": _issue_goes(facts, now)}, _("Write a post")


def subject(facts: DeskFacts, now: datetime) -> StepText:
    sentence = _("%(going)s. Missing: %(what)s.")
    return sentence % {"going": _issue_goes(facts, now), "what": _("a subject")}, _("Write the subject")


def rehearsal(facts: DeskFacts, now: datetime) -> StepText:
    issue = _issue(facts)
    if issue.rehearsal == "faulty":
        what = ngettext("the rehearsal found %(count)s error", "the rehearsal found %(count)s errors", issue.errors)
        standing, button = what % {"count": thousands(issue.errors)}, _("See what to mend")
    else:
        standing, button = map(str, REHEARSAL_TEXTS.get(issue.rehearsal, REHEARSAL_TEXTS["none"]))
    return _("%(going)s: %(standing)s.") % {"going": _issue_goes(facts, now), "standing": standing}, button


def schedule(facts: DeskFacts, now: datetime) -> StepText:
    return _("%(going)s, once you schedule it.") % {"going": _issue_goes(facts, now)}, _("Schedule it")


def begin(facts: DeskFacts, now: datetime) -> StepText:
    sentence = _("The next slot is %(when)s, %(wait)s. No issue is put together for it yet.")
    button = _("Compose issue %(number)s") % {"number": facts.next_number}
    return sentence % _slot(facts, now), button


def result(facts: DeskFacts, now: datetime) -> StepText:
    found = _last_result(facts)
    values = {"number": found.number, "readers": reader_count_text(found.sent), "missed": thousands(found.missed)}
    sentence = (
        _("Issue %(number)s is out: sent to %(readers)s, %(missed)s did not get it.")
        if found.missed
        else _("Issue %(number)s is out: sent to %(readers)s.")
    )
    return sentence % values, _("See the result")


def draft(facts: DeskFacts, now: datetime) -> StepText:
    sentence = _("The next slot is %(when)s, %(wait)s. “%(title)s” is a draft.")
    return sentence % (_slot(facts, now) | {"title": _draft_title(facts)}), _("Go on writing")


def write(facts: DeskFacts, now: datetime) -> StepText:
    return _("The next slot is %(when)s, %(wait)s. No post waits for it.") % _slot(facts, now), _("Write a post")


def readers(facts: DeskFacts, now: datetime) -> StepText:
    count = facts.readers or 0
    return _("%(readers)s would get an issue now.") % {"readers": reader_count_text(count)}, _("See the readers")


def rest(facts: DeskFacts, now: datetime) -> StepText:
    return _("Nothing here waits for you."), _("Your account")


# --- Their parts ---


def _issue_goes(facts: DeskFacts, now: datetime) -> str:
    what = mailing_title(_issue(facts).number, is_correction=False)
    return _going(facts, what, facts.slot, now)


def _going(facts: DeskFacts, what: str, at: datetime, now: datetime, *, to_all: bool = True) -> str:
    values = {"what": what, "when": moment(at, facts.zone, now)}
    if not (facts.readers and to_all):
        return _("%(what)s goes out on %(when)s") % values
    return _("%(what)s goes to %(readers)s on %(when)s") % (values | {"readers": reader_count_text(facts.readers)})


def _what(mailing: OpenMailing) -> str:
    return mailing_title(mailing.number, is_correction=mailing.is_correction)


def _slot(facts: DeskFacts, now: datetime) -> dict[str, str]:
    return {"when": moment(facts.slot, facts.zone, now), "wait": wait(facts.slot, facts.zone, now)}


def _draft_title(facts: DeskFacts) -> str:
    return (facts.draft.title if facts.draft else "") or _("Without a title")


def _underway(facts: DeskFacts) -> OpenMailing:
    assert facts.underway is not None  # noqa: S101 - the table asks first
    return facts.underway


def _issue(facts: DeskFacts) -> NextIssue:
    assert facts.issue is not None  # noqa: S101 - the table asks first
    return facts.issue


def _last_result(facts: DeskFacts) -> LastResult:
    assert facts.result is not None  # noqa: S101 - the table asks first
    return facts.result


# --- The table ---


ADD_POST, PUBLISH_POST, CHANGE_POST = "posts.add_post", "posts.publish_post", "posts.change_post"
ADD_ISSUE, CHANGE_ISSUE, SEND_ISSUE, VIEW_MAILING = (
    "issues.add_issue",
    "issues.change_issue",
    "issues.send_issue",
    "delivery.view_mailing",
)
CHANGE_SETTINGS, SEE_READERS, OWN = "publication.change_publication", "subscribers.see_readers", "auth.change_user"
type StepTarget = tuple[str, tuple[int, ...], str]  # URL name, arguments, fragment
NEW_POST: StepTarget = ("posts_post_add", (), "")


@dataclass(frozen=True)
class NextStep:
    """key: of its rule. needs: permissions for its button."""

    key: str
    sentence: str
    button: str
    place: StepTarget
    needs: tuple[str, ...]

    @property
    def url(self) -> str:
        name, args, anchor = self.place
        return reverse(f"admin:{name}", args=args) + (f"#{anchor}" if anchor else "")

    @property
    def phrases(self) -> list[tuple[str, str]]:
        return phrases(self.sentence)


@dataclass(frozen=True)
class StepRule:
    """needs: permissions without which the rule is skipped."""

    key: str
    needs: tuple[str, ...]
    applies: Condition
    says: Callable[[DeskFacts, datetime], StepText]
    leads: Callable[[DeskFacts], StepTarget]


def _mailing(facts: DeskFacts) -> StepTarget:
    return "mailing", (facts.underway.pk if facts.underway else 0,), ""


def _result(facts: DeskFacts) -> StepTarget:
    return "mailing", (facts.result.pk if facts.result else 0,), ""


def _draft(facts: DeskFacts) -> StepTarget:
    return "posts_post_change", (facts.draft.pk if facts.draft else 0,), ""


def _of_issue(name: str, anchor: str = "") -> Callable[[DeskFacts], StepTarget]:
    return lambda facts: (name, (facts.issue.pk if facts.issue else 0,), anchor)


def _new_post(_facts: DeskFacts) -> StepTarget:
    return NEW_POST


def _at(name: str, *args: int, anchor: str = "") -> Callable[[DeskFacts], StepTarget]:
    place = name, args, anchor

    def leads(_facts: DeskFacts) -> StepTarget:
        return place

    return leads


NEW_ISSUE_PAGE = _at("issues_issue_add")
SENDER_PAGE = _at("settings_sender", anchor="id_sender_email")
ISSUE_PAGE, SUBJECT_FIELD = _of_issue("issues_issue_change"), _of_issue("issues_issue_change", "id_subject")
REHEARSAL_PAGE, SCHEDULE_PAGE = _of_issue("issue_rehearsal"), _of_issue("issue_send")

STEP_RULES: tuple[StepRule, ...] = (
    StepRule("paused", (VIEW_MAILING,), is_underway("paused"), paused, _mailing),
    StepRule("sending", (VIEW_MAILING,), is_underway("sending"), sending, _mailing),
    StepRule("held", (VIEW_MAILING,), is_held, held, _mailing),
    StepRule("no_post", (ADD_POST,), lambda f, _: f.posts == 0, no_post, _new_post),
    StepRule("first_draft", (CHANGE_POST,), has_only_drafts, first_draft, _draft),
    StepRule("sender", (CHANGE_SETTINGS,), lambda f, _: f.lacks_sender, sender, SENDER_PAGE),
    StepRule("mail_server", (OWN,), lambda f, _: f.lacks_mail_server, mail_server, _at("settings_mail")),
    StepRule("left_out", (CHANGE_ISSUE,), lambda f, _: f.newly > 0 and f.issue is not None, left_out, ISSUE_PAGE),
    StepRule("left_out", (ADD_ISSUE,), lambda f, _: f.newly > 0 and f.issue is None, left_out, NEW_ISSUE_PAGE),
    StepRule("scheduled", (VIEW_MAILING,), is_underway("scheduled"), scheduled, _mailing),
    StepRule("empty", (CHANGE_ISSUE,), lambda f, _: is_empty(f) and f.left_out > 0, empty_with_posts, ISSUE_PAGE),
    StepRule(
        "empty", (CHANGE_ISSUE, CHANGE_POST), lambda f, _: is_empty(f) and f.draft is not None, empty_with_draft, _draft
    ),
    StepRule("empty", (CHANGE_ISSUE, ADD_POST), lambda f, _: is_empty(f), empty, _new_post),
    StepRule(
        "subject", (CHANGE_ISSUE,), lambda f, _: f.issue is not None and not f.issue.has_subject, subject, SUBJECT_FIELD
    ),
    StepRule(
        "rehearsal", (SEND_ISSUE,), lambda f, _: is_composed(f) and not is_rehearsed(f), rehearsal, REHEARSAL_PAGE
    ),
    StepRule("schedule", (SEND_ISSUE,), lambda f, _: is_composed(f), schedule, SCHEDULE_PAGE),
    StepRule(
        "result",
        (VIEW_MAILING,),
        lambda f, now: f.result is not None and now - f.result.at < RESULT_IS_NEWS,
        result,
        _result,
    ),
    StepRule("draft", (CHANGE_POST,), lambda f, _: f.draft is not None, draft, _draft),
    StepRule("write", (ADD_POST,), lambda _facts, _now: True, write, _new_post),
    StepRule("readers", (SEE_READERS,), lambda _facts, _now: True, readers, _at("subscribers_subscriber_changelist")),
    StepRule("rest", (), lambda _facts, _now: True, rest, _at("account")),
)

ISSUE_STEPS = {"paused", "sending", "held", "left_out", "scheduled", "empty", "subject", "rehearsal", "schedule"}
ISSUE_STEP_RULES: tuple[StepRule, ...] = (
    *(row for row in STEP_RULES if row.key in ISSUE_STEPS),
    StepRule("begin", (ADD_ISSUE,), lambda f, _: f.issue is None, begin, NEW_ISSUE_PAGE),
)


def choose_step(facts: DeskFacts, now: datetime) -> NextStep:
    """The first rule that applies and is permitted; the last one always is."""
    step = _first(STEP_RULES, facts, now)
    assert step is not None  # noqa: S101 - the last row asks for nothing
    return step


def choose_issue_step(facts: DeskFacts, now: datetime) -> NextStep | None:
    """The next step among those about issues; None if there is none for this user."""
    return _first(ISSUE_STEP_RULES, facts, now)


def _first(table: tuple[StepRule, ...], facts: DeskFacts, now: datetime) -> NextStep | None:
    for row in table:
        if all(map(facts.may, row.needs)) and row.applies(facts, now):
            sentence, button = row.says(facts, now)
            return NextStep(row.key, sentence, button, row.leads(facts), row.needs)
    return None


# --- The first run ---


DONE, NEXT, LATER = "done", "next", "later"


@dataclass(frozen=True)
class ChecklistRule:
    title: Any
    hint: Any
    keys: frozenset[str]
    is_done: Callable[[DeskFacts], bool]


@dataclass(frozen=True)
class ChecklistItem:
    place: int
    title: str
    hint: str
    standing: str


def _is_complete(facts: DeskFacts) -> bool:
    issue = facts.issue
    return issue is not None and issue.posts > 0 and issue.has_subject


CHECKLIST_RULES: tuple[ChecklistRule, ...] = (
    ChecklistRule(
        gettext_lazy("Write and publish a post"),
        gettext_lazy("It stands on your site at once, and goes into the next issue."),
        frozenset({"no_post", "first_draft", "draft", "write"}),
        lambda facts: facts.published > 0,
    ),
    ChecklistRule(
        gettext_lazy("Set the sender"),
        gettext_lazy("The address that your letters come from. It needs a domain of your own."),
        frozenset({"sender", "mail_server"}),
        lambda facts: not (facts.lacks_sender or facts.lacks_mail_server),
    ),
    ChecklistRule(
        gettext_lazy("Put it into an issue"),
        gettext_lazy("An issue is a letter of one post or more, with a few words before and after."),
        frozenset({"left_out", "empty"}),
        lambda facts: bool(facts.underway or (facts.issue and facts.issue.posts)),
    ),
    ChecklistRule(
        gettext_lazy("Complete the issue"),
        gettext_lazy("A subject: it is what readers see first."),
        frozenset({"subject"}),
        lambda facts: bool(facts.underway or _is_complete(facts)),
    ),
    ChecklistRule(
        gettext_lazy("Rehearse it"),
        gettext_lazy("Everything but the sending: links, pictures, size and sender are looked at."),
        frozenset({"rehearsal"}),
        lambda facts: bool(facts.underway or (facts.issue and facts.issue.rehearsal == "valid")),
    ),
    ChecklistRule(
        gettext_lazy("Schedule it"),
        "",
        frozenset({"schedule", "scheduled", "held", "sending", "paused"}),
        lambda facts: facts.underway is not None,
    ),
)


def checklist(facts: DeskFacts, step: NextStep, now: datetime) -> list[ChecklistItem]:
    """The checklist to the first issue; empty once one is sent, and for users who may not send it."""
    if facts.has_sent or not facts.may(SEND_ISSUE):
        return []
    slot = _("The next slot is %(when)s; any other time will do, too.")
    last_hint = slot % {"when": moment(facts.slot, facts.zone, now)}
    return [
        ChecklistItem(place, str(part.title), str(part.hint) or last_hint, _standing(part, facts, step))
        for place, part in enumerate(CHECKLIST_RULES, 1)
    ]


def _standing(part: ChecklistRule, facts: DeskFacts, step: NextStep) -> str:
    if step.key in part.keys:
        return NEXT
    return DONE if part.is_done(facts) else LATER
