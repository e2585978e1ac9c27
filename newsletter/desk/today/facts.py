"""What the next step is decided by: facts, in the form in which `gathering.py` has found them. No database here."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Draft:
    """A post without a date, which the user may go on writing."""

    pk: int
    title: str


@dataclass(frozen=True)
class Composed:
    """The next issue while no mailing of it waits. without_alt: pictures, in posts, as their covers, and around them.

    alt_post: the first post with such a picture in its text; None if there is none. alt_cover: the first picture that
    is such a cover; what it says is written once, in the library.
    rehearsal: a value of Standing. errors: that it found.
    """

    pk: int
    number: int
    posts: int = 0
    has_subject: bool = True
    without_alt: int = 0
    alt_post: int | None = None
    alt_cover: int | None = None
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
