"""What a sign-up costs its sender: nothing, one more button, a proof of work, or, last of all, waiting.

Sign-ups are counted by network (an IPv4 address, or an IPv6 /64), and the mails that they caused for all together.
A lecture hall and a telephone company are one network: many people get in by one more press. Nobody can shut the
door for others: when all networks together are many, everybody is asked for the proof of work.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from newsletter.publication.limits import closed_seconds, has_come_to, is_over, left

MINUTES_10, HOUR = 600, 3600  # seconds
FREE = 10  # sign-ups of one network within ten minutes, before each is asked for one more button
BUTTONS = 30  # the same, before each is asked for a proof of work
PER_HOUR = 300  # the same within an hour, before the door says when it opens again
ALL_PER_HOUR = 300  # mails that all networks together caused within an hour, before everybody is asked for the proof

# Whoever has no script cannot work out the proof: their letter takes one of these places of their network instead.
PLACE, PLACE_IN_A_RUSH = timedelta(minutes=1), timedelta(minutes=10)
WAIT_MAX = timedelta(hours=1)


class Step(StrEnum):
    OPEN = "open"
    BUTTON = "button"
    PROOF = "proof"
    CLOSED = "closed"


@dataclass(frozen=True)
class Admission:
    """What a sign-up is answered with: let in, now or with a letter that waits, or asked for more."""

    step: Step
    send_at: datetime | None = None  # of a letter that waits for its turn
    seconds: int = 0  # until a closed door opens again
    is_crowded: bool = False  # whether the button is asked for because of the many, not because of this form

    @property
    def is_open(self) -> bool:
        return self.step is Step.OPEN


OPEN = Admission(Step.OPEN)


def knock(network: str, now: datetime, *, is_like_person: bool) -> Admission:
    """Count a sign-up that has paid nothing yet; return what is asked of it."""
    if seconds := closed_seconds("signup-hour", network, limit=PER_HOUR, seconds=HOUR, now=now):
        return Admission(Step.CLOSED, seconds=seconds)
    is_crowded = bool(closed_seconds("signup", network, limit=FREE, seconds=MINUTES_10, now=now))
    if is_rush(now) or has_come_to("signup", network, count=BUTTONS + 1, seconds=MINUTES_10, now=now):
        return Admission(Step.PROOF)
    return Admission(Step.BUTTON, is_crowded=is_crowded) if is_crowded or not is_like_person else OPEN


def queue(network: str, ticket: str, now: datetime) -> Admission:
    """Let a sign-up in without a proof, whose letter waits for a place of its network: one a minute, for an hour ahead.

    A sender of thousands of forms so gets no more than by coming back each time the door is free.
    ticket: what the form carried; sent twice, as by a double click, it takes one place.
    """
    if is_over("signup-ticket", ticket, limit=1, seconds=HOUR):
        return Admission(Step.OPEN, send_at=now + WAIT_MAX)
    place = (PLACE_IN_A_RUSH if is_rush(now) else PLACE).total_seconds()
    following = int(now.timestamp() // place) + 2  # a minute at least
    for number in range(following, following + int(WAIT_MAX.total_seconds() // place)):
        if not is_over("signup-place", f"{network} {place} {number}", limit=1, seconds=2 * HOUR):
            return Admission(Step.OPEN, send_at=datetime.fromtimestamp(number * place, UTC))
    return Admission(Step.CLOSED, seconds=left(int(place), now))


def count_mail(now: datetime) -> None:
    """Count a mail that the door has caused, whoever asked for it."""
    closed_seconds("signup-all", "", limit=ALL_PER_HOUR, seconds=HOUR, now=now)


def is_rush(now: datetime) -> bool:
    """Return whether the door has caused so many mails that everybody is asked for the proof."""
    return has_come_to("signup-all", "", count=ALL_PER_HOUR, seconds=HOUR, now=now)
