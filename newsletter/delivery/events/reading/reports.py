"""Reports of delivery (RFC 3464, RFC 6533) and complaints (RFC 5965, RFC 6650), of each recipient."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.utils import parseaddr
from itertools import islice

from newsletter.delivery.events.reading.message import blocks, field, parts, returned, text_of

REPORTS = {"message/delivery-status", "message/global-delivery-status", "text/delivery-status"}
CODE = re.compile(r"^[\d.\s]{0,20}")  # at the beginning of a Status
TYPED = re.compile(r"^\s{0,9}[\w-]{1,40}\s{0,9};\s{0,9}")  # "rfc822; a@example.org", "smtp; 550 …"

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
    found = [one for block in _blocks(message) if (one := _recipient(block))]
    return [one for one in found if one.address] or found  # some write fields of a recipient beside those of the mail


def _blocks(message: Message) -> Iterator[Message]:
    found = (block for part in parts(message) if part.get_content_type() in REPORTS for block in blocks(part))
    return islice(found, BLOCKS_MAX)


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


COMPLAINTS = {"abuse", "opt-out", "opt-out-list", "fraud", "virus", "other", ""}
JUNK = "X-HmXmrOriginalRecipient"


@dataclass(frozen=True)
class Report:
    """kind: abuse, opt-out, auth-failure … recipients: whose mail it was, where the receiver tells."""

    kind: str
    recipients: tuple[str, ...]
    mail_from: str
    agent: str

    @property
    def is_complaint(self) -> bool:
        """Return whether its reader wants no such mail: not that a check failed, or that it was no spam after all."""
        return self.kind in COMPLAINTS


def report(message: Message) -> Report | None:
    for part in parts(message):
        if part.get_content_type() == "message/feedback-report":
            fields = next(iter(blocks(part)), None)
            return _report(fields) if fields is not None else None
    return None


def _report(fields: Message) -> Report:
    named = [str(one) for name in ("Original-Rcpt-To", "Removal-Recipient") for one in fields.get_all(name, [])]
    recipients = tuple(dict.fromkeys(found for one in named if "@" in (found := parseaddr(one)[1])))
    kind = field(fields, "Feedback-Type").lower()
    return Report(kind, recipients, field(fields, "Original-Mail-From").strip("<>"), field(fields, "User-Agent"))


def junk_report(message: Message) -> Report | None:
    """Return a report of Microsoft's Junk Mail Reporting Program, which follows no standard; None if it is none.

    The mail comes back, within another one or as it is, with a field of the address it was sent to.
    Source: https://sendersupport.olc.protection.outlook.com/snds/JMRP.aspx
    """
    inner = complained_of(message)
    recipient = field(inner, JUNK).strip("<>") if inner is not None else ""
    return Report("abuse", (recipient,), "", "JMRP") if "@" in recipient else None


def complained_of(message: Message) -> Message | None:
    """Return the mail that a report brings back, which may be the report itself; None if there is none."""
    return message if field(message, JUNK) else returned(message)


def complaint_words(message: Message) -> str:
    first = next((text_of(part) for part in parts(message) if part.get_content_type() == "text/plain"), "")
    return " ".join(first.split())[:300]
