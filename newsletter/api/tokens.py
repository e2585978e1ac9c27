"""Tokens: what one may be for, how it is made and found in a request, and how much a request with one may send."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from newsletter.api import problems
from newsletter.api.models import PREFIX_LENGTH, Token, digest_of
from newsletter.operation.accounts import factors
from newsletter.publication import bodies

SCHEDULE = "issues:schedule"


@dataclass(frozen=True)
class Scope:
    """needs: the rights of the desk that its user must have; each endpoint asks for those that it needs again."""

    label: Promise
    needs: tuple[str, ...]


SEE, CARE = "subscribers.see_readers", "subscribers.change_subscriber"
SCOPES: dict[str, Scope] = {
    "posts:read": Scope(_("read posts, drafts too, pictures and tags"), ("posts.view_post",)),
    "posts:write": Scope(_("write drafts, change texts, upload pictures"), ("posts.change_post",)),
    "posts:publish": Scope(_("publish posts, and take them back"), ("posts.publish_post",)),
    "issues:read": Scope(_("read issues, and what became of their mailings"), ("issues.view_issue",)),
    "issues:write": Scope(_("compose issues and rehearse them"), ("issues.change_issue",)),
    SCHEDULE: Scope(_("schedule issues, and pause or cancel their mailings"), ("issues.send_issue",)),
    "readers:read": Scope(_("see who the readers are"), (SEE,)),
    "readers:write": Scope(_("add, tag, pause, unsubscribe and erase readers"), (SEE, CARE)),
    "readers:export": Scope(_("take the list of readers away"), (SEE, "subscribers.export_readers")),
    "deliveries:read": Scope(_("see which copies a reader got"), (SEE, "delivery.view_mailing")),
    "events:read": Scope(_("see bounces, complaints and other events"), (SEE, "delivery.view_mailing")),
    "imports:write": Scope(_("import readers"), (SEE, "subscribers.add_subscriber")),
    "health:read": Scope(_("see whether the installation is well"), ("publication.view_publication",)),
}


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
    return [name for name, scope in SCOPES.items() if user.has_perms(scope.needs)]


def carried(environ: Mapping[str, Any], now: datetime) -> Token | None:
    """Return the token that a request carries as RFC 6750 section 2.1 has it, if it opens anything now."""
    scheme, _space, secret = str(environ.get("HTTP_AUTHORIZATION", ""))[:SECRET_MAX].partition(" ")
    if scheme.lower() != "bearer" or not secret.strip().startswith(MARK):
        return None
    token = Token.objects.opened_by(secret.strip(), now)
    return None if token is None or factors.is_missing(token.user) else token


PREFIX, IMPORTS = "/api/v1/", "/api/v1/imports"


def body_limit(environ: dict[str, Any]) -> int:
    if carried(environ, timezone.now()) is None:
        return bodies.PUBLIC
    return bodies.READERS if environ.get("PATH_INFO") == IMPORTS else bodies.DESK


def refused_body(request: HttpRequest, most: int) -> HttpResponse:
    return problems.answer(request, problems.TooLarge(most))


def register_body_limit() -> None:
    bodies.DOORS[PREFIX] = bodies.Door(body_limit, refused_body)
