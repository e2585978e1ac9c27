"""A mail backend that writes .eml files to a directory instead of sending, for a trial."""

import email.policy
import re
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage as ParsedMessage
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

BACKEND = f"{__name__}.OutboxBackend"
MAIL_NAME = re.compile(r"\d{8}T\d{12}-[0-9a-f]{20}")


class OutboxBackend(BaseEmailBackend):
    """OPTIONS: directory."""

    def __init__(self, *, directory: str, alias: str | None = None, **kwargs: Any) -> None:
        super().__init__(alias=alias, **kwargs)
        self.directory = Path(directory)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store each message that has recipients; return their number, duplicates included."""
        mails = [message for message in email_messages if message.recipients()]
        for mail in mails:
            mime = mail.message(policy=email.policy.SMTP)
            store_mail(self.directory, mime.as_bytes(), message_id=str(mime["Message-ID"]), now=datetime.now(UTC))
        return len(mails)


def store_mail(directory: Path, octets: bytes, *, message_id: str, now: datetime) -> str:
    """Write a mail and return its name. Idempotent by Message-ID.

    A symbolic link named by its hash reserves the file name atomically, so a process killed at any point leaves no mail
    or a complete one.
    """
    claim = _claim(directory, message_id)
    claim.parent.mkdir(parents=True, exist_ok=True)
    name = f"{now:%Y%m%dT%H%M%S%f}-{claim.name}"
    try:
        claim.symlink_to(f"../{name}.eml")
    except FileExistsError:
        name = claim.readlink().stem
    path = directory / f"{name}.eml"
    if not path.exists():
        with tempfile.NamedTemporaryFile(dir=claim.parent, prefix="new-", delete=False) as file:
            file.write(octets)
        Path(file.name).replace(path)
    return name


def remove_mail(directory: Path, message_id: str) -> None:
    """Remove a mail that was stored by this Message-ID, if there is one."""
    claim = _claim(directory, message_id)
    with suppress(FileNotFoundError):
        (directory / claim.readlink().name).unlink(missing_ok=True)
        claim.unlink()


def _claim(directory: Path, message_id: str) -> Path:
    return directory / ".claims" / sha256(message_id.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class MailSummary:
    name: str
    sender: str
    to: str
    subject: str
    sent_at: datetime


def directory() -> Path | None:
    """The outbox directory; None if no mailer uses the outbox."""
    for mailer in settings.MAILERS.values():
        if mailer["BACKEND"] == BACKEND:
            return Path(mailer["OPTIONS"]["directory"])
    return None


def mail_names(directory: Path) -> list[str]:
    """Newest first."""
    return sorted((path.stem for path in directory.glob("*.eml") if MAIL_NAME.fullmatch(path.stem)), reverse=True)


def read_summary(directory: Path, name: str) -> MailSummary:
    mail = _parse(read_mail(directory, name))
    stored_at = datetime.strptime(name.partition("-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    return MailSummary(
        name=name,
        sender=_display_addresses(mail, "From"),
        to=_display_addresses(mail, "To"),
        subject=str(mail.get("Subject", "")),
        sent_at=getattr(mail["Date"], "datetime", None) or stored_at,
    )


def read_mail(directory: Path, name: str) -> bytes:
    if not MAIL_NAME.fullmatch(name):
        raise FileNotFoundError(name)
    return (directory / f"{name}.eml").read_bytes()


def body_part(octets: bytes, subtype: str) -> str:
    body = _parse(octets).get_body(preferencelist=(subtype,))
    return str(body.get_content()).replace("\r\n", "\n") if body else ""


def header_fields(octets: bytes) -> list[tuple[str, str]]:
    """Header fields in order, decoded as a mail client does."""
    return [(name, str(value)) for name, value in _parse(octets).items()]


def _parse(octets: bytes) -> ParsedMessage:
    return message_from_bytes(octets, policy=email.policy.default)


def _display_addresses(mail: ParsedMessage, field: str) -> str:
    """Names and addresses for display, without RFC 5322 quoting."""
    people = getattr(mail.get(field), "addresses", ())
    return ", ".join(f"{one.display_name} <{one.addr_spec}>" if one.display_name else one.addr_spec for one in people)
