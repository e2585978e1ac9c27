"""API tokens: scopes, creation, lookup in a request, and body size limits."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from newsletter.api import problems
from newsletter.api.models import PREFIX_LENGTH, Token, secret_digest
from newsletter.limits import body_size
from newsletter.operation.accounts import second_factors

SCHEDULE = "issues:schedule"


@dataclass(frozen=True)
class Scope:
    """needs: permissions for offering the scope; endpoints check theirs again."""

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
    "health:read": Scope(_("see whether the installation is well"), ("publication.view_publication",)),
}


SCHEME_MARK = "nl_"  # recognisable for secret scanners
SECRET_MAX = 200  # characters of a header that are looked at


def set_scopes_and_secret(row: Token, scopes: Iterable[str]) -> str:
    """Set scopes and a new secret, and return the secret. Does not save."""
    secret, chosen = SCHEME_MARK + secrets.token_hex(24), set(scopes)
    row.scopes = [scope for scope in SCOPES if scope in chosen]
    row.prefix, row.digest = secret[:PREFIX_LENGTH], secret_digest(secret)
    return secret


def scopes_offered_to(user: Any) -> list[str]:
    return [name for name, scope in SCOPES.items() if user.has_perms(scope.needs)]


def token_of_request(environ: Mapping[str, Any], now: datetime) -> Token | None:
    """The valid bearer token of a request: RFC 6750 section 2.1."""
    scheme, _space, secret = str(environ.get("HTTP_AUTHORIZATION", ""))[:SECRET_MAX].partition(" ")
    if scheme.lower() != "bearer" or not secret.strip().startswith(SCHEME_MARK):
        return None
    token = Token.objects.opened_by(secret.strip(), now)
    return None if token is None or second_factors.is_factor_missing(token.user) else token


PREFIX = "/api/v1/"


def body_limit(environ: dict[str, Any]) -> int:
    if token_of_request(environ, timezone.now()) is None:
        return body_size.PUBLIC_BYTES
    return body_size.DESK_BYTES


def too_large_response(request: HttpRequest, most: int) -> HttpResponse:
    return problems.problem_response(request, problems.TooLarge(most))
