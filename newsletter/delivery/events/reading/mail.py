"""What a mail is: a bounce, a complaint, an automatic answer, or words of a person. The first that fits, in this order.

Reports for machines come first, for a mail server may call its bounces automatic replies. A mail is the reply of a
person only when it is nothing else.
"""

from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from hashlib import sha256

from newsletter.delivery.events.facts import Fact, Kind, Names, Reading, What
from newsletter.delivery.events.reading import arf, auto_replies, dsn, foreign, message, verdicts
from newsletter.delivery.models.events import Arrival, Event


@dataclass(frozen=True)
class Opened:
    """A mail, and what several readers need of it. to: whom it came to, the envelope's first."""

    mail: Message
    text: str
    raw: str
    to: list[str]
    at: datetime
    key: str
    inner: Message | None

    @property
    def names(self) -> Names:
        """Return by what it names a copy, with what it quotes of the mail that it returns."""
        quoted = message.tokens_quoted(self.inner) if self.inner is not None else ()
        tokens = dict.fromkeys([*message.tokens_to(self.to), *quoted])
        return Names(tuple(tokens), message.ids_quoted(self.inner, self.raw))

    @property
    def own_names(self) -> Names:
        """Return by what a mail names a copy whose text anybody may have written: its addresses, what it answers."""
        answered = [*message.field(self.mail, "In-Reply-To").split(), *message.field(self.mail, "References").split()]
        return Names(message.tokens_to(self.to), tuple(reversed(answered[-20:])))


def read(arrival: Arrival) -> Reading:
    """Return what a mail is, and the facts in it."""
    return read_mail(bytes(arrival.body), arrival.about.get("to", []), arrival.received_at)


def read_mail(body: bytes, envelope_to: list[str], received_at: datetime) -> Reading:
    """Return what a mail is. envelope_to: whom its server took it for, where that is known."""
    mail = message.parse(body)
    opened = Opened(
        mail=mail,
        text=message.text(mail),
        raw=body[: message.READ_MAX].decode("utf-8", "replace").replace("\r\n", "\n"),
        to=message.came_to(mail, envelope_to),
        at=message.date(mail, received_at),
        key=_key(mail, body),
        inner=message.returned(mail),
    )
    return _complaint(opened) or _report(opened) or _foreign(opened) or _answer(opened)


def _key(mail: Message, body: bytes) -> str:
    """Return what stands for a mail however it came: the same one by the pipe and by the mailbox is one."""
    named = message.field(mail, "Message-ID")
    return sha256(named.encode() if named else body).hexdigest()[:32]


# --- Complaints ---


def _complaint(opened: Opened) -> Reading | None:
    report = arf.report(opened.mail)
    if report is None:
        return None
    if not report.is_complaint:
        return Reading(What.NOTICE, note=f"a report of a receiver: {report.kind}")
    words = arf.words(opened.mail) or f"complaint: {report.kind}"
    names = opened.names
    tokens = (*names.tokens, *message.tokens_to([report.mail_from]))
    facts = [
        Fact(
            Kind.COMPLAINED,
            opened.at,
            f"{opened.key}:{number}",
            Names(tokens, names.message_ids, recipient),
            words=words,
        )
        for number, recipient in enumerate(report.recipients or ("",))
    ]
    return Reading(What.COMPLAINT, tuple(facts), names)


# --- Bounces ---


def _report(opened: Opened) -> Reading | None:
    about = dsn.recipients(opened.mail)
    failed = [one for one in about if one.has_failed]
    if not about:
        return None
    if not failed:
        return Reading(What.NOTICE, tuple(_progress(opened, about)), opened.names, note=f"a report: {about[0].action}")
    return Reading(What.BOUNCE, tuple(_bounced(opened, failed)), opened.names)


def _bounced(opened: Opened, failed: list[dsn.Recipient]) -> list[Fact]:
    found = []
    for number, one in enumerate(failed):
        words = one.words or foreign.words_about(one.address, opened.text)
        found.append(_bounce(opened, number, one.address, verdicts.of("", one.status, words), words))
    return found


def _progress(opened: Opened, about: list[dsn.Recipient]) -> list[Fact]:
    """Return what is said of copies that have not failed."""
    kinds = {"delivered": Kind.DELIVERED, "relayed": Kind.DEFERRED, "delayed": Kind.DEFERRED}
    return [
        Fact(
            kinds[one.action],
            opened.at,
            f"{opened.key}:{number}",
            Names(opened.names.tokens, opened.names.message_ids, one.address),
            words=one.words,
        )
        for number, one in enumerate(about)
        if one.action in kinds
    ]


def _bounce(opened: Opened, number: int, recipient: str, verdict: Event.Verdict, words: str) -> Fact:
    names = opened.names
    return Fact(
        Kind.BOUNCED,
        opened.at,
        f"{opened.key}:{number}",
        Names(names.tokens, names.message_ids, recipient),
        verdict=verdict,
        words=" ".join(message.CONTROL.sub(" ", words).split())[:500],
    )


def _foreign(opened: Opened) -> Reading | None:
    if not foreign.looks_returned(opened.mail):
        return None
    if foreign.is_only_late(opened.text):
        return Reading(What.NOTICE, names=opened.names, note="a mail server is still trying")
    failed = foreign.failed_addresses(opened.mail, opened.text, opened.to) or [""]
    facts = []
    for number, recipient in enumerate(failed):
        words = foreign.words_about(recipient, opened.text)
        facts.append(_bounce(opened, number, recipient, verdicts.of("", "", words), words))
    return Reading(What.BOUNCE, tuple(facts), opened.names)


# --- Everything else ---


def _answer(opened: Opened) -> Reading:
    names = opened.own_names
    if auto_replies.is_challenge(opened.mail, opened.text):
        return Reading(What.CHALLENGE, names=names, note="it asks us to prove that we are a person; nobody answers it")
    if auto_replies.is_auto_reply(opened.mail):
        return Reading(What.AUTO_REPLY, names=names)
    return Reading(What.REPLY, names=names)
