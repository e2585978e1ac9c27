"""The result of parsing an inbound mail or request, before it is matched to a delivery. Pure."""

from dataclasses import dataclass
from datetime import datetime

from newsletter.delivery.models.events import Event, InboundMessage

EventKind, BounceType, MessageKind = Event.Kind, Event.BounceType, InboundMessage.Kind


class ParseError(Exception):
    """An inbound message cannot be parsed; the exception's message says why."""


class TryLater(Exception):
    """An inbound message cannot be parsed now, because another service is down."""


@dataclass(frozen=True)
class DeliveryReference:
    """What identifies the delivery that a report is about; nothing is verified yet.

    tokens: possible tokens of ours, from addresses that it was sent to or that it quotes, or from the metadata that the
        provider got with the message.
    message_ids: possible Message-IDs of ours. recipient: the reader's address.
    """

    tokens: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    recipient: str = ""


@dataclass(frozen=True)
class ReportedEvent:
    """One report about one delivery.

    source_id: the reporter's id of it, or a hash, for deduplication; "" if it only proves arrival and nothing else is
        stored. diagnostic: the reply of the server, or the text of the complaint.
    is_authenticated: authenticated before it was stored (requests of providers, not mails), or accepted by the author.
    """

    kind: Event.Kind
    at: datetime
    source_id: str
    reference: DeliveryReference = DeliveryReference()
    bounce_type: Event.BounceType | None = None
    diagnostic: str = ""
    is_authenticated: bool = False


@dataclass(frozen=True)
class MailAttachment:
    """number: of its MIME part; size: bytes."""

    number: int
    name: str
    kind: str
    size: int


@dataclass(frozen=True)
class PersonalMail:
    """A mail by a person. replies_to: Message-IDs, the nearest first. more_files: how many are not listed."""

    dedup_key: str
    sender_name: str
    sender: str
    subject: str
    text: str
    quoted: str
    message_id: str
    replies_to: tuple[str, ...] = ()
    files: tuple[MailAttachment, ...] = ()
    more_files: int = 0


@dataclass(frozen=True)
class ParsedMessage:
    """A parsed inbound message with its reports. deletes_body: once it is applied.

    delivery_reference: the possible delivery of a message without reports.
    """

    kind: InboundMessage.Kind
    events: tuple[ReportedEvent, ...] = ()
    delivery_reference: DeliveryReference = DeliveryReference()
    note: str = ""
    personal_mail: PersonalMail | None = None
    deletes_body: bool = False
