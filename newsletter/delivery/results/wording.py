"""The facts in words, in the language that is active, and for programs as JSON. Pure: nothing is asked of anybody."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from newsletter.delivery.models import Feedback
from newsletter.delivery.results.facts import Facts
from newsletter.mail.replies import Verdict

REASONS: dict[Verdict, tuple[Promise, Promise]] = {
    Verdict.DEAD: (
        gettext_lazy("The address does not exist"),
        gettext_lazy("Or it was closed. It gets no mail any more; there is nothing to do."),
    ),
    Verdict.MAILBOX: (
        gettext_lazy("The mailbox is full, or in trouble"),
        gettext_lazy("The next issue tries it again. After three issues in a row it gets no mail any more."),
    ),
    Verdict.POLICY: (
        gettext_lazy("The receiver does not want the letter"),
        gettext_lazy(
            "It distrusts the sender or the content. See whether SPF, DKIM and DMARC are right, and what it says."
        ),
    ),
    Verdict.OURS: (
        gettext_lazy("A fault on our side"),
        gettext_lazy("Sender, login or message were not accepted. See the settings of the sender, and what was said."),
    ),
    Verdict.UNKNOWN: (
        gettext_lazy("The receiver does not say why"),
        gettext_lazy("The next issue tries it again. If it goes on, ask the reader for another address."),
    ),
}


Answer = Feedback.Answer
MEASURES: dict[str, Callable[[], Any]] = {
    "sent": lambda: _("Sent"),
    "missed": lambda: _("Did not get it"),
    "helpful": lambda: _("Said “%(answer)s”") % {"answer": Answer.HELPFUL.label},
    "fair": lambda: _("Said “%(answer)s”") % {"answer": Answer.FAIR.label},
    "replies": lambda: _("Replies by mail"),
    "came": lambda: _("New readers"),
    "left": lambda: _("Readers who left"),
}


@dataclass(frozen=True)
class Line:
    """One number of an issue. before: those of the issues before, the oldest first; "" if there is none."""

    name: str
    label: str
    number: str
    before: str = ""


def lines(facts: Facts) -> list[Line]:
    """Return the numbers in the order of the page. Replies are left out where none has ever come."""
    has_replies = any(one.replies for one in (*facts.before, facts.this))
    names = [name for name in MEASURES if name != "replies" or has_replies]
    return [Line(name, label(name), number(getattr(facts.this, name)), _before(facts, name)) for name in names]


def _before(facts: Facts, measure: str) -> str:
    numbers = [number(getattr(one, measure)) for one in facts.before]
    return _("before: %(numbers)s") % {"numbers": _(", ").join(numbers)} if numbers else ""


def label(measure: str) -> str:
    return str(MEASURES[measure]())


def number(count: int) -> str:
    return f"{count:,}"


# --- Beside the issues before ---


def how_compared(facts: Facts) -> str:
    """Return with what the numbers are compared, and for how long each was counted."""
    if not facts.before:
        return _("This is the first issue; there is nothing to compare it with yet.")
    issues = len(facts.before)
    text = ngettext(
        "Compared with the issue before, each counted for as long as this one is out.",
        "Compared with the %(issues)s issues before, each counted for as long as this one is out.",
        issues,
    )
    return text % {"issues": issues}


# --- The copies ---


def about_copies(facts: Facts) -> str:
    """Return what became of the copies, as sentences: sent, arrived, sent back, uncertain, complained of."""
    return joined(_about_copies(facts))


def joined(sentences: Iterable[str]) -> str:
    """Return sentences as one text: with a space between them, but behind a full stop that is as wide as a letter."""
    text = ""
    for sentence in sentences:
        text += sentence if not text or text.endswith("。") else f" {sentence}"
    return text


def _about_copies(facts: Facts) -> Iterator[str]:
    found = facts.copies
    yield _with(found.sent, ngettext("Sent to %(number)s reader.", "Sent to %(number)s readers.", found.sent))
    if found.arrived is None:
        yield _("That means the mail server has accepted them; whether each arrived, it does not say.")
    else:
        text = ngettext(
            "%(number)s has arrived, its receiver reports.",
            "%(number)s have arrived, their receivers report.",
            found.arrived,
        )
        yield _with(found.arrived, text)
    if found.failed:
        text = ngettext("%(number)s was refused at once.", "%(number)s were refused at once.", found.failed)
        yield _with(found.failed, text)
    if found.came_back:
        text = ngettext("%(number)s was sent back later.", "%(number)s were sent back later.", found.came_back)
        yield _with(found.came_back, text)
    if silent := found.sent - found.came_back - (found.arrived or 0) if found.arrived is not None else 0:
        yield _with(silent, ngettext("Of %(number)s nothing was heard.", "Of %(number)s nothing was heard.", silent))
    if found.uncertain:
        text = _("Of %(number)s nobody knows: the answer of the mail server was lost.")
        yield _with(found.uncertain, text)
    if found.complaints:
        text = ngettext(
            "%(number)s reader called it unwanted.", "%(number)s readers called it unwanted.", found.complaints
        )
        yield _with(found.complaints, text)


def _with(count: int, text: str) -> str:
    return text % {"number": number(count)}


def why_failed(facts: Facts) -> list[tuple[str, str]]:
    """Return why copies did not arrive, each with how many, the most frequent first."""
    return [(str(REASONS[one][0]), number(count)) for one, count in facts.copies.by_reason]


def where_failed(facts: Facts) -> list[tuple[str, str]]:
    """Return the receiving domains at which most copies did not arrive, each with how many."""
    return [(name, number(count)) for name, count in facts.copies.by_domain]


def document(facts: Facts, *, shows_sentences: bool) -> dict[str, Any]:
    """Return the result as JSON's types. shows_sentences: whether who asks may read what readers say."""
    found = facts.copies
    written: dict[str, Any] = {
        "issue": facts.issue.number,
        "subject": facts.mailing.subject,
        "mailing": facts.mailing.pk,
        "sent_at": facts.issue.sent_at.isoformat() if facts.issue.sent_at else None,
        "counted_at": facts.at.isoformat(),
        "counted_for_seconds": round(facts.this.lasted.total_seconds()),
        "is_over": facts.is_over,
        "copies": {name: getattr(found, name) for name in ("total", "sent", "failed", "uncertain", "skipped")},
        "arrived": found.arrived,
        "came_back": found.came_back,
        "complaints": found.complaints,
        "not_arrived_by_reason": {str(reason): count for reason, count in found.by_reason},
        "not_arrived_by_domain": dict(found.by_domain),
        "numbers": {name: _number(facts, name) for name in MEASURES},
        "sentences_count": facts.said,
    }
    if shows_sentences:
        written["sentences"] = list(facts.sentences)
    if facts.followed:
        written["links"] = [{"address": one.address, "times": one.times} for one in facts.followed]
    return written


def _number(facts: Facts, measure: str) -> dict[str, Any]:
    return {"count": getattr(facts.this, measure), "before": [getattr(one, measure) for one in facts.before]}
