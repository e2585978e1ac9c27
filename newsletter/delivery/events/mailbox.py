"""Fetches the IMAP mailbox for bounces, complaints, unsubscribes and replies: stores each mail, then moves it.

Nothing is deleted. If a worker dies in between, the mail is stored again, which is a no-op, and moved.
"""

import contextlib
import imaplib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from imap_tools import BaseMailBox, ImapToolsError, MailBox, MailBoxStartTls, MailBoxUnencrypted

from newsletter.delivery.models import InboundMessage, MailFetch

MAILS_PER_FETCH = 200
FAILED_MOVES_MAX = 20  # mails that cannot be moved before the fetch stops
TIMEOUT_SECONDS = 20
PIPE = "pipe:"  # no mailbox: a mail server pipes each mail to receive_mail
DONE_FOLDER = "Processed"
MAILBOX_CLASSES: dict[str, Callable[..., BaseMailBox]] = {
    "imaps": MailBox,
    "imap": MailBoxUnencrypted,
    "imap+starttls": MailBoxStartTls,
}
PORTS = {"imaps": 993, "imap": 143, "imap+starttls": 143}
MAILBOX_ERRORS = (OSError, imaplib.IMAP4.error, ImapToolsError, ssl.SSLError)


class MailboxUnavailable(Exception):
    """The mailbox cannot be read now. The message says why, without the password."""


@dataclass(frozen=True)
class MailboxConfig:
    """done_folder: the folder that stored mails are moved to."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    folder: str
    done_folder: str


def parse_mailbox_url(url: str) -> MailboxConfig | None:
    """Parse MAILBOX_URL: imaps://user:password@host/FOLDER?done=FOLDER. None if it is empty or a pipe."""
    if not url or url == PIPE:
        return None
    parts = urlsplit(url)
    try:
        port = parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        port = 0
    if not (port and parts.hostname and parts.username and parts.password):
        raise ImproperlyConfigured("MAILBOX_URL must be like imaps://user:password@host/INBOX")
    return MailboxConfig(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port,
        user=unquote(parts.username),
        password=unquote(parts.password),
        folder=unquote(parts.path.strip("/")) or "INBOX",
        done_folder=parse_qs(parts.query).get("done", [DONE_FOLDER])[0],
    )


def fetch_mails(now: datetime) -> int:
    """Store new mails and move them away; return how many were not stored before.

    Raises MailboxUnavailable; mails stored until then stay stored.
    """
    config = parse_mailbox_url(settings.MAILBOX_URL)
    if config is None:
        return 0
    try:
        new = sum(_store_and_move(config, now))
    except MAILBOX_ERRORS as problem:
        why = f"{type(problem).__name__}: {problem}".replace(config.password or "\0", "•••")
        MailFetch.record_failure(why, now)
        raise MailboxUnavailable(why) from problem
    MailFetch.record_success(now)
    return new


def _store_and_move(config: MailboxConfig, now: datetime) -> Iterator[bool]:
    """Store and move mails; yield whether each is new. Errors of single mails are raised at the end."""
    with _connected(config) as box:
        box.login(config.user, config.password, initial_folder=config.folder)
        uids = box.uids()
        with contextlib.suppress(ImapToolsError):  # it exists already; otherwise moving fails
            if uids and not box.folder.exists(config.done_folder):
                box.folder.create(config.done_folder)
        failed: list[Exception] = []
        for uid in uids[: MAILS_PER_FETCH + FAILED_MOVES_MAX]:
            try:
                _status, parts = box.client.uid("FETCH", uid, "(BODY.PEEK[])")  # left unread
                if body := next((bytes(part[1]) for part in parts if isinstance(part, tuple)), b""):  # not gone
                    yield InboundMessage.objects.store(InboundMessage.MAIL, body, now)
                    box.move(uid, config.done_folder)
            except imaplib.IMAP4.abort:  # the connection has ended
                raise
            except (imaplib.IMAP4.error, ImapToolsError) as problem:
                failed.append(problem)
            if len(failed) >= FAILED_MOVES_MAX:
                break
        if failed:
            raise failed[0]


@contextlib.contextmanager
def _connected(config: MailboxConfig) -> Iterator[BaseMailBox]:
    """A connection whose socket is closed even if the server hangs up."""
    box = MAILBOX_CLASSES[config.scheme](config.host, config.port, timeout=TIMEOUT_SECONDS)
    try:
        with box:
            yield box
    finally:
        with contextlib.suppress(OSError):
            box.client.shutdown()
