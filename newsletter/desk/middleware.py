"""What stands round every request: the cookie of a known browser, and the second factor where rights open a page."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from newsletter.desk.accounts import attempts
from newsletter.operation.accounts import factors


class KnownBrowserMiddleware:
    """Give each browser in which somebody is logged in the cookie by which it is known later."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(attempts.DESK_PATH) and request.user.is_authenticated:
            attempts.remember_browser(request, response, request.user)
        return response


class SecondFactorMiddleware:
    """Send an owner who must have a second factor first to their account, from pages outside the desk as well.

    Those are the pages that ask for a right: the outbox, and what is answered by a link that others can read there.
    The desk's own pages are guarded by `desk.guard`.
    """

    APPS = ("mail",)
    PAGES = ("delivery:approve", "delivery:cancel")

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponse | None:
        match: Any = request.resolver_match
        if match.app_name not in self.APPS and match.view_name not in self.PAGES:
            return None  # a public page: its request is never asked whose it is
        is_asked = request.user.is_authenticated
        return redirect("admin:account") if is_asked and factors.is_missing(cast("User", request.user)) else None
