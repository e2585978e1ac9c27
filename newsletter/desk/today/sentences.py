"""What each step says: a sentence that is true now, and the words of its button. Pure: see `steps.py`."""

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from newsletter.desk.issues.progress import named
from newsletter.desk.today import words
from newsletter.desk.today.facts import Composed, Facts, Result, Underway

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
    values = {"what": _what(mailing), "sent": words.number(mailing.sent), "total": words.number(mailing.total)}
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
    values = {"what": _what(mailing), "sent": words.number(mailing.sent), "total": words.number(mailing.total)}
    return sentence % values, _("See how far it is")


def held(facts: Facts, now: datetime) -> Words:
    mailing = _underway(facts)
    if mailing.send_at <= now:
        sentence = _("%(what)s begins within seconds: its time has come.")
    else:
        sentence = _("%(what)s begins at %(time)s. Until then a cancel reaches nobody.")
    time = words.clock(mailing.send_at, facts.zone)
    return sentence % {"what": _what(mailing), "time": time}, _("Watch or cancel")


def scheduled(facts: Facts, now: datetime) -> Words:
    mailing = _underway(facts)
    going = _going(facts, _what(mailing), mailing.send_at, now, to_all=mailing.to_all)
    sentence = _("%(going)s. All is ready, %(wait)s.")
    return sentence % {"going": going, "wait": words.wait(mailing.send_at, facts.zone, now)}, _("See what is scheduled")


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
    number = facts.issue.number if facts.issue else facts.next_number
    return sentence % {"title": facts.newest, "others": words.number(others)}, button % {"number": number}


def empty_with_posts(facts: Facts, now: datetime) -> Words:
    sentence = ngettext(
        "%(going)s. It is empty, and %(count)s post is in no issue.",
        "%(going)s. It is empty, and %(count)s posts are in no issue.",
        facts.left_out,
    )
    return sentence % {"going": _issue_goes(facts, now), "count": words.number(facts.left_out)}, _("Choose posts")


def empty_with_draft(facts: Facts, now: datetime) -> Words:
    sentence = _("%(going)s. It is empty; “%(title)s” is a draft.")
    return sentence % {"going": _issue_goes(facts, now), "title": _draft_title(facts)}, _("Go on writing")


def empty(facts: Facts, now: datetime) -> Words:
    return _("%(going)s. It is empty.") % {"going": _issue_goes(facts, now)}, _("Write a post")


def subject(facts: Facts, now: datetime) -> Words:
    return _missing(facts, now), _("Write the subject")


def alt(facts: Facts, now: datetime) -> Words:
    return _missing(facts, now), _("Write the alternative text")


def rehearsal(facts: Facts, now: datetime) -> Words:
    issue = _issue(facts)
    if issue.rehearsal == "faulty":
        what = ngettext("the rehearsal found %(count)s error", "the rehearsal found %(count)s errors", issue.errors)
        standing, button = what % {"count": words.number(issue.errors)}, _("See what to mend")
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
    found = _result(facts)
    values = {"number": found.number, "readers": words.readers(found.sent), "missed": words.number(found.missed)}
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
    return _("%(readers)s would get an issue now.") % {"readers": words.readers(count)}, _("See the readers")


def rest(facts: Facts, now: datetime) -> Words:
    return _("Nothing here waits for you."), _("Your account")


# --- Their parts ---


def _missing(facts: Facts, now: datetime) -> str:
    issue = _issue(facts)
    missing = [] if issue.has_subject else [_("a subject")]
    missing += [words.pictures_without_alt(issue.without_alt)] if issue.without_alt else []
    return _("%(going)s. Missing: %(what)s.") % {"going": _issue_goes(facts, now), "what": _(", ").join(missing)}


def _issue_goes(facts: Facts, now: datetime) -> str:
    what = named(_issue(facts).number, is_correction=False)
    return _going(facts, what, facts.slot, now)


def _going(facts: Facts, what: str, at: datetime, now: datetime, *, to_all: bool = True) -> str:
    values = {"what": what, "when": words.moment(at, facts.zone, now)}
    if not (facts.readers and to_all):
        return _("%(what)s goes out on %(when)s") % values
    return _("%(what)s goes to %(readers)s on %(when)s") % (values | {"readers": words.readers(facts.readers)})


def _what(mailing: Underway) -> str:
    return named(mailing.number, is_correction=mailing.is_correction)


def _slot(facts: Facts, now: datetime) -> dict[str, str]:
    return {"when": words.moment(facts.slot, facts.zone, now), "wait": words.wait(facts.slot, facts.zone, now)}


def _draft_title(facts: Facts) -> str:
    return (facts.draft.title if facts.draft else "") or _("Without a title")


def _underway(facts: Facts) -> Underway:
    assert facts.underway is not None  # noqa: S101 - the table asks first
    return facts.underway


def _issue(facts: Facts) -> Composed:
    assert facts.issue is not None  # noqa: S101 - the table asks first
    return facts.issue


def _result(facts: Facts) -> Result:
    assert facts.result is not None  # noqa: S101 - the table asks first
    return facts.result
