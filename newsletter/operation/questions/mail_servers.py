"""Whether the mail servers let us in: asked as far as the password, and never further."""

import smtplib
import ssl
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.core import mail
from django.core.mail.backends.smtp import EmailBackend
from django.utils.translation import gettext as _

from newsletter.mail.mailers import SMTP, provider_name
from newsletter.operation.findings import ERROR, Finding

ANSWER_SECONDS = 10.0
MAILERS = {"default": "MAIL_URL", "bulk": "BULK_MAIL_URL"}


def greetings(now: datetime) -> Iterator[Finding]:
    """Connect to each SMTP server, greet, encrypt and log in as its URL says, and leave. An API is not asked."""
    tried = []
    for alias, variable in MAILERS.items():
        entry = settings.MAILERS[alias]
        if entry["BACKEND"] != SMTP or entry["OPTIONS"] in tried:
            continue
        tried.append(entry["OPTIONS"])
        if (error := _error(alias)) is not None:
            yield _finding(error, provider_name(entry).removeprefix("smtp "), variable)


def _error(alias: str) -> Exception | None:
    backend = mail.mailers[alias]
    assert isinstance(backend, EmailBackend)  # noqa: S101 - who asks has looked
    backend.timeout = min(backend.timeout or ANSWER_SECONDS, ANSWER_SECONDS)
    try:
        backend.open()
    except OSError as error:  # those of smtplib and ssl are
        return error
    finally:
        backend.fail_silently = True
        backend.close()
    return None


def _finding(error: Exception, server: str, variable: str) -> Finding:
    facts = {"server": server, "why": _said(error)}
    if isinstance(error, smtplib.SMTPAuthenticationError):
        message = _("The mail server %(server)s refuses user or password: %(why)s.")
        return Finding(ERROR, "mail.login", message % facts, _("Enter them in %s anew.") % variable)
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


def _said(error: Exception) -> str:
    """Return the server's own words, or the system's, on one line."""
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error
        text = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
        return " ".join(f"{error.smtp_code} {text}".split()).rstrip(".")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join((reason or type(error).__name__).split()).rstrip(".")
