"""Making tokens, and finding the one that a request carries."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from newsletter.api.models import PREFIX_LENGTH, Token, digest_of
from newsletter.api.scopes import SCOPES
from newsletter.operation.accounts import factors

MARK = "nl_"  # so that a search for leaked secrets finds it
SECRET_MAX = 200  # characters of a header that are looked at


def make(user: User, name: str, scopes: Iterable[str], **fields: Any) -> tuple[Token, str]:
    """Return a new token and its secret, which is kept nowhere. fields: networks, ends_at."""
    row = Token(user=user, name=name, **fields)
    secret = fill(row, scopes)
    row.save()
    return row, secret


def fill(row: Token, scopes: Iterable[str]) -> str:
    """Give a row its scopes and a new secret, and return that; the row is not saved yet."""
    secret, chosen = MARK + secrets.token_hex(24), set(scopes)
    row.scopes = [scope for scope in SCOPES if scope in chosen]
    row.prefix, row.digest = secret[:PREFIX_LENGTH], digest_of(secret)
    return secret


def offered_to(user: Any) -> list[str]:
    """Return the scopes of which a user has all rights."""
    return [name for name, scope in SCOPES.items() if user.has_perms(scope.needs)]


def carried(environ: Mapping[str, Any], now: datetime) -> Token | None:
    """Return the token that a request carries as RFC 6750 section 2.1 has it, if it opens anything now."""
    scheme, _space, secret = str(environ.get("HTTP_AUTHORIZATION", ""))[:SECRET_MAX].partition(" ")
    if scheme.lower() != "bearer" or not secret.strip().startswith(MARK):
        return None
    token = Token.objects.opened_by(secret.strip(), now)
    return None if token is None or factors.is_missing(token.user) else token
