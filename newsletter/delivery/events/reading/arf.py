"""Complaints: what a receiver forwards when one of its users calls a mail unwanted (RFC 5965, RFC 6650)."""

import re
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from email.utils import parseaddr

from newsletter.delivery.events.reading.message import BOUNDED, blocks, field, parts, returned, text_of

COMPLAINTS = {"abuse", "opt-out", "opt-out-list", "fraud", "virus", "other", ""}
BLOCK = re.compile(r"^Feedback-Type:.*(?:\n(?:[a-z-]{1,40}:|[ \t]).*){0,30}", re.MULTILINE | re.IGNORECASE)
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
    """Return the feedback report in a mail; None if it has none."""
    for part in parts(message):
        if part.get_content_type() == "message/feedback-report":
            fields = next(iter(blocks(part)), None)
            return _report(fields) if fields is not None else None
    return None


def report_in(message: Message, raw: str) -> Report | None:
    """Return the feedback report in a mail that says it has one and whose parts are broken: by its first field."""
    says_so = str(message.get_param("report-type", "")).lower() == "feedback-report"
    found = BLOCK.search(raw) if says_so else None
    return _report(message_from_string(found[0], policy=BOUNDED)) if found else None


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


def words(message: Message) -> str:
    """Return the first sentence of a complaint, for the author."""
    first = next((text_of(part) for part in parts(message) if part.get_content_type() == "text/plain"), "")
    return " ".join(first.split())[:300]
