"""What every answer of the desk carries."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from newsletter.desk.accounts import browsers


class KnownBrowserMiddleware:
    """Give each browser in which somebody is logged in the cookie by which it is known later."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(browsers.PATH) and request.user.is_authenticated:
            browsers.remember(request, response, request.user)
        return response
