"""The words of errands: which readers are meant, what will happen to them, and what became of them. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from newsletter.desk.bulk.selection import Count
from newsletter.desk.models import Errand
from newsletter.desk.templatetags.figures import thousands
from subscribers.acting import End

Kind = Errand.Kind
WHAT_HAPPENS: dict[str, Promise] = {
    Kind.TAG: gettext_lazy("They get the tag. Whoever has it already keeps it."),
    Kind.UNTAG: gettext_lazy("Whoever has the tag loses it. Their other tags stay."),
    Kind.PAUSE: gettext_lazy(
        "No issue goes to them before that day; from then on they get letters again. Whoever is paused for longer "
        "stays so. Whoever has not confirmed or has left is passed over."
    ),
    Kind.UNSUBSCRIBE: gettext_lazy(
        "They leave, as if they had done so themselves, and get no more letters. Only they can subscribe again."
    ),
    Kind.SUPPRESS: gettext_lazy(
        "No mail goes to these addresses any more, not even when they sign up again or stand in a file that is "
        "imported. Only an owner can lift this, address by address."
    ),
    Kind.EXPORT: gettext_lazy(
        "You get a CSV file with address, name, state, consent, tags and pause. Only you can download it, for one day; "
        "then it is deleted."
    ),
}
GRAVE = {Kind.UNSUBSCRIBE, Kind.SUPPRESS}
DONE: dict[str, Promise] = {
    Kind.TAG: gettext_lazy("got the tag"),
    Kind.UNTAG: gettext_lazy("lost the tag"),
    Kind.PAUSE: gettext_lazy("were paused"),
    Kind.UNSUBSCRIBE: gettext_lazy("were unsubscribed"),
    Kind.SUPPRESS: gettext_lazy("were suppressed"),
    Kind.EXPORT: gettext_lazy("are in the file"),
}
ALREADY: dict[str, Promise] = {
    Kind.TAG: gettext_lazy("had it already"),
    Kind.UNTAG: gettext_lazy("did not have it"),
    Kind.UNSUBSCRIBE: gettext_lazy("had left before"),
    Kind.SUPPRESS: gettext_lazy("were suppressed before"),
}
OTHER_ENDS: dict[str, Promise] = {
    End.NO_READER: gettext_lazy("have not confirmed, or have left"),
    End.LONGER: gettext_lazy("are paused for longer"),
    End.FULL: gettext_lazy("have so many tags that no other fits"),
}
ROWS: dict[str, Promise] = {  # of a file, as Summary counts them
    "created": gettext_lazy("new readers"),
    "updated": gettext_lazy("known, with something new"),
    "unchanged": gettext_lazy("known, nothing new"),
    "rejected": gettext_lazy("lines refused"),
}
LISTED: dict[str, Promise] = {  # of a suppression list, as barring.Summary counts its rows
    "suppressed": gettext_lazy("newly suppressed"),
    "readers": gettext_lazy("of these, readers here until now"),
    "known": gettext_lazy("suppressed before, as they were"),
    "mailed": gettext_lazy("left out: the list says that they may be mailed"),
    "rejected": gettext_lazy("lines refused"),
}
DOTS = {
    Errand.State.RUNNING: "wait",
    Errand.State.TRYING: "wait",
    Errand.State.DONE: "good",
    Errand.State.STOPPED: "warn",
    Errand.State.FAILED: "bad",
}
ALL_READERS = pgettext_lazy("which readers", "all")


@dataclass(frozen=True)
class Line:
    """One end, and how many came to it."""

    label: Promise | str
    number: int
    is_done: bool = False


def described(parts: Mapping[Promise | str, Promise | str], ticked: int) -> str:
    """Return which readers are meant: "state: active, tag: vip". parts: by the title of a field, what it says."""
    if ticked:
        return ngettext("%d reader that you ticked", "%d readers that you ticked", ticked) % ticked
    if not parts:
        return str(ALL_READERS)
    return _(", ").join(_("%(field)s: %(value)s") % {"field": name, "value": value} for name, value in parts.items())


def counted(count: Count) -> str:
    """Return "3,124 readers", or that there are more than could be counted at once."""
    words = ngettext("%(count)s reader", "%(count)s readers", count.number) % {"count": thousands(count.number)}
    if count.is_all:
        return words
    return _("more than %(readers)s") % {"readers": words} if count.number else _("readers, too many to count here")


def button(kind: str, count: Count) -> str:
    """Return what the button says that begins it."""
    if not count.is_all:
        return str(Kind(kind).label)
    return _("%(what)s: %(readers)s") % {"what": Kind(kind).label, "readers": counted(count)}


def ends(errand: Errand) -> Iterator[Line]:
    """Yield what became of the readers so far; of an import that is tried, what would become of them."""
    counts = errand.counts
    if errand.kind == Kind.IMPORT:
        yield from (Line(label, counts.get(name, 0), is_done=name == "created") for name, label in ROWS.items())
        return
    if errand.kind == Kind.BAR:
        yield from (Line(label, counts.get(name, 0), is_done=name == "suppressed") for name, label in LISTED.items())
        return
    yield Line(DONE[errand.kind], counts.get(End.DONE, 0), is_done=True)
    if number := counts.get(End.ALREADY, 0):
        yield Line(ALREADY[errand.kind], number)
    for end, label in OTHER_ENDS.items():
        if number := counts.get(end, 0):
            yield Line(label, number)
