"""Reports of delivery: what a mail server says of each recipient (RFC 3464, RFC 6533)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from itertools import islice

from newsletter.delivery.events.reading.message import BOUNDED, blocks, field, parts

REPORTS = {"message/delivery-status", "message/global-delivery-status", "text/delivery-status"}
CODE = re.compile(r"^[\d.\s]{0,20}")  # at the beginning of a Status
TYPED = re.compile(r"^\s{0,9}[\w-]{1,40}\s{0,9};\s{0,9}")  # "rfc822; a@example.org", "smtp; 550 …"

BLOCK = re.compile(
    r"^(?:Final|Original)-Recipient:.*(?:\n(?:[a-z-]{1,40}:|[ \t]).*){1,30}", re.MULTILINE | re.IGNORECASE
)

BLOCKS_MAX = 200  # of one report
FAILED = {"failed", "failure", "expired", "error"}  # SendGrid's and OpenSMTPD's words


@dataclass(frozen=True)
class Recipient:
    """What a report says of one recipient. action: failed, delayed, delivered, relayed or expanded."""

    address: str
    action: str
    status: str
    words: str

    @property
    def has_failed(self) -> bool:
        return self.action in FAILED or (not self.action and self.status[:1] == "5")


def recipients(message: Message) -> list[Recipient]:
    """Return whom the report of a mail is about; nobody if it has none."""
    found = [one for block in _blocks(message) if (one := _recipient(block))]
    return [one for one in found if one.address] or found  # some write fields of a recipient beside those of the mail


def words_between(message: Message) -> str:
    """Return what stands in a report beside its fields: some servers write their words there, and no text."""
    return "\n".join(str(block.get_payload()) for block in _blocks(message) if not block.is_multipart())


def _blocks(message: Message) -> Iterator[Message]:
    found = (block for part in parts(message) if part.get_content_type() in REPORTS for block in blocks(part))
    return islice(found, BLOCKS_MAX)


def recipients_in(raw: str) -> list[Recipient]:
    """Return whom a report is about whose parts are broken: by its fields, wherever they stand."""
    found = [message_from_string(match[0], policy=BOUNDED) for match in islice(BLOCK.finditer(raw), BLOCKS_MAX)]
    return [one for block in found if (one := _recipient(block))]


def _recipient(block: Message) -> Recipient | None:
    action = field(block, "Action").partition(" ")[0].strip(";,").lower()
    status = re.match(r"\s*(\d\.\d{1,3}\.\d{1,3})", field(block, "Status"))
    if not action and not status:
        return None
    # What we mailed comes before what a forwarding server made of it.
    named = [_untyped(field(block, name)).strip("<>") for name in ("Original-Recipient", "Final-Recipient")]
    address = next((one for one in named if "@" in one), "")
    said = _untyped(field(block, "Diagnostic-Code")) or _beside_status(field(block, "Status"))
    return Recipient(address, action, status[1] if status else "", said)


def _beside_status(value: str) -> str:
    """Return what stands behind the code: old servers give their words there, "5.0.0 (mailbox full)"."""
    return CODE.sub("", value).strip("() ")


def _untyped(value: str) -> str:
    return TYPED.sub("", value, count=1).strip()
