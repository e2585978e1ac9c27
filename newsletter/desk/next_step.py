"""The next step: one sentence and one button, chosen by the first rule that applies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import RehearsalStatus
from newsletter.delivery.results import counted_copies
from newsletter.desk.issues.mailings import issue_title, mailing_title
from newsletter.desk.templatetags.calendar_days import day_text_with_year, days_until
from newsletter.desk.templatetags.calendar_days import moment as moment  # noqa: PLC0414 - a word of the first page, too
from newsletter.desk.templatetags.figures import reader_count_text, thousands
from newsletter.posts.models import Post
from subscribers.models import ReaderCounts

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


def missed_copies(mailing: Mailing) -> int:
    return counted_copies(mailing, "failed") + counted_copies(mailing, "uncertain")


def phrases(sentence: str) -> list[tuple[str, str]]:
    """Clauses of a sentence, each with the space behind it: preferred places for line breaks."""
    for mark in CLAUSE_MARKS:
        sentence = sentence.replace(mark, f"{mark}\n")
    return [(part.strip(), " " if part.endswith(" ") else "") for part in sentence.split("\n") if part.strip()]


@dataclass(frozen=True)
class DeskFacts:
    """What the rules and the first page look at, for one user. rights: names of permissions.

    slot: the next free one. next_number: of the issue for it; new_number: of an issue that does not exist yet.
    readers: mailable ones; None if the user may not know. has_posts: visible to the user, in any state.
    newly: of the posts left out, those published since the next issue was saved, or else since the last one was sent.
    draft: a post without a date, which the user may go on writing.
    issue: the next unscheduled one, with `items_count`. rehearsal: its status; errors: found by it.
    mailing: the most pressing open one; result: the last sent one; both with counts.
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
    lacks_address: bool = False
    has_sent: bool = False
    has_posts: bool = False
    has_published: bool = False
    left_out_count: int = 0
    newly: int = 0
    draft: Post | None = None
    issue: Any = None
    rehearsal: str = RehearsalStatus.NONE
    errors: int = 0
    mailing: Any = None
    result: Any = None
    # What only the page shows, of each a few; empty without the permission.
    drafts: Sequence[Post] = ()
    left_out: Sequence[Post] = ()
    open_mailings: Sequence[Mailing] = ()  # the most pressing first
    last_mailings: Sequence[Mailing] = ()  # the latest first
    reader_counts: ReaderCounts | None = None

    @property
    def reaches_nobody(self) -> bool:
        return self.lacks_mail_server or self.lacks_address

    def may(self, *rights: str) -> bool:
        return self.rights.issuperset(rights)


# --- When steps apply; the others are asked in the table ---


RESULT_IS_NEWS = timedelta(hours=48)  # unless something waits
REHEARSED = RehearsalStatus.VALID
type Condition = Callable[[DeskFacts, datetime], bool]


def is_open(state: Mailing.State) -> Condition:
    return lambda facts, _: facts.mailing is not None and facts.mailing.state == state


def is_held(facts: DeskFacts, now: datetime) -> bool:
    return is_open(Mailing.State.SCHEDULED)(facts, now) and facts.mailing.send_at - now <= facts.hold


def has_only_drafts(facts: DeskFacts, now: datetime) -> bool:
    return facts.draft is not None and not (facts.has_published or facts.has_sent)


def is_empty(facts: DeskFacts) -> bool:
    return facts.issue is not None and not facts.issue.items_count


def is_composed(facts: DeskFacts) -> bool:
    return facts.issue is not None and bool(facts.issue.items_count)


def lacks_subject(facts: DeskFacts) -> bool:
    return facts.issue is not None and not facts.issue.subject.strip()


def is_fresh_result(facts: DeskFacts, now: datetime) -> bool:
    return facts.result is not None and now - (facts.result.finished_at or facts.result.send_at) < RESULT_IS_NEWS


# --- What each step says ---


PAUSE_ADVICE = {  # by the cause of a pause
    "author": gettext_lazy("Resume, or cancel what is left?"),
    "late": gettext_lazy("Its time has passed; choose another one."),
    "downtime": gettext_lazy("Nothing was running for a while; go on, or does nobody else get it?"),
    "provider": gettext_lazy("The mail server refuses it; read its answer, fix the cause, then resume."),
    "silent": gettext_lazy("The mail server takes mails and never answers; find out why, then resume."),
    "receiver": gettext_lazy("A receiver refuses it for reasons of its own; read them, fix the cause, then resume."),
    "addresses": gettext_lazy("The mail server calls too many addresses dead; look at them, then go on."),
    "error": gettext_lazy("The program failed; the reason is on the page."),
    "nobody": gettext_lazy("It would reach nobody; give what is missing, then resume."),
}
PAUSE_BUTTONS = {
    "author": gettext_lazy("Resume or cancel"),
    "late": gettext_lazy("Choose a time"),
    "downtime": gettext_lazy("Read and decide"),
    "provider": gettext_lazy("Read the answer"),
    "silent": gettext_lazy("Read the reason"),
    "receiver": gettext_lazy("Read the answer"),
    "addresses": gettext_lazy("Look at the addresses"),
    "error": gettext_lazy("Read the reason"),
    "nobody": gettext_lazy("Read the reason"),
}
REHEARSAL_TEXTS = {  # by its status
    "none": (gettext_lazy("not rehearsed yet"), gettext_lazy("Rehearse")),
    "running": (gettext_lazy("being rehearsed now"), gettext_lazy("See the rehearsal")),
    "stuck": (gettext_lazy("the rehearsal has come to a stop"), gettext_lazy("Rehearse again")),
    "outdated": (gettext_lazy("changed since it was rehearsed"), gettext_lazy("Rehearse again")),
}
type StepText = tuple[str, str]  # sentence, label of the button


def paused(facts: DeskFacts, now: datetime) -> StepText:
    has_begun = facts.mailing.planned_at is not None
    sentence = (
        _("%(what)s has stopped: %(sent)s of %(total)s are sent.")
        if has_begun
        else _("%(what)s has stopped: nobody has it yet.")
    ) % _progress(facts)
    cause = facts.mailing.paused_by if facts.mailing.paused_by in PAUSE_ADVICE else Mailing.Cause.AUTHOR
    return _("%(sentence)s %(todo)s") % {"sentence": sentence, "todo": PAUSE_ADVICE[cause]}, str(PAUSE_BUTTONS[cause])


def sending(facts: DeskFacts, now: datetime) -> StepText:
    sentence = _("%(what)s is being sent: %(sent)s of %(total)s have left.")
    return sentence % _progress(facts), _("See how far it is")


def held(facts: DeskFacts, now: datetime) -> StepText:
    mailing = facts.mailing
    if mailing.send_at <= now:
        sentence = _("%(what)s begins within seconds: its time has come.")
    else:
        sentence = _("%(what)s begins at %(time)s. Cancel before then and nobody gets it.")
    time = clock(mailing.send_at, facts.zone)
    return sentence % {"what": mailing_title(mailing), "time": time}, _("Watch or cancel")


def scheduled(facts: DeskFacts, now: datetime) -> StepText:
    mailing = facts.mailing
    if facts.reaches_nobody:
        sentence = _("%(what)s is scheduled, but would reach nobody yet.")
        return sentence % {"what": mailing_title(mailing)}, _("See what is scheduled")
    to_all = mailing.kind == Mailing.Kind.ISSUE and not mailing.segment
    going = _going(facts, mailing_title(mailing), mailing.send_at, now, to_all=to_all)
    sentence = _("%(going)s. All is ready, %(wait)s.")
    return sentence % {"going": going, "wait": wait(mailing.send_at, facts.zone, now)}, _("See what is scheduled")


def sender(facts: DeskFacts, now: datetime) -> StepText:
    return _("Mails need a sender first: an address of your own."), _("Set the sender")


def mail_server(facts: DeskFacts, now: datetime) -> StepText:
    return _("No mail server yet: nothing reaches your readers."), _("Enter a mail server")


def address(facts: DeskFacts, now: datetime) -> StepText:
    return _("The site has no public address yet: no issue leaves, for readers could open no link."), _("See how")


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
    values = {"title": facts.left_out[0].title, "others": thousands(others)}
    return sentence % values, button % {"number": facts.next_number}


def empty_with_posts(facts: DeskFacts, now: datetime) -> StepText:
    sentence = ngettext(
        "%(going)s. It is empty, and %(count)s post is in no issue.",
        "%(going)s. It is empty, and %(count)s posts are in no issue.",
        facts.left_out_count,
    )
    return sentence % {"going": _planned(facts, now), "count": thousands(facts.left_out_count)}, _("Choose posts")


def empty_with_draft(facts: DeskFacts, now: datetime) -> StepText:
    sentence = _("%(going)s. It is empty; “%(title)s” is a draft.")
    return sentence % {"going": _planned(facts, now), "title": _draft_title(facts)}, _("Go on writing")


def empty(facts: DeskFacts, now: datetime) -> StepText:
    return _("%(going)s. It is empty.") % {"going": _planned(facts, now)}, _("Write a post")


def subject(facts: DeskFacts, now: datetime) -> StepText:
    sentence = _("%(going)s. Missing: %(what)s.")
    return sentence % {"going": _planned(facts, now), "what": _("a subject")}, _("Write the subject")


def rehearsal(facts: DeskFacts, now: datetime) -> StepText:
    if facts.rehearsal == RehearsalStatus.FAULTY:
        what = ngettext("the rehearsal found %(count)s error", "the rehearsal found %(count)s errors", facts.errors)
        standing, button = what % {"count": thousands(facts.errors)}, _("See what to fix")
    else:
        standing, button = map(str, REHEARSAL_TEXTS[facts.rehearsal])
    return _("%(going)s: %(standing)s.") % {"going": _planned(facts, now), "standing": standing}, button


def schedule(facts: DeskFacts, now: datetime) -> StepText:
    if facts.reaches_nobody:
        sentence = _("%(what)s is rehearsed, but would reach nobody yet.")
        return sentence % {"what": issue_title(facts.issue)}, _("See what is missing")
    sentence = _("%(what)s is rehearsed, and not scheduled: until it is, nobody gets it. The next slot is %(when)s.")
    return sentence % {"what": issue_title(facts.issue), "when": moment(facts.slot, facts.zone, now)}, _("Schedule it")


def begin(facts: DeskFacts, now: datetime) -> StepText:
    sentence = _("The next slot is %(when)s, %(wait)s. No issue is put together for it yet.")
    button = _("Compose issue %(number)s") % {"number": facts.next_number}
    return sentence % _slot(facts, now), button


def result(facts: DeskFacts, now: datetime) -> StepText:
    missed = missed_copies(facts.result)
    readers = reader_count_text(counted_copies(facts.result, "sent"))
    values = {"number": facts.result.issue.number, "readers": readers, "missed": thousands(missed)}
    sentence = (
        _("Issue %(number)s is out: sent to %(readers)s, %(missed)s did not get it.")
        if missed
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


def _planned(facts: DeskFacts, now: datetime) -> str:
    """Where an issue that nobody has scheduled belongs."""
    values = {"what": issue_title(facts.issue), "when": moment(facts.slot, facts.zone, now)}
    if not facts.readers:
        return _("%(what)s is planned for %(when)s") % values
    values["readers"] = reader_count_text(facts.readers)
    return _("%(what)s is planned for %(readers)s on %(when)s") % values


def _going(facts: DeskFacts, what: str, at: datetime, now: datetime, *, to_all: bool) -> str:
    values = {"what": what, "when": moment(at, facts.zone, now)}
    if not (facts.readers and to_all):
        return _("%(what)s goes out on %(when)s") % values
    return _("%(what)s goes to %(readers)s on %(when)s") % (values | {"readers": reader_count_text(facts.readers)})


def _progress(facts: DeskFacts) -> dict[str, str]:
    sent = thousands(counted_copies(facts.mailing, "sent"))
    return {"what": mailing_title(facts.mailing), "sent": sent, "total": thousands(facts.mailing.total)}


def _slot(facts: DeskFacts, now: datetime) -> dict[str, str]:
    return {"when": moment(facts.slot, facts.zone, now), "wait": wait(facts.slot, facts.zone, now)}


def _draft_title(facts: DeskFacts) -> str:
    return (facts.draft.title if facts.draft else "") or _("Without a title")


# --- The table ---


ADD_POST, PUBLISH_POST, CHANGE_POST = "posts.add_post", "posts.publish_post", "posts.change_post"
ADD_ISSUE, CHANGE_ISSUE, SEND_ISSUE = "issues.add_issue", "issues.change_issue", "issues.send_issue"
VIEW_MAILING, CHANGE_USERS = "delivery.view_mailing", "auth.change_user"
CHANGE_SETTINGS, SEE_READERS = "publication.change_publication", "subscribers.see_readers"
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
    return "mailing", (facts.mailing.pk,), ""


def _result(facts: DeskFacts) -> StepTarget:
    return "mailing", (facts.result.pk,), ""


def _draft(facts: DeskFacts) -> StepTarget:
    return "posts_post_change", (facts.draft.pk if facts.draft else 0,), ""


def _page(name: str, anchor: str = "") -> Callable[[DeskFacts], StepTarget]:
    return lambda _facts: (name, (), anchor)


def _issue_page(name: str, anchor: str = "") -> Callable[[DeskFacts], StepTarget]:
    return lambda facts: (name, (facts.issue.pk,), anchor)


NEW_ISSUE_PAGE, SENDER_PAGE = _page("issues_issue_add"), _page("settings_sender", "id_sender_email")
ISSUE_PAGE, SUBJECT_FIELD = _issue_page("issues_issue_change"), _issue_page("issues_issue_change", "id_subject")
REHEARSAL_PAGE, SCHEDULE_PAGE = _issue_page("issue_rehearsal"), _issue_page("issue_send")

STEP_RULES: tuple[StepRule, ...] = (
    StepRule("paused", (VIEW_MAILING,), is_open(Mailing.State.PAUSED), paused, _mailing),
    StepRule("sending", (VIEW_MAILING,), is_open(Mailing.State.SENDING), sending, _mailing),
    StepRule("held", (VIEW_MAILING,), is_held, held, _mailing),
    StepRule("no_post", (ADD_POST,), lambda f, _: not f.has_posts, no_post, lambda _: NEW_POST),
    StepRule("first_draft", (CHANGE_POST,), has_only_drafts, first_draft, _draft),
    StepRule("sender", (CHANGE_SETTINGS,), lambda f, _: f.lacks_sender, sender, SENDER_PAGE),
    StepRule("mail_server", (CHANGE_USERS,), lambda f, _: f.lacks_mail_server, mail_server, _page("settings_mail")),
    StepRule("address", (CHANGE_SETTINGS,), lambda f, _: f.lacks_address, address, _page("settings_sender", "address")),
    StepRule("left_out", (CHANGE_ISSUE,), lambda f, _: f.newly > 0 and f.issue is not None, left_out, ISSUE_PAGE),
    StepRule("left_out", (ADD_ISSUE,), lambda f, _: f.newly > 0 and f.issue is None, left_out, NEW_ISSUE_PAGE),
    StepRule("scheduled", (VIEW_MAILING,), is_open(Mailing.State.SCHEDULED), scheduled, _mailing),
    StepRule("empty", (CHANGE_ISSUE,), lambda f, _: is_empty(f) and f.left_out_count > 0, empty_with_posts, ISSUE_PAGE),
    StepRule(
        "empty", (CHANGE_ISSUE, CHANGE_POST), lambda f, _: is_empty(f) and f.draft is not None, empty_with_draft, _draft
    ),
    StepRule("empty", (CHANGE_ISSUE, ADD_POST), lambda f, _: is_empty(f), empty, lambda _: NEW_POST),
    StepRule("subject", (CHANGE_ISSUE,), lambda f, _: lacks_subject(f), subject, SUBJECT_FIELD),
    StepRule(
        "rehearsal", (SEND_ISSUE,), lambda f, _: is_composed(f) and f.rehearsal != REHEARSED, rehearsal, REHEARSAL_PAGE
    ),
    StepRule("schedule", (SEND_ISSUE,), lambda f, _: is_composed(f), schedule, SCHEDULE_PAGE),
    StepRule("result", (VIEW_MAILING,), is_fresh_result, result, _result),
    StepRule("draft", (CHANGE_POST,), lambda f, _: f.draft is not None, draft, _draft),
    StepRule("write", (ADD_POST,), lambda _facts, _now: True, write, lambda _: NEW_POST),
    StepRule("readers", (SEE_READERS,), lambda _facts, _now: True, readers, _page("subscribers_subscriber_changelist")),
    StepRule("rest", (), lambda _facts, _now: True, rest, _page("account")),
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
        if facts.may(*row.needs) and row.applies(facts, now):
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


CHECKLIST_RULES: tuple[ChecklistRule, ...] = (
    ChecklistRule(
        gettext_lazy("Write and publish a post"),
        gettext_lazy("It is on your site at once, and goes into the next issue."),
        frozenset({"no_post", "first_draft", "draft", "write"}),
        lambda facts: facts.has_published,
    ),
    ChecklistRule(
        gettext_lazy("Set the sender"),
        gettext_lazy("The address that your letters come from. It needs a domain of your own."),
        frozenset({"sender", "mail_server", "address"}),
        lambda facts: not (facts.lacks_sender or facts.reaches_nobody),
    ),
    ChecklistRule(
        gettext_lazy("Put it into an issue"),
        gettext_lazy("An issue is a letter of one post or more, with a few words before and after."),
        frozenset({"left_out", "empty"}),
        lambda facts: facts.mailing is not None or is_composed(facts),
    ),
    ChecklistRule(
        gettext_lazy("Complete the issue"),
        gettext_lazy("A subject: it is what readers see first."),
        frozenset({"subject"}),
        lambda facts: facts.mailing is not None or (is_composed(facts) and not lacks_subject(facts)),
    ),
    ChecklistRule(
        gettext_lazy("Rehearse it"),
        gettext_lazy("Everything but the sending: links, pictures, size and sender are looked at."),
        frozenset({"rehearsal"}),
        lambda facts: facts.mailing is not None or facts.rehearsal == REHEARSED,
    ),
    ChecklistRule(
        gettext_lazy("Schedule it"),
        "",
        frozenset({"schedule", "scheduled", "held", "sending", "paused"}),
        lambda facts: facts.mailing is not None,
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
