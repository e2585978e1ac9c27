"""What is read out of a mail or a request, before anybody knows whose copy it is about. Pure."""

from dataclasses import dataclass
from datetime import datetime

from newsletter.delivery.models.events import Arrival, Event

Kind, Verdict, What = Event.Kind, Event.Verdict, Arrival.What


class Unreadable(Exception):
    """What arrived is not understood; the message says why."""


class NotYet(Exception):
    """What arrived cannot be read now, because somebody else is away: it waits."""


@dataclass(frozen=True)
class Names:
    """By what a report names the copy that it is about, as it was found: nothing of it is checked yet.

    tokens: what may be a token of ours, from the addresses that it was sent to and that it quotes, or from what its
        provider was given with the copy.
    message_ids: what may be a Message-ID of ours. recipient: the address of the reader.
    """

    tokens: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    recipient: str = ""


@dataclass(frozen=True)
class Fact:
    """One thing that is said of one copy.

    source_id: the sender's own id of it, or a hash: it is kept once; "" of one that proves that its copy arrived and
        of which nothing else is kept. verdict: of one that came back.
    is_vouched: whether it was authenticated before it was stored, as a provider's request is and a mail is not, or
        the author has taken it as proven.
    """

    kind: Event.Kind
    at: datetime
    source_id: str
    names: Names = Names()
    verdict: Event.Verdict | None = None
    words: str = ""
    is_vouched: bool = False


@dataclass(frozen=True)
class File:
    """A file that hangs on a mail. number: of its part; size: octets."""

    number: int
    name: str
    kind: str
    size: int


@dataclass(frozen=True)
class Letter:
    """A person's mail. answers: the Message-IDs of what it answers, the nearest first. more: files not named here."""

    key: str
    sender_name: str
    sender: str
    subject: str
    text: str
    quoted: str
    message_id: str
    answers: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    more: int = 0


@dataclass(frozen=True)
class Reading:
    """What an arrival is, and the facts in it. names: of one without facts, to whom it may belong.

    letter: of one that a person wrote. is_emptied: whether what came in is not kept once it is applied.
    """

    what: Arrival.What
    facts: tuple[Fact, ...] = ()
    names: Names = Names()
    note: str = ""
    letter: Letter | None = None
    is_emptied: bool = False
