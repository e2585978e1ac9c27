"""Questions of the doctor about the secret key, by which every link in a mail is signed.

Of each key that this installation has had, the database keeps a mark: an HMAC, from which no key can be found.
"""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from newsletter.operation.findings import ERROR, INFO, Finding
from newsletter.operation.models import Look


def secret(now: datetime) -> Iterator[Finding]:
    file = settings.SECRET_KEY_PATH
    if file.exists() and file.read_text().strip() == settings.SECRET_KEY:
        hint = _("Back it up: without it every link in mails sent so far dies.")
        yield Finding(INFO, "secret.generated", _("The secret key is kept in %s.") % file, hint)


def changed(now: datetime) -> Iterator[Finding]:
    """Tell of a key that signed links in mails and is known no more."""
    if Look.marks() - _marks_now():
        message = _("The secret key is not the one of before: links in mails sent so far, and logins, are dead.")
        hint = _(
            "Put the former key into SECRET_KEY, or into SECRET_KEY_FALLBACKS. If it is lost for good, say so: "
            "manage.py doctor --forget-keys"
        )
        yield Finding(ERROR, "secret.changed", message, hint)


def remember() -> None:
    """Keep the mark of the key that signs now, if no other one is missing: else the loss would be the new order."""
    if not Look.marks() - _marks_now():
        Look.keep_marks(Look.marks() | {_mark(settings.SECRET_KEY)})


def forget() -> None:
    """Forget every key but the one that signs now."""
    Look.keep_marks({_mark(settings.SECRET_KEY)})


def _marks_now() -> set[str]:
    return {_mark(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)}


def _mark(key: str) -> str:
    return salted_hmac("newsletter.operation.key-mark", "", secret=key, algorithm="sha256").hexdigest()[:16]
