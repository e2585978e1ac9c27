"""What an issue has brought, beside the six before it: copies, answers, and readers who came and left.

Few queries, whose number is the same for any newsletter; none reads a copy or a reader's row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import mean
from typing import Any

from django.utils.translation import gettext as _

from newsletter.delivery.models import Feedback, Mailing
from newsletter.desk.chart import Chart, Numbers, bars
from newsletter.desk.issues import sent
from newsletter.issues.models import Issue
from subscribers.models import Movement, movements

Answer = Feedback.Answer


@dataclass(frozen=True)
class Brought:
    """What one issue has brought. missed: copies that failed or are uncertain."""

    number: int
    sent: int
    missed: int
    helpful: int
    fair: int
    came: int
    left: int


@dataclass(frozen=True)
class Line:
    """One number of an issue, beside what it was on the average of those before; without them there is no drawing."""

    label: str
    now: str
    average: str = ""
    chart: Chart | None = None


@dataclass(frozen=True)
class Result:
    """What the page shows. is_over: whether the next issue has left, so that nobody comes or leaves by this one."""

    lines: tuple[Line, ...]
    numbers: Numbers | None
    before: int
    is_over: bool


MEASURES: dict[str, Callable[[], Any]] = {
    "sent": lambda: _("Sent"),
    "missed": lambda: _("Did not get it"),
    "helpful": lambda: _("Said “%(answer)s”") % {"answer": Answer.HELPFUL.label},
    "fair": lambda: _("Said “%(answer)s”") % {"answer": Answer.FAIR.label},
    "came": lambda: _("New readers"),
    "left": lambda: _("Readers who left"),
}


def of(mailing: Mailing, now: datetime) -> Result | None:
    """Return the result of a mailing that is over; None while it is not, and of a correction."""
    if not mailing.finished_at or not mailing.planned_at or mailing.kind != Mailing.Kind.ISSUE:
        return None
    this = sent.counted().get(pk=mailing.pk)
    compared = [*reversed(sent.last(before=this)), this]
    following = _next_after(this.issue)
    brought = _brought(compared, following or now)
    return Result(
        lines=tuple(_line(name, brought) for name in MEASURES),
        numbers=_numbers(brought) if len(brought) > 1 else None,
        before=len(brought) - 1,
        is_over=following is not None,
    )


def _next_after(issue: Issue) -> datetime | None:
    later = Issue.objects.filter(sent_at__gt=issue.sent_at).order_by("sent_at")
    return later.values_list("sent_at", flat=True).first()


def _brought(compared: Sequence[Mailing], until: datetime) -> list[Brought]:
    given = sent.answers(one.issue_id for one in compared)
    times = [one.issue.sent_at or one.planned_at or until for one in compared]
    moved: list[Movement] = movements(list(pairwise([*times, until])))
    return [
        Brought(
            number=one.issue.number,
            sent=sent.copies(one, "sent"),
            missed=sent.copies(one, "failed") + sent.copies(one, "uncertain"),
            helpful=given.get((one.issue_id, Answer.HELPFUL.value), 0),
            fair=given.get((one.issue_id, Answer.FAIR.value), 0),
            came=readers.came,
            left=readers.left,
        )
        for one, readers in zip(compared, moved, strict=True)
    ]


# --- In words and drawings ---


def _line(name: str, brought: Sequence[Brought]) -> Line:
    label, values = str(MEASURES[name]()), [getattr(one, name) for one in brought]
    if len(values) < 2:
        return Line(label, _number(values[-1]))
    return Line(label, _number(values[-1]), average(values[:-1]), bars(values))


def average(values: Sequence[int]) -> str:
    """Return the mean as it is read: whole from ten on, and where it is whole anyway."""
    found = mean(values)
    return _number(round(found)) if found >= 10 or found == round(found) else f"{found:.1f}"


def _numbers(brought: Sequence[Brought]) -> Numbers:
    return Numbers(
        title=_("The numbers of each issue"),
        heading=_("Issue"),
        columns=tuple(str(label()) for label in MEASURES.values()),
        rows=tuple(
            (_("Issue %(number)s") % {"number": one.number}, tuple(_number(getattr(one, name)) for name in MEASURES))
            for one in brought
        ),
    )


def _number(count: int) -> str:
    return f"{count:,}"
