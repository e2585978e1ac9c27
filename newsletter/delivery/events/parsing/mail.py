"""Parses an inbound mail as a complaint, a bounce, an automatic reply or a personal reply, in this order.

Machine-readable reports come first, because mail servers mark bounces as automatic replies. A mail is a personal reply
only if it is nothing else.
"""

from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from functools import cached_property
from hashlib import sha256

from flufl.bounce import scan_message

from newsletter.delivery.events.parsed import (
    BounceType,
    CopyReference,
    EventKind,
    MessageKind,
    ParsedMessage,
    ReportedEvent,
)
from newsletter.delivery.events.parsing import bounces, mime, personal_mail
from newsletter.delivery.models.events import Event, InboundMessage

RECIPIENTS_MAX = 100  # of one report; our mails have one
SCANNED_MAX, SCANNED_LINES_MAX = 64 * 1024, 1_000  # bytes and lines for flufl.bounce, whose time grows with both


@dataclass(frozen=True)
class InspectedMail:
    """A mail with derived values, computed once. to: its recipients, those of the envelope first."""

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
        begins = mime.first_lines(self.body[:SCANNED_MAX], SCANNED_LINES_MAX)
        return sorted(one.decode("ascii", "replace") for one in scan_message(mime.parse_message(begins)))

    @cached_property
    def raw_body(self) -> str:
        return self.raw.partition("\n\n")[2]

    @cached_property
    def prose(self) -> str:
        """Text that may be a server's reply; "" if there are only parsable report fields."""
        return self.text or ("" if bounces.recipient_statuses(self.mail) else self.raw_body)

    @cached_property
    def reference(self) -> CopyReference:
        """References to a delivery, including those in the returned mail."""
        quoted = mime.tokens_in_headers(self.inner) if self.inner is not None else ()
        tokens = dict.fromkeys([*mime.tokens_in_addresses(self.to), *quoted])
        return CopyReference(tuple(tokens), mime.quoted_message_ids(self.inner, self.raw_body))

    @cached_property
    def own_reference(self) -> CopyReference:
        """References without quoted text, which anybody could write: its recipients and In-Reply-To."""
        answered = [*mime.header(self.mail, "In-Reply-To").split(), *mime.header(self.mail, "References").split()]
        return CopyReference(mime.tokens_in_addresses(self.to), tuple(reversed(answered[-20:])))


def parse_stored_mail(inbound: InboundMessage) -> ParsedMessage:
    return parse_mail(bytes(inbound.body), inbound.about.get("to", []), inbound.received_at)


def parse_mail(body: bytes, envelope_to: list[str], received_at: datetime) -> ParsedMessage:
    """envelope_to: the envelope's recipients, if known."""
    mail = mime.parse_message(body)
    opened = InspectedMail(
        mail=mail,
        body=body,
        text=mime.message_text(mail),
        raw=body[: mime.READ_MAX].decode("utf-8", "replace").replace("\r\n", "\n"),
        to=mime.recipient_addresses(mail, envelope_to),
        at=mime.sent_date(mail, received_at),
        key=_key(mail, body),
        inner=bounces.complained_of(mail),
    )
    return _complaint(opened) or _report(opened) or _foreign(opened) or _answer(opened, body)


def _key(mail: Message, body: bytes) -> str:
    """A hash that is the same whether a mail arrived by pipe or by mailbox."""
    named = mime.header(mail, "Message-ID")
    fields = "\n".join([named, *(mime.header(mail, name) for name in ("Date", "From", "To", "Subject", "In-Reply-To"))])
    return sha256(fields.encode() if named else body).hexdigest()[:32]


# --- Complaints ---


def _complaint(opened: InspectedMail) -> ParsedMessage | None:
    report = bounces.feedback_report(opened.mail) or bounces.junk_report(opened.mail)
    if report is None:
        return None
    if not report.is_complaint:
        return ParsedMessage(MessageKind.NOTICE, note=f"a report of a receiver: {report.kind}")
    words = bounces.complaint_words(opened.mail) or f"complaint: {report.kind}"
    reference = opened.reference
    tokens = (*reference.tokens, *mime.tokens_in_addresses([report.mail_from]))
    reported_events = [
        ReportedEvent(
            EventKind.COMPLAINED,
            opened.at,
            f"{opened.key}:{number}",
            CopyReference(tokens, reference.message_ids, recipient),
            words=words,
        )
        for number, recipient in enumerate(report.recipients[:RECIPIENTS_MAX] or ("",))
    ]
    return ParsedMessage(MessageKind.COMPLAINT, tuple(reported_events), reference)


# --- Bounces ---


def _report(opened: InspectedMail) -> ParsedMessage | None:
    about = bounces.recipient_statuses(opened.mail) if bounces.is_by_machine(opened.mail) else []
    if not about:
        return None
    failed = [one for one in about if one.has_failed]
    listed = (failed or about)[:RECIPIENTS_MAX]
    addresses = [one.address for one in listed]
    reported_events = tuple(_reported_event(opened, number, one, addresses) for number, one in enumerate(listed))
    what = MessageKind.BOUNCE if failed else MessageKind.NOTICE
    return ParsedMessage(what, reported_events, opened.reference, note="" if failed else f"a report: {about[0].action}")


def _reported_event(
    opened: InspectedMail, number: int, one: bounces.RecipientStatus, addresses: list[str]
) -> ReportedEvent:
    said = [one.words, *bounces.words_about(one.address, opened.prose, addresses)]
    around = [bounces.text_above_original(opened.prose)]
    if one.has_failed:
        return _bounce_event(
            opened, number, one.address, [*said, one.status, *around], bounces.classify_bounce(said, one.status, around)
        )
    if one.action == "delivered":
        return _bounce_event(opened, number, one.address, [one.words], None, EventKind.DELIVERED)
    if one.action == "delayed":
        verdict = _for_now(bounces.classify_bounce(said, one.status, around))
        return _bounce_event(opened, number, one.address, [*said, *around], verdict, EventKind.DEFERRED)
    kind = EventKind.DEFERRED if one.action == "relayed" else EventKind.UNKNOWN
    return _bounce_event(opened, number, one.address, [*said, *around], None, kind)


def _for_now(verdict: Event.BounceType) -> Event.BounceType:
    return BounceType.SOFT if verdict == BounceType.HARD else verdict


def _bounce_event(
    opened: InspectedMail,
    number: int,
    recipient: str,
    said: list[str],
    verdict: Event.BounceType | None,
    kind: Event.Kind = EventKind.BOUNCED,
) -> ReportedEvent:
    reference = CopyReference(opened.reference.tokens, opened.reference.message_ids, recipient)
    words = next((one for one in said if bounces.ADDRESS.sub("", one).strip("<>:, \n")), "")
    words = " ".join(mime.CONTROL.sub(" ", words).split())[:500]
    return ReportedEvent(kind, opened.at, f"{opened.key}:{number}", reference, verdict=verdict, words=words)


def _foreign(opened: InspectedMail) -> ParsedMessage | None:
    if not bounces.is_bounce(opened.mail, opened.text, lambda: opened.scanned):
        return None
    if bounces.is_success_report(opened.mail, opened.text):
        return ParsedMessage(
            MessageKind.NOTICE, reference=opened.reference, note="a mail server, about a mail that arrived"
        )
    is_late = bounces.is_delay_report(opened.mail, opened.text)
    named = bounces.failed_addresses(opened.mail, opened.text, opened.to, opened.scanned)[:RECIPIENTS_MAX]
    if not named and opened.reference == CopyReference():
        return ParsedMessage(
            MessageKind.NOTICE, note="a mail server, about something else"
        )  # such as a quota warning of our own mailbox
    reported_events = []
    for number, recipient in enumerate(named or [""]):
        said = [one for one in bounces.words_about(recipient, opened.text, named) if one]
        around = [bounces.text_above_original(opened.text), mime.header(opened.mail, "Subject")]
        # For a group Google does not disclose whether it exists or refuses us.
        is_group = recipient.endswith("@googlegroups.com")
        verdict = BounceType.POLICY if is_group else bounces.classify_bounce(said, "", around)
        if is_late:
            reported_events.append(
                _bounce_event(opened, number, recipient, [*said, *around], _for_now(verdict), EventKind.DEFERRED)
            )
        else:
            reported_events.append(_bounce_event(opened, number, recipient, [*said, *around], verdict))
    note = "a mail server is still trying" if is_late else ""
    return ParsedMessage(
        MessageKind.NOTICE if is_late else MessageKind.BOUNCE, tuple(reported_events), opened.reference, note
    )


# --- Everything else ---


def _answer(opened: InspectedMail, body: bytes) -> ParsedMessage:
    reference = opened.own_reference
    if bounces.is_auto_reply(opened.mail) or bounces.report_type(opened.mail) == bounces.READ_RECEIPT:
        return ParsedMessage(MessageKind.AUTO_REPLY, _answered(opened), reference)
    is_by_person = bounces.is_answer(opened.mail) or bounces.is_by_its_sender(opened.mail)
    is_by_program = bounces.is_by_daemon(opened.mail) and not is_by_person
    if is_by_program or bounces.report_type(opened.mail):
        return ParsedMessage(MessageKind.NOTICE, reference=reference, note="a mail server, about something else")
    if bounces.is_by_list(opened.mail):
        return ParsedMessage(MessageKind.NOTICE, reference=reference, note="a mailing list, or a mail to many")
    return ParsedMessage(
        MessageKind.REPLY, reference=reference, letter=personal_mail.parse_personal_mail(body, opened.key)
    )


def _answered(opened: InspectedMail) -> tuple[ReportedEvent, ...]:
    return (ReportedEvent(EventKind.AUTORESPONDED, opened.at, opened.key, opened.own_reference),)
