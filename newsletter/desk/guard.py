"""What stands before every screen of the desk: a missing second factor, a fresh proof, the list of sessions."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from newsletter.desk import rights
from newsletter.desk.accounts import sessions
from newsletter.desk.login import proving
from newsletter.operation.accounts import factors

# What an owner may open who must have a second factor first: by the name of the address.
OPEN = {"account", "factor_app", "factor_passkey", "passkey_creation", "passkey_options", "logout", "jsi18n"}


def guarded[V: Callable[..., HttpResponse]](view: V) -> V:
    """Let a view of the desk be reached only with the second factor and the proof that it needs."""

    @wraps(view)
    def guard(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user = cast("User", request.user)
        name = getattr(request.resolver_match, "url_name", None)
        if name not in OPEN and factors.is_missing(user):
            return redirect("admin:account")
        sessions.note(request, timezone.now())
        go_on = partial(view, request, *args, **kwargs)
        if proving.is_needed(request):
            return proving.ask(request, go_on)
        try:
            return go_on()
        except rights.ProofNeeded:
            return proving.ask(request, go_on)

    return cast("V", guard)
