"""What an issue has brought: one set of facts for the page, the letter and the JSON. Nothing else asks for them.

Few queries, whose number is the same for any newsletter. Each issue before is counted for as long as this one is out,
so that three days are compared with three days. Whether anybody opened the letter is not known, and not asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from newsletter.delivery.links import counting
from newsletter.delivery.models import Feedback, Mailing
from newsletter.delivery.results import copies, replies, sent
from newsletter.delivery.results.copies import Copies
from newsletter.issues.models import Issue
from subscribers.models import Sentence, movements

Answer = Feedback.Answer
SENTENCES = 12
LINKS = 12
MEASURES = ("sent", "missed", "helpful", "fair", "replies", "came", "left")


@dataclass(frozen=True)
class Brought:
    """What one issue has brought. missed: copies that failed or are uncertain. lasted: for how long it was counted."""

    number: int
    lasted: timedelta
    sent: int
    missed: int
    helpful: int
    fair: int
    replies: int
    came: int
    left: int


@dataclass(frozen=True)
class Followed:
    """A link of the issue, and by about how many people it was followed."""

    address: str
    times: int


@dataclass(frozen=True)
class Facts:
    """What is known of an issue at one moment.

    before: the issues that it is compared with, the oldest first. is_over: whether the next issue has left, so that
    nobody comes or leaves by this one. sentences: what readers said of it, the newest first; said: how many there are.
    followed: empty while links are not counted.
    """

    mailing: Mailing
    at: datetime
    copies: Copies
    this: Brought
    before: tuple[Brought, ...]
    is_over: bool
    sentences: tuple[str, ...] = ()
    said: int = 0
    followed: tuple[Followed, ...] = ()

    @property
    def issue(self) -> Issue:
        return self.mailing.issue


def of(mailing: Mailing, now: datetime) -> Facts | None:
    """Return the facts of a mailing that is over; None while it is not, and of a correction."""
    if not mailing.finished_at or not mailing.planned_at or mailing.kind != Mailing.Kind.ISSUE:
        return None
    this = sent.counted().get(pk=mailing.pk)
    following = _next_after(this.issue)
    brought = _brought([*reversed(sent.last(before=this)), this], following or now)
    said = Sentence.objects.filter(kind=Sentence.Kind.FEEDBACK, issue=this.issue.number)
    return Facts(
        mailing=this,
        at=now,
        copies=copies.of(this),
        this=brought[-1],
        before=tuple(brought[:-1]),
        is_over=following is not None,
        sentences=tuple(said.order_by("-pk").values_list("text", flat=True)[:SENTENCES]),
        said=said.count(),
        followed=tuple(Followed(one.url, one.people) for one in counting.followed(this) if one.people)[:LINKS],
    )


def _next_after(issue: Issue) -> datetime | None:
    later = Issue.objects.filter(sent_at__gt=issue.sent_at).order_by("sent_at")
    return later.values_list("sent_at", flat=True).first()


def _brought(compared: Sequence[Mailing], until: datetime) -> list[Brought]:
    """Return what each mailing has brought, counted from its beginning for as long as the last one was out."""
    times = [one.issue.sent_at or one.planned_at or until for one in compared]
    lasted = max(timedelta(), until - times[-1])
    within = [(began, min(began + lasted, ended)) for began, ended in pairwise([*times, until])]
    ends = [end for _began, end in within]
    given = sent.answers({one.issue_id: end for one, end in zip(compared, ends, strict=True)})
    answered = replies.counted({one.issue_id: end for one, end in zip(compared, ends, strict=True)})
    return [
        Brought(
            number=one.issue.number,
            lasted=end - began,
            sent=sent.copies(one, "sent"),
            missed=sent.copies(one, "failed") + sent.copies(one, "uncertain"),
            helpful=given.get((one.issue_id, Answer.HELPFUL.value), 0),
            fair=given.get((one.issue_id, Answer.FAIR.value), 0),
            replies=answered.get(one.issue_id, 0),
            came=readers.came,
            left=readers.left,
        )
        for one, (began, end), readers in zip(compared, within, movements(within), strict=True)
    ]
