"""What is wrong with this installation, and how to mend it: small questions in a table."""

import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Sum
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from kombu.exceptions import OperationalError as QueueError

from newsletter.celery import app as celery
from newsletter.delivery.models import Batch, Mailing
from newsletter.mail.tokens import TOKEN_LENGTH_MAX
from newsletter.operation import backups, liveness
from newsletter.operation.accounts import author
from newsletter.operation.backups import restoration
from newsletter.operation.findings import ERROR, INFO, WARNING, Finding, Question
from newsletter.operation.senders.address import sender, subjects
from newsletter.operation.senders.records import dns_records
from newsletter.operation.undelivered import (
    lost_letters,
    mailbox,
    refused_addresses,
    result_letters,
    waiting_letters,
    webhook,
)
from newsletter.publication.models import Publication
from newsletter.publication.pictures.cards import Card, FontUnusable

PING_SECONDS = 2.0
QUEUE_SECONDS = 3  # to connect to Redis
SILENT_SECONDS = 180  # a mailing may keep the worker busy for a minute
LATE = timedelta(minutes=5)  # beat asks every few seconds: a mailing that waits longer finds no worker
FREE_BYTES = 500 * 1024**2
HEADER_URL_LENGTH_MAX = 74  # longer ones are encoded by Python's e-mail package, and clients show no button
CLOCK = timedelta(seconds=5)


# --- What must be there before a page can be served ---


def readiness() -> dict[str, str]:
    """Return "ok", or in a word why not, for each part that every page and task needs."""
    database = _database_answer()
    migrations = "unknown" if database else "" if _is_migrated() else "pending"
    needed = {"database": database or "ok", "migrations": migrations or "ok", "queue": _queue_answer() or "ok"}
    return needed | liveness.readiness()


def _database_answer() -> str:
    """Return "" if the database answers, else the kind of its refusal: the full text may name an account."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        return type(error).__name__
    return ""


def _is_migrated() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _queue_answer(*, writes: bool = False) -> str:
    """Return "" if tasks can be put on the queue, else the kind of obstacle.

    writes: see that Redis is not full or read-only. Pages need neither, so /readyz does not ask for it.
    """
    if not settings.REDIS_URL:
        return "" if os.access(settings.QUEUE_DIR, os.W_OK | os.X_OK) else "no folder"
    from redis import Redis, RedisError  # noqa: PLC0415 - see publication.limits

    limits = {"socket_connect_timeout": QUEUE_SECONDS, "socket_timeout": QUEUE_SECONDS}
    try:
        with Redis.from_url(settings.REDIS_URL, **limits) as client:
            client.ping()
            if writes:
                client.set("newsletter:doctor", "x", ex=60)
    except (RedisError, OSError) as error:
        return type(error).__name__
    return ""


# --- The machine ---


def database(now: datetime) -> Iterator[Finding]:
    if answer := _database_answer():
        hint = _("Look at DATABASE_URL, and whether the server runs.")
        yield Finding(ERROR, "database.unreachable", _("The database does not answer: %s.") % answer, hint)
    elif not _is_migrated():
        hint = _("Run manage.py migrate; manage.py up does it at every start.")
        yield Finding(ERROR, "database.migrations", _("The database is older than the program."), hint)


def journal(now: datetime) -> Iterator[Finding]:
    if connection.vendor != "sqlite" or (mode := _one_value("PRAGMA journal_mode")) in {"wal", "memory"}:
        return
    message = _("SQLite keeps its journal as “%s” instead of WAL: pages wait while mail is sent.") % mode
    yield Finding(WARNING, "database.wal", message, _("Keep DATA_DIR on a local disk, not on a network one."))


def _one_value(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return str(cursor.fetchone()[0])


def clock(now: datetime) -> Iterator[Finding]:
    if connection.vendor != "postgresql":
        return  # SQLite has no clock of its own
    there = Publication.objects.values_list(Now(), flat=True).first() or now
    here = datetime.now(UTC)
    if abs(there - here) > CLOCK:
        message = _("The clocks of this machine and of the database differ: %(here)s and %(there)s.")
        times = {"here": f"{here:%H:%M:%S}", "there": f"{there:%H:%M:%S}"}
        yield Finding(WARNING, "clock.differs", message % times, _("Let both machines follow a time server."))


def disk(now: datetime) -> Iterator[Finding]:
    if not os.access(settings.DATA_DIR, os.W_OK | os.X_OK):
        message = _("%s cannot be written to.") % settings.DATA_DIR
        yield Finding(ERROR, "data_dir.read_only", message, _("Give the folder to the user that runs the newsletter."))
    elif (free := shutil.disk_usage(settings.DATA_DIR).free) < FREE_BYTES:
        message = _("Only %(free)d MB are free for %(folder)s.") % {"free": free >> 20, "folder": settings.DATA_DIR}
        yield Finding(WARNING, "data_dir.space", message, _("Make room; without any, the database stops."))


def static_files(now: datetime) -> Iterator[Finding]:
    if not (settings.STATIC_ROOT / "staticfiles.json").exists():
        hint = _("Run manage.py collectstatic; manage.py up does it by itself.")
        yield Finding(ERROR, "static.missing", _("The style sheets have not been collected."), hint)


def card_font(now: datetime) -> Iterator[Finding]:
    try:
        Card("題", name="", detail="", accent="#000000").png()
    except FontUnusable as error:
        message = _("The font of the pictures beside links cannot be read: %s.") % error
        hint = _("Install the newsletter's files again; other sites show no picture for your pages until then.")
        yield Finding(ERROR, "cards.font", message, hint)


def queue(now: datetime) -> Iterator[Finding]:
    if answer := _queue_answer(writes=True):
        hint = _("Look at REDIS_URL; without one, manage.py up makes the folder DATA_DIR/queue.")
        yield Finding(ERROR, "queue.unreachable", _("The queue cannot be used: %s.") % answer, hint)


def worker(now: datetime) -> Iterator[Finding]:
    """Ask the workers themselves; takes PING_SECONDS when there is none."""
    try:
        answers = celery.control.inspect(timeout=PING_SECONDS, limit=1).ping()
    except (QueueError, OSError):
        return  # the queue is gone: that is its own finding
    if not answers:
        yield _no_worker()


def waiting_tasks(now: datetime) -> Iterator[Finding]:
    """Look for tasks that nobody takes: what can be known of the embedded queue's worker without asking it."""
    if not settings.REDIS_URL and any(map(_is_old, settings.QUEUE_DIR.glob("*.celery.msg"))):
        yield _no_worker()


def _is_old(task: Path) -> bool:
    try:
        return time.time() - task.stat().st_mtime > SILENT_SECONDS
    except FileNotFoundError:  # a worker was faster
        return False


def _no_worker() -> Finding:
    level = ERROR if Mailing.objects.open().exists() else WARNING
    hint = _("Start manage.py up, or the worker as docs/deploy.md says.")
    return Finding(level, "worker.silent", _("No worker answers: neither issues nor confirmations are sent."), hint)


def author_account(now: datetime) -> Iterator[Finding]:
    if author.is_missing():
        hint = _("Run manage.py author_link and open what it prints.")
        yield Finding(WARNING, "author.missing", _("Nobody can log in to the desk yet."), hint)


# --- Addresses and secrets ---


def site_url(now: datetime) -> Iterator[Finding]:
    if urlsplit(settings.SITE_URL).scheme == "http":
        message = _("%s is not https: mail clients show no unsubscribe button, and passwords travel in the open.")
        hint = _("Put a proxy with TLS in front and set SITE_URL=https://…")
        yield Finding(WARNING, "site_url.http", message % settings.SITE_URL, hint)


def proxies(now: datetime) -> Iterator[Finding]:
    if urlsplit(settings.SITE_URL).scheme == "https" and not settings.TRUSTED_PROXIES:
        message = _("%s is https, but no proxy is trusted: every page would redirect to itself.")
        hint = _("Set TRUSTED_PROXIES=1 if one proxy ends TLS in front of the web server.")
        yield Finding(WARNING, "proxies.untrusted", message % settings.SITE_URL, hint)


def unsubscribe_url(now: datetime) -> Iterator[Finding]:
    longest = len(f"{settings.SITE_URL}/unsubscribe//") + TOKEN_LENGTH_MAX
    if longest > HEADER_URL_LENGTH_MAX:
        message = _("Links to unsubscribe may have %(length)d characters; up to %(max)d are safe in a header.")
        hint = _("Use a shorter host name in SITE_URL if you can.")
        sizes = {"length": longest, "max": HEADER_URL_LENGTH_MAX}
        yield Finding(INFO, "unsubscribe_url.long", message % sizes, hint)


def secret(now: datetime) -> Iterator[Finding]:
    file = settings.SECRET_KEY_PATH
    if file.exists() and file.read_text().strip() == settings.SECRET_KEY:
        hint = _("Back it up: without it every link in mails sent so far dies.")
        yield Finding(INFO, "secret.generated", _("The secret key is kept in %s.") % file, hint)


def debug(now: datetime) -> Iterator[Finding]:
    if settings.DEBUG:
        message = _("DEBUG is on: error pages show the program's inside to everybody.")
        yield Finding(WARNING, "debug.on", message, _("Set DEBUG=0."))


# --- Mail ---


def mail(now: datetime) -> Iterator[Finding]:
    if not settings.MAIL_URL:
        hint = _("Set MAIL_URL, such as smtp://user:password@host:587, and start again.")
        yield Finding(WARNING, "mail.outbox", _("Mail leaves only for the outbox: no reader gets any."), hint)


def postal_address(now: datetime) -> Iterator[Finding]:
    if not Publication.objects.current().postal_address:
        hint = _("Fill it in under Publication: many countries ask for it at the foot of every issue.")
        yield Finding(WARNING, "postal_address.empty", _("The postal address is empty."), hint)


def mailings(now: datetime) -> Iterator[Finding]:
    for mailing in Mailing.objects.filter(state=Mailing.State.PAUSED).select_related("issue"):
        message = _("The mailing of %(issue)s is paused. %(reason)s")
        facts = {"issue": mailing.issue, "reason": mailing.why_paused}
        yield Finding(WARNING, "mailing.paused", (message % facts).strip(), _("Resume or cancel it."), mailing.pk)
    for mailing in Mailing.objects.due(now - LATE).select_related("issue"):
        message = _("%s should be on its way, but no worker has taken it up.") % mailing.issue
        yield Finding(ERROR, "mailing.late", message, _("Start manage.py up, or the worker and beat."), mailing.pk)


def uncertain(now: datetime) -> Iterator[Finding]:
    count = Batch.objects.aggregate(total=Sum("uncertain"))["total"] or 0
    if count:
        message = ngettext(
            "%d mail may or may not have arrived: the answer of the mail server was lost.",
            "%d mails may or may not have arrived: the answer of the mail server was lost.",
            count,
        )
        hint = _(
            "They are never sent again by themselves. Decide on the page of the mailing: count as sent, or send again."
        )
        yield Finding(WARNING, "mailing.uncertain", message % count, hint)


# --- The table ---

FOUNDATIONS: tuple[Question, ...] = (disk, database, queue)  # the others need these
# What these say when the others are not asked.
BROKEN = frozenset({"data_dir.read_only", "database.unreachable", "database.migrations", "queue.unreachable"})
EVERYTHING: tuple[Question, ...] = (
    *(journal, clock, static_files, card_font, worker, liveness.silence, author_account),
    *(site_url, proxies, unsubscribe_url, secret, debug),
    *(mail, sender, subjects, dns_records, postal_address, mailings, liveness.standstill, uncertain),
    *(restoration, backups.nightly, backups.exports, backups.none, refused_addresses),
    *(mailbox, webhook, waiting_letters, lost_letters, result_letters),
)
# What the author can mend, and what costs a page nothing to ask.
OF_MAILINGS: tuple[Question, ...] = (
    *(restoration, waiting_tasks, liveness.silence, mailings, liveness.standstill, uncertain, refused_addresses),
)
AT_HOME: tuple[Question, ...] = (
    *OF_MAILINGS,
    *(backups.nightly, backups.exports, mailbox, waiting_letters, lost_letters, result_letters),
    *(mail, sender, postal_address),
)


def examine(now: datetime) -> list[Finding]:
    """Return everything worth knowing, the gravest first. Takes some seconds when a part does not answer."""
    broken = _ask(FOUNDATIONS, now)
    findings = broken if any(finding.level == ERROR for finding in broken) else [*broken, *_ask(EVERYTHING, now)]
    return sorted(findings, key=lambda finding: [ERROR, WARNING, INFO].index(finding.level))


def for_the_author(now: datetime) -> list[Finding]:
    """Return what the desk's home shows; cheap."""
    return _ask(AT_HOME, now)


def for_an_editor(now: datetime) -> list[Finding]:
    """Return of these what somebody who sends issues can mend."""
    return _ask(OF_MAILINGS, now)


def _ask(questions: tuple[Question, ...], now: datetime) -> list[Finding]:
    return [finding for question in questions for finding in question(now)]
