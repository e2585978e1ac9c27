"""Complaints: what a receiver forwards when one of its users calls a mail unwanted (RFC 5965, RFC 6650)."""

from dataclasses import dataclass
from email.message import Message

from newsletter.delivery.events.reading.message import blocks, field, parts, returned, text_of

COMPLAINTS = {"abuse", "opt-out", "opt-out-list", "fraud", "virus", "other", ""}


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


def _report(fields: Message) -> Report:
    named = [str(one) for name in ("Original-Rcpt-To", "Removal-Recipient") for one in fields.get_all(name, [])]
    recipients = tuple(dict.fromkeys(one.strip().strip("<>") for one in named if "@" in one))
    kind = field(fields, "Feedback-Type").lower()
    return Report(kind, recipients, field(fields, "Original-Mail-From").strip("<>"), field(fields, "User-Agent"))


def junk_report(message: Message) -> Report | None:
    """Return a report of Microsoft's Junk Mail Reporting Program, which follows no standard; None if it is none.

    The complained mail comes back with a field of the address it was sent to.
    Source: https://sendersupport.olc.protection.outlook.com/snds/JMRP.aspx
    """
    inner = returned(message)
    recipient = field(inner, "X-HmXmrOriginalRecipient").strip("<>") if inner is not None else ""
    return Report("abuse", (recipient,), "", "JMRP") if "@" in recipient else None


def words(message: Message) -> str:
    """Return the first sentence of a complaint, for the author."""
    first = next((text_of(part) for part in parts(message) if part.get_content_type() == "text/plain"), "")
    return " ".join(first.split())[:300]
