"""What a mail is: a bounce, a complaint, an automatic answer, or words of a person. The first that fits, in this order.

Reports for machines come first, for a mail server may call its bounces automatic replies. A mail is the reply of a
person only when it is nothing else.
"""

from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from functools import cached_property
from hashlib import sha256

from flufl.bounce import scan_message

from newsletter.delivery.events.facts import Fact, Kind, Names, Reading, Verdict, What
from newsletter.delivery.events.reading import bounces, message, personal
from newsletter.delivery.models.events import Arrival, Event

RECIPIENTS_MAX = 100  # of one report: a mail of ours has one
SCANNED_MAX, SCANNED_LINES_MAX = 64 * 1024, 1_000  # octets and lines that flufl.bounce reads: its time grows with both


@dataclass(frozen=True)
class Opened:
    """A mail, and what several readers need of it, made once. to: whom it came to, the envelope's first."""

    mail: Message
    body: bytes
    text: str
    raw: str
    to: list[str]
    at: datetime
    key: str
    inner: Message | None

    @cached_property
    def scanned(self) -> list[str]:
        begins = message.beginning(self.body[:SCANNED_MAX], SCANNED_LINES_MAX)
        return sorted(one.decode("ascii", "replace") for one in scan_message(message.parse(begins)))

    @cached_property
    def raw_body(self) -> str:
        return self.raw.partition("\n\n")[2]

    @cached_property
    def prose(self) -> str:
        """Return what may be words of a server: the fields of a report that can be read are none."""
        return self.text or ("" if bounces.recipients(self.mail) else self.raw_body)

    @cached_property
    def names(self) -> Names:
        """Return by what it names a copy, with what it quotes of the mail that it returns."""
        quoted = message.tokens_quoted(self.inner) if self.inner is not None else ()
        tokens = dict.fromkeys([*message.tokens_to(self.to), *quoted])
        return Names(tuple(tokens), message.ids_quoted(self.inner, self.raw_body))

    @cached_property
    def own_names(self) -> Names:
        """Return by what a mail names a copy whose text anybody may have written: its addresses, what it answers."""
        answered = [*message.field(self.mail, "In-Reply-To").split(), *message.field(self.mail, "References").split()]
        return Names(message.tokens_to(self.to), tuple(reversed(answered[-20:])))


def read(arrival: Arrival) -> Reading:
    return read_mail(bytes(arrival.body), arrival.about.get("to", []), arrival.received_at)


def read_mail(body: bytes, envelope_to: list[str], received_at: datetime) -> Reading:
    """Return what a mail is. envelope_to: whom its server took it for, where that is known."""
    mail = message.parse(body)
    opened = Opened(
        mail=mail,
        body=body,
        text=message.text(mail),
        raw=body[: message.READ_MAX].decode("utf-8", "replace").replace("\r\n", "\n"),
        to=message.came_to(mail, envelope_to),
        at=message.date(mail, received_at),
        key=_key(mail, body),
        inner=bounces.complained_of(mail),
    )
    return _complaint(opened) or _report(opened) or _foreign(opened) or _answer(opened, body)


def _key(mail: Message, body: bytes) -> str:
    """Return what stands for a mail however it came: the same one by the pipe and by the mailbox is one."""
    named = message.field(mail, "Message-ID")
    fields = "\n".join(
        [named, *(message.field(mail, name) for name in ("Date", "From", "To", "Subject", "In-Reply-To"))]
    )
    return sha256(fields.encode() if named else body).hexdigest()[:32]


# --- Complaints ---


def _complaint(opened: Opened) -> Reading | None:
    report = bounces.report(opened.mail) or bounces.junk_report(opened.mail)
    if report is None:
        return None
    if not report.is_complaint:
        return Reading(What.NOTICE, note=f"a report of a receiver: {report.kind}")
    words = bounces.complaint_words(opened.mail) or f"complaint: {report.kind}"
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
        for number, recipient in enumerate(report.recipients[:RECIPIENTS_MAX] or ("",))
    ]
    return Reading(What.COMPLAINT, tuple(facts), names)


# --- Bounces ---


def _report(opened: Opened) -> Reading | None:
    about = bounces.recipients(opened.mail) if bounces.is_by_machine(opened.mail) else []
    if not about:
        return None
    failed = [one for one in about if one.has_failed]
    told = (failed or about)[:RECIPIENTS_MAX]
    addresses = [one.address for one in told]
    facts = tuple(_fact(opened, number, one, addresses) for number, one in enumerate(told))
    what = What.BOUNCE if failed else What.NOTICE
    return Reading(what, facts, opened.names, note="" if failed else f"a report: {about[0].action}")


def _fact(opened: Opened, number: int, one: bounces.Recipient, addresses: list[str]) -> Fact:
    said = [one.words, *bounces.words_about(one.address, opened.prose, addresses)]
    around = [bounces.report_of(opened.prose)]
    if one.has_failed:
        return _told(opened, number, one.address, [*said, one.status, *around], bounces.of(said, one.status, around))
    if one.action == "delivered":
        return _told(opened, number, one.address, [one.words], None, Kind.DELIVERED)
    if one.action == "delayed":
        verdict = _for_now(bounces.of(said, one.status, around))
        return _told(opened, number, one.address, [*said, *around], verdict, Kind.DEFERRED)
    kind = Kind.DEFERRED if one.action == "relayed" else Kind.UNKNOWN
    return _told(opened, number, one.address, [*said, *around], None, kind)


def _for_now(verdict: Event.Verdict) -> Event.Verdict:
    return Verdict.SOFT if verdict == Verdict.HARD else verdict


def _told(
    opened: Opened,
    number: int,
    recipient: str,
    said: list[str],
    verdict: Event.Verdict | None,
    kind: Event.Kind = Kind.BOUNCED,
) -> Fact:
    names = Names(opened.names.tokens, opened.names.message_ids, recipient)
    words = next((one for one in said if bounces.ADDRESS.sub("", one).strip("<>:, \n")), "")
    words = " ".join(message.CONTROL.sub(" ", words).split())[:500]
    return Fact(kind, opened.at, f"{opened.key}:{number}", names, verdict=verdict, words=words)


def _foreign(opened: Opened) -> Reading | None:
    if not bounces.looks_returned(opened.mail, opened.text, lambda: opened.scanned):
        return None
    if bounces.has_arrived(opened.mail, opened.text):
        return Reading(What.NOTICE, names=opened.names, note="a mail server, about a mail that arrived")
    is_late = bounces.is_only_late(opened.mail, opened.text)
    named = bounces.failed_addresses(opened.mail, opened.text, opened.to, opened.scanned)[:RECIPIENTS_MAX]
    if not named and opened.names == Names():
        return Reading(What.NOTICE, note="a mail server, about something else")  # such as of our own mailbox
    facts = []
    for number, recipient in enumerate(named or [""]):
        said = [one for one in bounces.words_about(recipient, opened.text, named) if one]
        around = [bounces.report_of(opened.text), message.field(opened.mail, "Subject")]
        # Google says of a group neither that it exists nor that we may write.
        is_group = recipient.endswith("@googlegroups.com")
        verdict = Verdict.POLICY if is_group else bounces.of(said, "", around)
        if is_late:
            facts.append(_told(opened, number, recipient, [*said, *around], _for_now(verdict), Kind.DEFERRED))
        else:
            facts.append(_told(opened, number, recipient, [*said, *around], verdict))
    note = "a mail server is still trying" if is_late else ""
    return Reading(What.NOTICE if is_late else What.BOUNCE, tuple(facts), opened.names, note)


# --- Everything else ---


def _answer(opened: Opened, body: bytes) -> Reading:
    names = opened.own_names
    if bounces.is_auto_reply(opened.mail) or bounces.report_type(opened.mail) == bounces.READ_RECEIPT:
        return Reading(What.AUTO_REPLY, _answered(opened), names)
    is_by_person = bounces.is_answer(opened.mail) or bounces.is_by_its_sender(opened.mail)
    is_by_program = bounces.is_by_daemon(opened.mail) and not is_by_person
    if is_by_program or bounces.report_type(opened.mail):
        return Reading(What.NOTICE, names=names, note="a mail server, about something else")
    if bounces.is_by_list(opened.mail):
        return Reading(What.NOTICE, names=names, note="a mailing list, or a mail to many")
    return Reading(What.REPLY, names=names, letter=personal.letter(body, opened.key))


def _answered(opened: Opened) -> tuple[Fact, ...]:
    """Return that the copy has arrived which a machine answers."""
    return (Fact(Kind.AUTORESPONDED, opened.at, opened.key, opened.own_names),)
