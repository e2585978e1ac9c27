"""Build one e-mail: headers and encodings that survive old relays and clients. Sends nothing."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage, MIMEPart
from email.policy import EmailPolicy, Policy
from email.utils import format_datetime, make_msgid
from functools import cache
from typing import Any

from django.core.mail import EmailMultiAlternatives

from newsletter.mail import dkim_signing
from newsletter.mail import headers as fields

ADDRESS_FIELDS = {"from", "to", "cc", "reply-to", "sender"}
VERBATIM_FIELDS = {"message-id", "feedback-id", "archived-at", "precedence", "auto-submitted", "date", "mime-version"}
OWN_FIELDS = {
    *("from", "to", "cc", "bcc", "reply-to", "subject", "mime-version", "content-type"),
    "content-transfer-encoding",
}
SIGNATURE_FIELD = "dkim-signature"
SUBJECT_LENGTH = 200  # characters: rspamd scores longer ones (LONG_SUBJ)
SHOUTED_MIN = 10  # octets: SpamAssassin ignores shorter subjects
BOUNDARY = "=_newsletter"  # "_" is not in base64, so no body can contain it


@dataclass(frozen=True)
class MailContent:
    subject: str
    html: str
    text: str


class MailPolicy(EmailPolicy):
    """Write headers by the rules of `headers`, without parsing them.

    Django 6.1 on Python 3.13 writes a List-Unsubscribe of 75 characters as an encoded word, which no client
    understands, and spends most of the time of a mail on parsing headers into a tree.
    """

    def header_max_count(self, name: str) -> int | None:
        return None  # `Mail` sets each header once; the check would double the time

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        return name, value

    def header_fetch_parse(self, name: str, value: Any) -> Any:
        return value

    def fold(self, name: str, value: Any) -> str:
        lowered = name.lower()
        if lowered == SIGNATURE_FIELD:  # already folded by the signer
            return f"{name}: {value.replace('\r\n', self.linesep)}{self.linesep}"
        if lowered in VERBATIM_FIELDS or lowered.startswith(("list-", "x-", "content-")):
            return f"{name}: {fields.validate_header(name, value)}{self.linesep}"
        if lowered in ADDRESS_FIELDS:
            mailboxes = [value] if isinstance(value, str) else value
            return fields.format_address_header(name, list(map(fields.parse_mailbox, mailboxes)), self.linesep)
        return fields.format_text_header(name, value, self.linesep)

    def fold_binary(self, name: str, value: Any) -> bytes:
        return self.fold(name, value).encode("ascii")


class Mail(EmailMultiAlternatives):
    """A mail with a text and an HTML part that every backend of Django and Anymail can send."""

    def message(self, *, policy: Policy | None = None) -> EmailMessage:
        """The MIME message in base64, signed if there is a DKIM key. Of `policy` only the line ending is used."""
        own_fields = self._fields()
        if keys := dkim_signing.load_keys():
            unsigned = self._mime(own_fields, "\r\n").as_bytes()
            signed = dkim_signing.dkim_signatures(unsigned, self._sender_domain(), keys)
            own_fields = [*_signature_fields(signed), *own_fields]
        return self._mime(own_fields, "\n" if policy is None else policy.linesep)

    def _mime(self, own_fields: list[tuple[str, Any]], linesep: str) -> EmailMessage:
        mime = EmailMessage(policy=_policy(linesep))
        for name, value in own_fields:
            mime[name] = value
        mime["MIME-Version"] = "1.0"
        self._add_bodies(mime)
        self._add_attachments(mime)  # type: ignore[attr-defined]  # Django's own, not in its stubs
        return mime

    def _fields(self) -> list[tuple[str, Any]]:
        extra_fields = {name.lower(): (name, str(value)) for name, value in self.extra_headers.items()}
        if refused := OWN_FIELDS & extra_fields.keys():
            raise ValueError(f"{min(refused)} belongs to the message, not into its extra headers")
        addressed = [("From", [self.from_email]), ("To", self.to), ("Cc", self.cc), ("Reply-To", self.reply_to)]
        if "date" not in extra_fields:
            extra_fields["date"] = ("Date", format_datetime(datetime.now(UTC)))
        if "message-id" not in extra_fields:
            extra_fields["message-id"] = ("Message-ID", make_msgid(domain=self._sender_domain()))
        return [
            *((name, [str(one) for one in mailboxes]) for name, mailboxes in addressed if mailboxes),
            ("Subject", str(self.subject)),
            *extra_fields.values(),
        ]

    def _sender_domain(self) -> str:
        return fields.ascii_address(fields.parse_mailbox(self.from_email)[1]).rpartition("@")[2]

    def _add_bodies(self, msg: EmailMessage) -> None:
        if not self.alternatives:
            _set_text(msg, str(self.body), "plain")
            return
        msg["Content-Type"] = f'multipart/alternative; boundary="{BOUNDARY}"'
        for content, mimetype in [(self.body, "text/plain"), *self.alternatives]:
            msg.attach(_set_text(MIMEPart(policy=msg.policy), str(content), mimetype.removeprefix("text/")))


def shorten_subject(subject: str) -> str:
    line = " ".join(subject.split())
    return line if len(line) <= SUBJECT_LENGTH else f"{line[: SUBJECT_LENGTH - 1]}…"


def shouting_letters(subject: str) -> str:
    """The Latin letters for which SpamAssassin would score the subject (SUBJ_ALL_CAPS); "" if it would not."""
    letters = "".join(re.findall("[A-Za-z]+", subject))
    is_shouted = letters.isupper() and " " in subject.strip() and len(subject.encode()) >= SHOUTED_MIN
    return letters if is_shouted else ""


def build_mail(
    letter: MailContent, *, sender: tuple[str, str], to: tuple[str, str], reply_to: str, headers: Mapping[str, str]
) -> Mail:
    """Build a mail to one recipient.

    sender, to: display name (may be empty) and address. reply_to: address, may be empty.
    Raise ValueError for an invalid address, or a line break in a header.
    """
    for mailbox in (sender, to, *([("", reply_to)] if reply_to else [])):
        fields.format_address_header("To", [mailbox], "\r\n")
    for name, value in headers.items():
        fields.validate_header(name, value)
    mail = Mail(
        subject=letter.subject,
        body=letter.text,
        from_email=fields.format_mailbox(*sender),
        to=[fields.format_mailbox(*to)],
        reply_to=[reply_to] if reply_to else None,
        headers=dict(headers),
    )
    mail.attach_alternative(letter.html, "text/html")
    return mail


def _signature_fields(signed: bytes) -> list[tuple[str, str]]:
    found = re.findall(r"^([^\s:]+): (.*(?:\r\n[ \t].*)*)\r\n", signed.decode("ascii"), re.MULTILINE)
    return [(name, value.replace("\r", "").replace("\n", "\r\n")) for name, value in found]


def build_automatic_mail(
    letter: MailContent, kind: str, *ids: int | str, sender: tuple[str, str], addresses: list[str]
) -> Mail:
    """Build an automatic mail (RFC 3834 section 5). kind, ids: see `message_id`. addresses: at least one."""
    headers = fields.auto_submitted_headers() | {"Message-ID": fields.message_id(kind, *ids, domain=sender[1])}
    mail = build_mail(letter, sender=sender, to=("", addresses[0]), reply_to="", headers=headers)
    mail.to += [fields.format_mailbox("", address) for address in addresses[1:]]
    return mail


@cache
def _policy(linesep: str) -> MailPolicy:
    return MailPolicy(linesep=linesep, cte_type="7bit")


def _set_text(part: Any, text: str, subtype: str) -> Any:
    """UTF-8 in base64: quoted-printable triples Chinese, 8bit needs a server's consent. Lines end in CRLF (RFC 2045
    section 6.8)."""
    octets = "\r\n".join(text.splitlines()).encode() + b"\r\n"
    part["Content-Type"] = f'text/{subtype}; charset="utf-8"'
    part["Content-Transfer-Encoding"] = "base64"
    part.set_payload(base64.encodebytes(octets).decode("ascii"))
    return part
