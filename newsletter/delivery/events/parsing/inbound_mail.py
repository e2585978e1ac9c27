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
    DeliveryReference,
    EventKind,
    MessageKind,
    ParsedMessage,
    ReportedEvent,
)
from newsletter.delivery.events.parsing import bounces, mime, personal_mail
from newsletter.delivery.models.events import Event, InboundMessage

RECIPIENTS_MAX = 100  # of one report; our mails have one
SCANNED_BYTES_MAX, SCANNED_LINES_MAX = 64 * 1024, 1_000  # for flufl.bounce, whose time grows with both


@dataclass(frozen=True)
class InspectedMail:
    """A mail with derived values, computed once. to: its recipients, those of the envelope first."""

    mail: Message
    raw_bytes: bytes
    text: str
    raw_text: str
    to: list[str]
    sent_at: datetime
    dedup_key: str
    reported_mail: Message | None

    @cached_property
    def scanned_addresses(self) -> list[str]:
        beginning = mime.first_lines(self.raw_bytes[:SCANNED_BYTES_MAX], SCANNED_LINES_MAX)
        return sorted(found.decode("ascii", "replace") for found in scan_message(mime.parse_message(beginning)))

    @cached_property
    def raw_body(self) -> str:
        return self.raw_text.partition("\n\n")[2]

    @cached_property
    def reply_text(self) -> str:
        """Text that may contain a server's reply; "" if there are only parsable report fields."""
        return self.text or ("" if bounces.recipient_statuses(self.mail) else self.raw_body)

    @cached_property
    def reference(self) -> DeliveryReference:
        """References to a delivery, including those in the returned mail."""
        quoted = mime.tokens_in_headers(self.reported_mail) if self.reported_mail is not None else ()
        tokens = dict.fromkeys([*mime.tokens_in_addresses(self.to), *quoted])
        return DeliveryReference(tuple(tokens), mime.quoted_message_ids(self.reported_mail, self.raw_body))

    @cached_property
    def unquoted_reference(self) -> DeliveryReference:
        """From recipients, In-Reply-To and References alone; quoted text is ignored, because anybody can write it."""
        answered = [*mime.header(self.mail, "In-Reply-To").split(), *mime.header(self.mail, "References").split()]
        return DeliveryReference(mime.tokens_in_addresses(self.to), tuple(reversed(answered[-20:])))


def parse_stored_mail(inbound: InboundMessage) -> ParsedMessage:
    return parse_mail(bytes(inbound.body), inbound.about.get("to", []), inbound.received_at)


def parse_mail(body: bytes, envelope_to: list[str], received_at: datetime) -> ParsedMessage:
    """envelope_to: the envelope's recipients, if known."""
    mail = mime.parse_message(body)
    inspected = InspectedMail(
        mail=mail,
        raw_bytes=body,
        text=mime.message_text(mail),
        raw_text=body[: mime.READ_MAX].decode("utf-8", "replace").replace("\r\n", "\n"),
        to=mime.recipient_addresses(mail, envelope_to),
        sent_at=mime.sent_date(mail, received_at),
        dedup_key=_dedup_key(mail, body),
        reported_mail=bounces.reported_mail(mail),
    )
    return (
        _parse_complaint(inspected)
        or _parse_delivery_report(inspected)
        or _parse_nonstandard_bounce(inspected)
        or _parse_other(inspected, body)
    )


def _dedup_key(mail: Message, body: bytes) -> str:
    """A hash that is the same whether a mail arrived by pipe or by mailbox."""
    named = mime.header(mail, "Message-ID")
    fields = "\n".join([named, *(mime.header(mail, name) for name in ("Date", "From", "To", "Subject", "In-Reply-To"))])
    return sha256(fields.encode() if named else body).hexdigest()[:32]


def _parse_complaint(inspected: InspectedMail) -> ParsedMessage | None:
    report = bounces.feedback_report(inspected.mail) or bounces.junk_report(inspected.mail)
    if report is None:
        return None
    if not report.is_complaint:
        return ParsedMessage(MessageKind.NOTICE, note=f"a report of a receiver: {report.kind}")
    plain_parts = (part for part in mime.leaf_parts(inspected.mail) if part.get_content_type() == "text/plain")
    first_text = next(map(mime.part_text, plain_parts), "")
    diagnostic = " ".join(first_text.split())[:300] or f"complaint: {report.kind}"
    reference = inspected.reference
    tokens = (*reference.tokens, *mime.tokens_in_addresses([report.mail_from]))
    reported_events = [
        ReportedEvent(
            EventKind.COMPLAINED,
            inspected.sent_at,
            f"{inspected.dedup_key}:{number}",
            DeliveryReference(tokens, reference.message_ids, recipient),
            diagnostic=diagnostic,
        )
        for number, recipient in enumerate(report.recipients[:RECIPIENTS_MAX] or ("",))
    ]
    return ParsedMessage(MessageKind.COMPLAINT, tuple(reported_events), reference)


def _parse_delivery_report(inspected: InspectedMail) -> ParsedMessage | None:
    statuses = bounces.recipient_statuses(inspected.mail) if bounces.looks_like_report(inspected.mail) else []
    if not statuses:
        return None
    failed = [status for status in statuses if status.has_failed]
    listed = (failed or statuses)[:RECIPIENTS_MAX]
    addresses = [status.address for status in listed]
    events = tuple(_event_of_status(inspected, number, status, addresses) for number, status in enumerate(listed))
    if failed:
        return ParsedMessage(MessageKind.BOUNCE, events, inspected.reference)
    return ParsedMessage(MessageKind.NOTICE, events, inspected.reference, f"a report: {statuses[0].action}")


def _event_of_status(
    inspected: InspectedMail, number: int, status: bounces.RecipientStatus, addresses: list[str]
) -> ReportedEvent:
    texts = [status.diagnostic, *bounces.texts_about(status.address, inspected.reply_text, addresses)]
    around = [bounces.text_above_original(inspected.reply_text)]
    if status.has_failed:
        bounce_type = bounces.classify_bounce(texts, status.status, around)
        return _build_event(inspected, number, status.address, [*texts, status.status, *around], bounce_type)
    if status.action == "delivered":
        return _build_event(inspected, number, status.address, [status.diagnostic], None, EventKind.DELIVERED)
    if status.action == "delayed":
        bounce_type = _as_temporary(bounces.classify_bounce(texts, status.status, around))
        return _build_event(inspected, number, status.address, [*texts, *around], bounce_type, EventKind.DEFERRED)
    kind = EventKind.DEFERRED if status.action == "relayed" else EventKind.UNKNOWN
    return _build_event(inspected, number, status.address, [*texts, *around], None, kind)


def _as_temporary(bounce_type: Event.BounceType) -> Event.BounceType:
    return BounceType.SOFT if bounce_type == BounceType.HARD else bounce_type


def _build_event(
    inspected: InspectedMail,
    number: int,
    recipient: str,
    texts: list[str],
    bounce_type: Event.BounceType | None,
    kind: Event.Kind = EventKind.BOUNCED,
) -> ReportedEvent:
    reference = DeliveryReference(inspected.reference.tokens, inspected.reference.message_ids, recipient)
    diagnostic = next((one for one in texts if bounces.ADDRESS.sub("", one).strip("<>:, \n")), "")
    diagnostic = " ".join(mime.CONTROL_CHARACTERS.sub(" ", diagnostic).split())[:500]
    source_id = f"{inspected.dedup_key}:{number}"
    return ReportedEvent(kind, inspected.sent_at, source_id, reference, bounce_type, diagnostic)


def _parse_nonstandard_bounce(inspected: InspectedMail) -> ParsedMessage | None:
    if not bounces.is_bounce(inspected.mail, inspected.text, lambda: inspected.scanned_addresses):
        return None
    if bounces.is_success_report(inspected.mail, inspected.text):
        note = "a mail server, about a mail that arrived"
        return ParsedMessage(MessageKind.NOTICE, delivery_reference=inspected.reference, note=note)
    is_delay = bounces.is_delay_report(inspected.mail, inspected.text)
    named = bounces.failed_addresses(inspected.mail, inspected.text, inspected.to, inspected.scanned_addresses)
    named = named[:RECIPIENTS_MAX]
    if not named and inspected.reference == DeliveryReference():  # such as a quota warning of our own mailbox
        return ParsedMessage(MessageKind.NOTICE, note="a mail server, about something else")
    event_kind = EventKind.DEFERRED if is_delay else EventKind.BOUNCED
    reported_events = []
    for number, recipient in enumerate(named or [""]):
        texts = [text for text in bounces.texts_about(recipient, inspected.text, named) if text]
        around = [bounces.text_above_original(inspected.text), mime.header(inspected.mail, "Subject")]
        # For a group Google does not disclose whether it exists or refuses us.
        is_group = recipient.endswith("@googlegroups.com")
        bounce_type = BounceType.POLICY if is_group else bounces.classify_bounce(texts, "", around)
        bounce_type = _as_temporary(bounce_type) if is_delay else bounce_type
        event = _build_event(inspected, number, recipient, [*texts, *around], bounce_type, event_kind)
        reported_events.append(event)
    note, kind = ("a mail server is still trying", MessageKind.NOTICE) if is_delay else ("", MessageKind.BOUNCE)
    return ParsedMessage(kind, tuple(reported_events), inspected.reference, note)


def _parse_other(inspected: InspectedMail, body: bytes) -> ParsedMessage:
    reference = inspected.unquoted_reference
    if bounces.is_authentication_report(inspected.mail):
        return ParsedMessage(MessageKind.NOTICE, note="a report about DMARC or TLS")
    is_receipt = bounces.report_type(inspected.mail) == bounces.READ_RECEIPT
    # No personal mail has an empty return path.
    is_automatic = bounces.is_marked_automatic(inspected.mail, inspected.text)
    if is_receipt or is_automatic or bounces.has_empty_return_path(inspected.mail):
        event = ReportedEvent(EventKind.AUTORESPONDED, inspected.sent_at, inspected.dedup_key, reference)
        return ParsedMessage(MessageKind.AUTO_REPLY, (event,), reference)
    is_by_person = bounces.has_reply_subject(inspected.mail) or bounces.from_matches_return_path(inspected.mail)
    is_by_program = bounces.is_by_daemon(inspected.mail) and not is_by_person
    if is_by_program or bounces.report_type(inspected.mail):
        return ParsedMessage(MessageKind.NOTICE, (), reference, "a mail server, about something else")
    precedence = mime.header(inspected.mail, "Precedence").lower()
    if precedence in bounces.LIST_PRECEDENCE or mime.header(inspected.mail, "X-List-Administrivia"):
        return ParsedMessage(MessageKind.NOTICE, (), reference, "a mailing list, or a mail to many")
    reply = personal_mail.parse_personal_mail(body, inspected.dedup_key)
    return ParsedMessage(MessageKind.REPLY, delivery_reference=reference, personal_mail=reply)
