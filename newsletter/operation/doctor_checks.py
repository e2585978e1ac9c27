"""Checks of the doctor: this machine, SMTP logins, the secret key, and webhooks.

diagnosis.py has the whole table. The database keeps an HMAC mark of each secret key so far, from which no key can be
derived.
"""

import errno
import os
import shutil
import smtplib
import ssl
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail.backends.smtp import EmailBackend
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from newsletter.mail.mailers import SMTP_BACKENDS, URL_VARIABLES, provider_label
from newsletter.operation import preparing
from newsletter.operation.findings import ERROR, INFO, WARNING, Finding
from newsletter.operation.models import Look
from newsletter.publication.heartbeats import WEB_SERVER, Component, last_beat
from newsletter.publication.mail_server import mail_url
from newsletter.publication.pictures.storages import media

WARNING_FREE_BYTES = 500 * 1024**2
ERROR_FREE_BYTES = 50 * 1024**2  # below, an error: the database may stop within hours
READY_FREE_BYTES = 1024**2  # below, /readyz reports a full disk
DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT}
PROBE_NAME = "doctor/probe.txt"


def disk_readiness() -> dict[str, str]:
    """ "ok", "read-only" or "full" for DATA_DIR. Does not write: called every half minute."""
    try:
        volume = os.statvfs(settings.DATA_DIR)
    except OSError as error:
        return {"data_dir": type(error).__name__}
    if volume.f_flag & os.ST_RDONLY or not os.access(settings.DATA_DIR, os.W_OK | os.X_OK):
        return {"data_dir": "read-only"}
    return {"data_dir": "full" if volume.f_bavail * volume.f_frsize < READY_FREE_BYTES else "ok"}


def disk_findings(now: datetime) -> Iterator[Finding]:
    """Write a test file into DATA_DIR."""
    folder: Path = settings.DATA_DIR
    if (error := write_error(folder)) is not None:
        yield _unusable("data_dir", folder, error)
    elif (free := shutil.disk_usage(folder).free) < WARNING_FREE_BYTES:
        message = _("Only %(free)d MB are free for %(folder)s.") % {"free": free >> 20, "folder": folder}
        level = ERROR if free < ERROR_FREE_BYTES else WARNING
        yield Finding(level, "data_dir.space", message, _("Make room; without any, the database stops."))


def folder_findings(now: datetime) -> Iterator[Finding]:
    """Write a test file into folders that may be on other disks or owned by other users."""
    for name, folder in _folders().items():
        yield from unusable_folder(name, folder)


def unusable_folder(name: str, folder: Path) -> Iterator[Finding]:
    if (error := write_error(folder)) is not None:
        yield _unusable(name, folder, error)


def _folders() -> dict[str, Path]:
    known = {"locks": settings.LOCK_DIR}
    if not media.is_remote:
        known["media"] = Path(settings.MEDIA_ROOT)
    if not mail_url():
        known["outbox"] = settings.OUTBOX_DIR
    return known


def picture_bucket_findings(now: datetime) -> Iterator[Finding]:
    """Write, read and delete a test object."""
    if not media.is_remote:
        return
    try:
        media.put(PROBE_NAME, BytesIO(b"written by doctor"))
        media.read(PROBE_NAME)
        media.delete(PROBE_NAME)
    except (OSError, ImproperlyConfigured) as error:
        message = _("The bucket of the pictures does not answer, or refuses us: %s.") % str(error).rstrip(".")
        hint = _(
            "Look at MEDIA_STORAGE_URL: key, secret, host, bucket and region; it must read, write, list and remove."
        )
        yield Finding(ERROR, "media.away", message, hint)


def write_error(folder: Path) -> OSError | None:
    """The error when writing there. For a folder that is created on demand, its parent is tested."""
    while not folder.exists() and folder not in {settings.DATA_DIR, folder.parent}:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(bytes(4096))
    except OSError as error:
        return error
    return None


def _unusable(name: str, folder: Path, error: OSError) -> Finding:
    if error.errno in DISK_FULL_ERRNOS:
        message = _("The disk of %s is full.") % folder
        return Finding(ERROR, f"{name}.full", message, _("Make room; without any, the database stops."))
    message = _("%(folder)s cannot be written to: %(why)s.") % {"folder": folder, "why": error.strerror or error}
    hint = _("Give the folder to the user that runs the newsletter.")
    return Finding(ERROR, f"{name}.read_only", message, hint)


def static_file_findings(now: datetime) -> Iterator[Finding]:
    """For machines that serve pages."""
    if _only_works():
        return
    hint = _("Run manage.py collectstatic; manage.py up does it by itself.")
    if not (settings.STATIC_ROOT / "staticfiles.json").exists():
        yield Finding(ERROR, "static.missing", _("The style sheets have not been collected."), hint)
    elif preparing.are_static_files_stale():
        message = _("The style sheets are those of before an upgrade: pages may look wrong.")
        yield Finding(ERROR, "static.stale", message, hint)


def _only_works() -> bool:
    """Has a worker or the clock beaten here, and has no web server begun?"""
    works = any(last_beat(part) is not None for part in Component)
    return works and last_beat(WEB_SERVER) is None


SMTP_TIMEOUT_SECONDS = 10.0


def smtp_login_findings(now: datetime) -> Iterator[Finding]:
    """Connect and log in to each SMTP server. APIs are not checked."""
    tried = []
    for alias, variable in URL_VARIABLES.items():
        entry = settings.MAILERS[alias]
        if entry["BACKEND"] not in SMTP_BACKENDS or entry["OPTIONS"] in tried:
            continue
        tried.append(entry["OPTIONS"])
        backend = mail.mailers[alias]
        assert isinstance(backend, EmailBackend)  # noqa: S101 - of this entry
        if isinstance(login := try_login(backend), Exception):
            place = variable if getattr(settings, variable) else _("the settings of the desk")
            yield login_finding(login, provider_label(entry).removeprefix("smtp "), place)


def try_login(backend: EmailBackend) -> Exception | str:
    """Connect, log in and close; return the version of TLS, "" without it, or the error."""
    backend.timeout = min(backend.timeout or SMTP_TIMEOUT_SECONDS, SMTP_TIMEOUT_SECONDS)
    try:
        backend.open()
        sock = backend.connection.sock if backend.connection else None
        return (sock.version() or "") if isinstance(sock, ssl.SSLSocket) else ""
    except OSError as error:  # those of smtplib and ssl are
        return error
    finally:
        backend.fail_silently = True
        backend.close()


def login_finding(error: Exception, server: str, variable: str) -> Finding:
    facts = {"server": server, "why": _error_text(error)}
    if isinstance(error, smtplib.SMTPAuthenticationError):
        message = _("The mail server %(server)s refuses user or password: %(why)s.")
        return Finding(ERROR, "mail.login", message % facts, _("Enter them in %s again.") % variable)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        message = _("The mail server %(server)s does not offer what it is asked for: %(why)s.")
        hint = _("Look at the port and the scheme of %s: smtp://, smtp+tls:// or smtps://.") % variable
        return Finding(ERROR, "mail.unsupported", message % facts, hint)
    if isinstance(error, ssl.SSLError):
        message = _("The way to the mail server %(server)s cannot be encrypted: %(why)s.")
        hint = _("Look at the port and the scheme of %s, and whether the certificate is for this name.") % variable
        return Finding(ERROR, "mail.certificate", message % facts, hint)
    message = _("The mail server %(server)s does not answer: %(why)s.")
    hint = _("Look at host and port of %s. Many hosting companies block port 25; 587 is open.") % variable
    return Finding(ERROR, "mail.away", message % facts, hint)


def _error_text(error: Exception) -> str:
    """The server's reply or the system's message, on one line."""
    if isinstance(error, smtplib.SMTPResponseException):
        raw = error.smtp_error
        text = raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
        return " ".join(f"{error.smtp_code} {text}".split()).rstrip(".")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join((reason or type(error).__name__).split()).rstrip(".")


def generated_key_findings(now: datetime) -> Iterator[Finding]:
    file = settings.SECRET_KEY_PATH
    if file.exists() and file.read_text().strip() == settings.SECRET_KEY:
        hint = _("Back it up: without it every link in mails sent so far dies.")
        yield Finding(INFO, "secret.generated", _("The secret key is kept in %s.") % file, hint)


def changed_key_findings(now: datetime) -> Iterator[Finding]:
    """A key that signed links in mails is missing from the settings."""
    if Look.marks() - _current_marks():
        message = _("The secret key is not the one of before: links in mails sent so far, and logins, are dead.")
        hint = _(
            "Put the former key into SECRET_KEY, or into SECRET_KEY_FALLBACKS. If it is lost for good, say so: "
            "manage.py doctor --forget-keys"
        )
        yield Finding(ERROR, "secret.changed", message, hint)


def remember_keys() -> None:
    """Store the mark of the current key, unless a former one is missing: that would hide the loss."""
    if not Look.marks() - _current_marks():
        Look.keep_marks(Look.marks() | {_mark(settings.SECRET_KEY)})


def forget_keys() -> None:
    Look.keep_marks({_mark(settings.SECRET_KEY)})


def _current_marks() -> set[str]:
    return {_mark(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)}


def _mark(key: str) -> str:
    return salted_hmac("newsletter.operation.key-mark", "", secret=key, algorithm="sha256").hexdigest()[:16]


FAILING_AFTER = timedelta(hours=6)  # shorter outages may be updates


def hook_findings(now: datetime) -> Iterator[Finding]:
    """Webhooks that were switched off automatically, or have failed for hours."""
    for hook in apps.get_model("hooks", "Hook")._default_manager.exclude(off="author"):
        if hook.off:
            message = _("The webhook %(name)s is %(state)s.")
            hint = _("Look at its last answers, fix it over there, and switch it on again: what waits is sent then.")
            facts = {"name": hook, "state": hook.get_off_display()}
            yield Finding(WARNING, "webhook.off", message % facts, hint, hook.pk)
        elif hook.failing_since and hook.failing_since < now - FAILING_AFTER:
            hint = _("Nothing is lost for three days; then it is switched off. Look at its last answers.")
            yield Finding(WARNING, "webhook.failing", _("The webhook %s takes nothing.") % hook, hint, hook.pk)
