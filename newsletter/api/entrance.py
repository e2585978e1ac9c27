"""Who asks: the token of a request, whether it may do what is asked, and how often."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja.security import HttpBearer

from newsletter.api import tokens
from newsletter.api.models import Token
from newsletter.api.problems import Problem
from newsletter.publication.limits import client_address, closed_seconds, neighbourhood

REQUESTS, WRONG_TOKENS, SECONDS = 600, 30, 60  # of one token, and from one network, in so many seconds
JSON, FORM = "application/json", "multipart/form-data"


class ApiRequest(HttpRequest):
    """A request of a program. Its user is the token's."""

    auth: Token
    user: User


class Entrance(HttpBearer):
    """Lets a request in that carries a token with a scope, whose user has some rights of the desk.

    takes: the media type of its body.
    """

    def __init__(self, scope: str, needs: Sequence[str], takes: str = JSON) -> None:
        super().__init__()
        self.scope, self.needs, self.takes = scope, tuple(needs), takes

    def __call__(self, request: HttpRequest) -> Token:
        now = timezone.now()
        token = tokens.carried(request.META, now)
        if token is None:
            _refuse_too_many("api-wrong-token", neighbourhood(client_address(request)), WRONG_TOKENS, now)
            raise Problem("unauthorized")
        asked = cast("ApiRequest", request)
        asked.user, asked.auth = token.user, token
        _refuse_too_many("api-token", str(token.pk), REQUESTS, now)
        self._refuse_unless_open(asked)
        Token.objects.note_use(token, now)
        _refuse_media_type(request, self.takes)
        return token

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        raise NotImplementedError("see __call__")  # ninja demands the method, and __call__ does all of its work

    def _refuse_unless_open(self, request: ApiRequest) -> None:
        if not request.auth.takes(client_address(request)):
            raise Problem("forbidden", _("The token may not be used from this network."))
        demand_scope(request, self.scope)
        for right in self.needs:
            demand_right(request, right)


def demand_scope(request: ApiRequest, scope: str) -> None:
    if scope not in request.auth.scopes:
        raise Problem("forbidden", _("The token lacks the scope “%(scope)s”.") % {"scope": scope})


def demand_right(request: ApiRequest, right: str) -> None:
    if not request.user.has_perm(right):
        raise Problem("forbidden", _("The account of the token lacks the right “%(right)s”.") % {"right": right})


def _refuse_too_many(door: str, who: str, limit: int, now: datetime) -> None:
    if seconds := closed_seconds(door, who, limit=limit, seconds=SECONDS, now=now):
        raise Problem("too-many", headers={"Retry-After": str(seconds)})


def _refuse_media_type(request: HttpRequest, takes: str) -> None:
    has_body = bool(request.META.get("CONTENT_LENGTH") or 0) and request.method not in {"GET", "HEAD"}
    if has_body and request.content_type != takes:
        raise Problem("media-type", _("It has to be %(kind)s.") % {"kind": takes})
