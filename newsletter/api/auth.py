"""Authentication by bearer token: scope, permissions, media type and rate limits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Schema
from ninja.security import HttpBearer
from pydantic import ConfigDict

from newsletter.api import tokens
from newsletter.api.models import Token
from newsletter.api.problems import Problem
from newsletter.limits.client_ip import client_address, client_network
from newsletter.limits.rate_limits import retry_after_seconds

REQUESTS_MAX, WRONG_TOKENS_MAX, WINDOW_SECONDS = 600, 30, 60  # the first is per token, the second per network
JSON, FORM = "application/json", "multipart/form-data"


class ApiRequest(HttpRequest):
    """auth: the token; user: its owner."""

    auth: Token
    user: User


class RequestBody(Schema):
    """A JSON body; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class BearerToken(HttpBearer):
    """Requires a token with a scope, whose user has some permissions.

    takes: the media type of the body.
    """

    def __init__(self, scope: str, needs: Sequence[str], takes: str = JSON) -> None:
        super().__init__()
        self.scope, self.needs, self.takes = scope, tuple(needs), takes

    def __call__(self, request: HttpRequest) -> Token:
        now = timezone.now()
        token = tokens.token_of_request(request.META, now)
        if token is None:
            _refuse_too_many("api-wrong-token", client_network(client_address(request)), WRONG_TOKENS_MAX, now)
            raise Problem("unauthorized")
        asked = cast("ApiRequest", request)
        asked.user, asked.auth = token.user, token
        _refuse_too_many("api-token", str(token.pk), REQUESTS_MAX, now)
        self._refuse_unless_open(asked)
        Token.objects.note_use(token, now)
        _refuse_media_type(request, self.takes)
        return token

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        raise NotImplementedError("see __call__")  # required by ninja's base class; __call__ does the work

    def _refuse_unless_open(self, request: ApiRequest) -> None:
        if not request.auth.allows_ip(client_address(request)):
            raise Problem("forbidden", _("The token may not be used from this network."))
        require_scope(request, self.scope)
        for right in self.needs:
            require_permission(request, right)


def require_scope(request: ApiRequest, scope: str) -> None:
    if scope not in request.auth.scopes:
        raise Problem("forbidden", _("The token lacks the scope “%(scope)s”.") % {"scope": scope})


def require_permission(request: ApiRequest, right: str) -> None:
    if not request.user.has_perm(right):
        raise Problem("forbidden", _("The account of the token lacks the right “%(right)s”.") % {"right": right})


def _refuse_too_many(door: str, who: str, limit: int, now: datetime) -> None:
    if seconds := retry_after_seconds(door, who, limit=limit, seconds=WINDOW_SECONDS, now=now):
        raise Problem("too-many", headers={"Retry-After": str(seconds)})


def _refuse_media_type(request: HttpRequest, takes: str) -> None:
    has_body = bool(request.META.get("CONTENT_LENGTH") or 0) and request.method not in {"GET", "HEAD"}
    if has_body and request.content_type != takes:
        raise Problem("media-type", _("It has to be %(kind)s.") % {"kind": takes})
