"""One e-mail, built and written so that no relay and no reader can misread it. Building does not send."""

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

from newsletter.mail import headers as fields
from newsletter.mail import signatures

ADDRESSES = {"from", "to", "cc", "reply-to", "sender"}
VERBATIM = {
    *("message-id", "feedback-id", "archived-at", "precedence", "auto-submitted", "date", "mime-version"),
    "cfbl-address",
}
OWN = {"from", "to", "cc", "bcc", "reply-to", "subject", "mime-version", "content-type", "content-transfer-encoding"}
SIGNATURE = "dkim-signature"
SUBJECT_LENGTH = 200  # characters: rspamd takes a longer subject for spam (LONG_SUBJ)
SHOUTED_MIN = 10  # octets: SpamAssassin leaves shorter subjects alone
BOUNDARY = "=_newsletter"  # "_" is no letter of base64, so that no body can contain it


@dataclass(frozen=True)
class Letter:
    """What a mail says, whoever gets it."""

    subject: str
    html: str
    text: str


class LetterPolicy(EmailPolicy):
    """Keep headers as plain text and write them by the rules of `headers`.

    Django 6.1 on Python 3.13 writes a List-Unsubscribe of 75 characters as an encoded word, which no
    mail client understands, and parses every header into a tree first, which is most of a mail's cost.
    """

    def header_max_count(self, name: str) -> int | None:
        return None  # `Mail` writes each header once by itself; to ask costs as much as the whole rest

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        return name, value

    def header_fetch_parse(self, name: str, value: Any) -> Any:
        return value

    def fold(self, name: str, value: Any) -> str:
        lowered = name.lower()
        if lowered == SIGNATURE:  # already folded by the signer: kept
            return f"{name}: {value.replace('\r\n', self.linesep)}{self.linesep}"
        if lowered in VERBATIM or lowered.startswith(("list-", "x-", "content-")):
            return f"{name}: {fields.checked(name, value)}{self.linesep}"
        if lowered in ADDRESSES:
            return fields.written_mailboxes(name, [fields.parsed(one) for one in _each(value)], self.linesep)
        return fields.written(name, value, self.linesep)

    def fold_binary(self, name: str, value: Any) -> bytes:
        return self.fold(name, value).encode("ascii")


class Mail(EmailMultiAlternatives):
    """A mail with a text and an HTML part that every backend of Django and Anymail can send."""

    def message(self, *, policy: Policy | None = None) -> EmailMessage:
        """Return the MIME message in base64 throughout, signed if there is a key for it.

        Of `policy`, only the line ending counts.
        """
        fields_of_it = self._fields()
        if by := signatures.keys():
            unsigned = self._mime(fields_of_it, "\r\n").as_bytes()
            signed = signatures.signatures(unsigned, self._sender_domain(), by)
            fields_of_it = [*_signature_fields(signed), *fields_of_it]
        return self._mime(fields_of_it, "\n" if policy is None else policy.linesep)

    def _mime(self, fields_of_it: list[tuple[str, Any]], linesep: str) -> EmailMessage:
        mime = EmailMessage(policy=_policy(linesep))
        for name, value in fields_of_it:
            mime[name] = value
        mime["MIME-Version"] = "1.0"
        self._add_bodies(mime)
        self._add_attachments(mime)  # type: ignore[attr-defined]  # Django's own, not in its stubs
        return mime

    def _fields(self) -> list[tuple[str, Any]]:
        given = {name.lower(): (name, str(value)) for name, value in self.extra_headers.items()}
        if refused := OWN & given.keys():
            raise ValueError(f"{min(refused)} belongs to the message, not into its extra headers")
        addressed = [("From", [self.from_email]), ("To", self.to), ("Cc", self.cc), ("Reply-To", self.reply_to)]
        if "date" not in given:
            given["date"] = ("Date", format_datetime(datetime.now(UTC)))
        if "message-id" not in given:
            given["message-id"] = ("Message-ID", make_msgid(domain=self._sender_domain()))
        return [
            *((name, [str(one) for one in mailboxes]) for name, mailboxes in addressed if mailboxes),
            ("Subject", str(self.subject)),
            *given.values(),
        ]

    def _sender_domain(self) -> str:
        return fields.ascii_address(fields.parsed(self.from_email)[1]).rpartition("@")[2]

    def _add_bodies(self, msg: EmailMessage) -> EmailMessage:
        if not self.alternatives:
            _fill(msg, str(self.body), "plain")
            return msg
        msg["Content-Type"] = f'multipart/alternative; boundary="{BOUNDARY}"'
        msg.attach(_fill(MIMEPart(policy=msg.policy), str(self.body), "plain"))
        for content, mimetype in self.alternatives:
            msg.attach(_fill(MIMEPart(policy=msg.policy), str(content), mimetype.removeprefix("text/")))
        return msg


def shortened(subject: str) -> str:
    line = " ".join(subject.split())
    return line if len(line) <= SUBJECT_LENGTH else f"{line[: SUBJECT_LENGTH - 1]}…"


def shouted(subject: str) -> str:
    """Return the letters for which SpamAssassin takes a subject for shouting (SUBJ_ALL_CAPS); "" if it does not.

    It looks at Latin letters only.
    """
    letters = "".join(re.findall("[A-Za-z]+", subject))
    is_shouted = letters.isupper() and " " in subject.strip() and len(subject.encode()) >= SHOUTED_MIN
    return letters if is_shouted else ""


def build(
    letter: Letter, *, sender: tuple[str, str], to: tuple[str, str], reply_to: str, headers: Mapping[str, str]
) -> Mail:
    """Return the mail that carries `letter` to one reader; nothing is sent.

    sender, to: display name (may be empty) and address. reply_to: address, may be empty.
    Raise ValueError for an address that cannot be mailed, or a line break in a header.
    """
    for mailbox in (sender, to, *([("", reply_to)] if reply_to else [])):
        fields.written_mailboxes("To", [mailbox], "\r\n")
    for name, value in headers.items():
        fields.checked(name, value)
    mail = Mail(
        subject=letter.subject,
        body=letter.text,
        from_email=fields.mailbox(*sender),
        to=[fields.mailbox(*to)],
        reply_to=[reply_to] if reply_to else None,
        headers=dict(headers),
    )
    mail.attach_alternative(letter.html, "text/html")
    return mail


def _signature_fields(signed: bytes) -> list[tuple[str, str]]:
    """Return DKIM-Signature fields, each as name and folded value."""
    found = re.findall(r"^([^\s:]+): (.*(?:\r\n[ \t].*)*)\r\n", signed.decode("ascii"), re.MULTILINE)
    return [(name, value.replace("\r", "").replace("\n", "\r\n")) for name, value in found]


def automatic(letter: Letter, *, sender: tuple[str, str], addresses: list[str], message_id: str) -> Mail:
    """Return a mail that the program writes by itself, to everybody whom it concerns; nothing is sent.

    addresses: at least one. Other machines must not answer it (RFC 3834 section 5).
    """
    own = fields.automatic_headers() | {"Message-ID": message_id}
    mail = build(letter, sender=sender, to=("", addresses[0]), reply_to="", headers=own)
    mail.to += [fields.mailbox("", address) for address in addresses[1:]]
    return mail


@cache
def _policy(linesep: str) -> LetterPolicy:
    return LetterPolicy(linesep=linesep, cte_type="7bit")


def _each(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _fill(part: Any, text: str, subtype: str) -> Any:
    """Fill a part: UTF-8 in base64, because quoted-printable makes Chinese three times as long and 8bit needs
    a server's consent. Lines end in CRLF inside (RFC 2045 section 6.8)."""
    octets = "\r\n".join(text.splitlines()).encode() + b"\r\n"
    part["Content-Type"] = f'text/{subtype}; charset="utf-8"'
    part["Content-Transfer-Encoding"] = "base64"
    part.set_payload(base64.encodebytes(octets).decode("ascii"))
    return part
