"""The first run: the way to the first issue as a list, of which `next_step` says where the author is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.desk.today import words
from newsletter.desk.today.facts import Facts
from newsletter.desk.today.steps import SEND, Step

DONE, NEXT, LATER = "done", "next", "later"


@dataclass(frozen=True)
class Part:
    """One part of the way: which steps belong to it, and when it is done."""

    title: Any
    hint: Any
    keys: frozenset[str]
    is_done: Callable[[Facts], bool]


@dataclass(frozen=True)
class Item:
    """A line of the list. standing: done, next or later."""

    place: int
    title: str
    hint: str
    standing: str


def _is_complete(facts: Facts) -> bool:
    issue = facts.issue
    return issue is not None and issue.posts > 0 and issue.has_subject and not issue.without_alt


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
        gettext_lazy("A subject, and a text for every picture that not everybody sees."),
        frozenset({"subject", "alt"}),
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
    last_hint = slot % {"when": words.moment(facts.slot, facts.zone, now)}
    return [
        Item(place, str(part.title), str(part.hint) or last_hint, _standing(part, facts, step))
        for place, part in enumerate(PARTS, 1)
    ]


def _standing(part: Part, facts: Facts, step: Step) -> str:
    if step.key in part.keys:
        return NEXT
    return DONE if part.is_done(facts) else LATER
