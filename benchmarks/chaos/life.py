"""Whether anything stood still in silence: a verdict on what somebody saw who looked every few seconds. Pure.

A mailing stands still when it could go on and no message is accepted. After STILL_SECONDS of it `doctor` or /readyz
must have said so, whatever the cause. What they said, and since when, stands beside each standstill.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

STILL_SECONDS = 90.0  # that a mailing may stand still without a word
SLACK_SECONDS = 10.0  # between what happens and a look that tells of it
SHORT_SECONDS = 30.0  # a standstill that is worth a line
BLIND_SECONDS = 90.0  # at most between two looks: a run that nobody watched proves nothing
# What tells of a standstill, of all that `doctor` and /readyz say.
TELLING = ("dispatcher", "confirmations", "clock", "worker", "mailing.stands_still", "mailing.late")
TELLING += ("database", "queue", "data_dir", "migrations")


@dataclass(frozen=True)
class Look:
    """What somebody saw. at: seconds; could: whether the mailing had copies to send that nothing forbade to send."""

    at: float
    accepted: int
    could: bool
    said: tuple[str, ...] = ()

    @property
    def telling(self) -> Iterable[str]:
        return (word for word in self.said if word.startswith(TELLING))


@dataclass
class Standstill:
    """One time in which nothing moved. said: after how many seconds which part of the product had said so."""

    begun: float
    accepted: int
    ended: float = 0.0
    said: dict[str, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return max(self.ended - self.begun, 0.0)

    def lasts(self, look: Look) -> None:
        self.ended = look.at
        for word in look.telling:
            self.said.setdefault(word, self.seconds)

    def is_silent(self, still: float = STILL_SECONDS) -> bool:
        """Return whether it lasted for so long, and nothing was said in time."""
        in_time = min(self.said.values(), default=float("inf")) <= still + SLACK_SECONDS
        return self.seconds > still + SLACK_SECONDS and not in_time

    def __str__(self) -> str:
        output = ", ".join(f"{word} after {seconds:.0f} s" for word, seconds in self.said.items())
        return f"{self.seconds:.0f} s after {self.accepted} messages: {output or 'nothing was said'}"


def standstills(looks: Sequence[Look], least: float = SHORT_SECONDS) -> list[Standstill]:
    """Return all that lasted for so many seconds, in their order."""
    found: list[Standstill] = []
    now: Standstill | None = None
    for look in looks:
        if not look.could:
            now = None
        elif now is None or look.accepted != now.accepted:
            now = Standstill(look.at, look.accepted)
            found.append(now)
        else:
            now.lasts(look)
    return [one for one in found if one.seconds >= least]


def blind_seconds(looks: Sequence[Look], seconds: float) -> float:
    """Return the longest time without a look, in a run of so many seconds."""
    return max((after.at - before.at for before, after in pairwise(looks)), default=seconds)


def errors(looks: Sequence[Look], seconds: float, still: float = STILL_SECONDS) -> Iterable[str]:
    """Say what is wrong with what was seen in a run of so many seconds."""
    for one in standstills(looks, still):
        if one.is_silent(still):
            yield f"silent: {one}"
    if (blind := blind_seconds(looks, seconds)) > BLIND_SECONDS:
        yield f"nobody looked for {blind:.0f} s"
