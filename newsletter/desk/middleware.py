"""Sets the cookie of known browsers, and enforces the second factor outside of the desk."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.deprecation import MiddlewareMixin

from newsletter.desk.accounts import login_attempts
from newsletter.operation.accounts import second_factors


class KnownBrowserMiddleware(MiddlewareMixin):
    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if request.path.startswith(login_attempts.DESK_PATH) and request.user.is_authenticated:
            login_attempts.remember_browser(request, response, request.user)
        return response


class SecondFactorMiddleware(MiddlewareMixin):
    """Redirect owners without a required second factor to their account, on pages outside the desk as well:
    the outbox, and the links in mails that can be read there. The desk's own views use `login.guard_view`.
    """

    APPS = ("mail",)
    PAGES = ("delivery:approve", "delivery:cancel")

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponse | None:
        match: Any = request.resolver_match
        if match.app_name not in self.APPS and match.view_name not in self.PAGES:
            return None  # public pages never touch the session
        if request.user.is_authenticated and second_factors.is_factor_missing(request.user):
            return redirect("admin:account")
        return None
