"""The mailbox where bounces, complaints, leavings and replies arrive: each mail is stored, then moved, never deleted.

Between the two a worker may die: the mail is then stored once more, which changes nothing, and moved.
"""

import contextlib
import imaplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from imap_tools import BaseMailBox, ImapToolsError, MailBox, MailBoxStartTls, MailBoxUnencrypted

from newsletter.delivery.models import Arrival, MailFetch

AT_ONCE = 200  # mails of one look
REFUSED_MAX = 20  # mails of one look that cannot be moved; a mailbox that moves nothing is not read as a whole
TIMEOUT_SECONDS = 20
PIPE = "pipe:"  # there is no mailbox: a mail server hands each mail to receive_mail
DONE = "Processed"
PORTS = {"imaps": 993, "imap": 143, "imap+starttls": 143}
AWAY = (OSError, imaplib.IMAP4.error, ImapToolsError, ssl.SSLError)


class MailboxAway(Exception):
    """The mailbox cannot be read now; the message says why, without the password."""


@dataclass(frozen=True)
class Place:
    """Where a mailbox is. done: the folder that mails are moved to once they are stored."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    folder: str
    done: str

    def open(self) -> BaseMailBox:
        """Return a connection that nobody has logged in to."""
        if self.scheme == "imaps":
            return MailBox(self.host, self.port, timeout=TIMEOUT_SECONDS)
        if self.scheme == "imap+starttls":
            return MailBoxStartTls(self.host, self.port, timeout=TIMEOUT_SECONDS)
        return MailBoxUnencrypted(self.host, self.port, timeout=TIMEOUT_SECONDS)


def place(url: str) -> Place | None:
    """Return where MAILBOX_URL leads: imaps://user:password@host/FOLDER?done=FOLDER; None for none, and for a pipe."""
    if not url or url == PIPE:
        return None
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname or not parts.username:
        raise ImproperlyConfigured("MAILBOX_URL must be like imaps://user:password@host/INBOX")
    return Place(
        scheme=parts.scheme,
        host=parts.hostname,
        port=parts.port or PORTS[parts.scheme],
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
        folder=unquote(parts.path.strip("/")) or "INBOX",
        done=parse_qs(parts.query).get("done", [DONE])[0],
    )


def fetch(now: datetime) -> int:
    """Store what has arrived in the mailbox, and move it away; return how many mails are new here.

    Raise MailboxAway when it cannot be read; what was stored until then stays stored.
    """
    where = place(settings.MAILBOX_URL)
    if where is None:
        return 0
    try:
        new = sum(_take(where, now))
    except AWAY as problem:
        why = f"{type(problem).__name__}: {problem}".replace(where.password or "\0", "•••")
        MailFetch.failed(why, now)
        raise MailboxAway(why) from problem
    MailFetch.succeeded(now)
    return new


def _take(where: Place, now: datetime) -> Iterator[bool]:
    """Store and move mails, yield whether each is new; one that cannot be moved is passed, and raised at the end."""
    with _opened(where) as box:
        box.login(where.user, where.password, initial_folder=where.folder)
        uids = box.uids()
        if uids:
            _make_folder(box, where.done)
        refused: list[Exception] = []
        for uid in uids[: AT_ONCE + REFUSED_MAX]:
            try:
                if body := _octets(box, uid):
                    yield Arrival.objects.store(Arrival.MAIL, body, now)
                    box.move(uid, where.done)
            except imaplib.IMAP4.abort:  # the connection has ended
                raise
            except (imaplib.IMAP4.error, ImapToolsError) as problem:
                refused.append(problem)
            if len(refused) >= REFUSED_MAX:
                break
        if refused:
            raise refused[0]


@contextlib.contextmanager
def _opened(where: Place) -> Iterator[BaseMailBox]:
    """Open a connection for the block, and close its socket also where the server left without a word."""
    box = where.open()
    try:
        with box:
            yield box
    finally:
        with contextlib.suppress(OSError):
            box.client.shutdown()


def _make_folder(box: BaseMailBox, name: str) -> None:
    with contextlib.suppress(ImapToolsError):  # it is there; if it cannot be made, moving says so
        if not box.folder.exists(name):
            box.folder.create(name)


def _octets(box: BaseMailBox, uid: str) -> bytes:
    """Return a mail as it is, and leave it unread; b"" if somebody has taken it away meanwhile."""
    _status, found = box.client.uid("FETCH", uid, "(BODY.PEEK[])")
    return next((bytes(part[1]) for part in found if isinstance(part, tuple)), b"")
