"""What an author has beside a password: an app that shows codes."""

import time

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth.models import User
from django.test import Client

from newsletter.desk import factors

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code(off: int = 0, secret: str = SECRET) -> str:
    """Return what the app shows now, or `off` steps of 30 seconds from now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + off))


def give_app(user: User) -> list[str]:
    """Add the app to the account; return its recovery codes."""
    return factors.add_app(user, SECRET, 0)


def let_proof_grow_old(client: Client) -> None:
    """Make the last proof of a session one of an hour ago."""
    session = client.session
    session["desk_proven_at"] = time.time() - 3600
    session.save()
