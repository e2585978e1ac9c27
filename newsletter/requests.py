"""Each request has a number: in every line that it writes to the log, and in its answer."""

import logging
import re
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from newsletter.mail import logs
from newsletter.publication.limits import client_address

LINE_MAX = 300  # characters of a line about a refusal
HEADER = "X-Request-ID"
GIVEN = re.compile(r"[A-Za-z0-9-]{8,64}")

access = logging.getLogger("newsletter.access")


class RequestMiddleware:
    """Number the request as the proxy has, if there is one that we trust; with LOG_REQUESTS, write a line about it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        begun, number = time.perf_counter(), _number_of(request)
        before = logs.request_id.set(number)
        try:
            response = self.get_response(request)
            response.headers[HEADER] = number
            if settings.LOG_REQUESTS:
                _write(request, response, time.perf_counter() - begun)
        finally:
            logs.request_id.reset(before)
        return response


class ClientFilter(logging.Filter):
    """Mends Django's line about an answer: names the client of one request too many, as a firewall wants to know it.

    An answer of 4xx is a decision, not a fault: its line goes without the traceback of the exception that carried it,
    and is short.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        request, status = getattr(record, "request", None), getattr(record, "status_code", 0)
        if not isinstance(request, HttpRequest):
            return True
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            record.exc_info = record.exc_text = None
            record.msg, record.args = "%s", (_shortened(record.getMessage()),)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            record.msg, record.args = "%s, from %s", (record.getMessage(), client_address(request) or "unknown")
        return True


def _shortened(line: str) -> str:
    """Return a line with as much of an address as says what was asked: a stranger's may have kilobytes."""
    return line if len(line) <= LINE_MAX else f"{line[:LINE_MAX]} …"  # after a space: a token cut off is masked, too


def _number_of(request: HttpRequest) -> str:
    given = request.headers.get(HEADER, "") if settings.TRUSTED_PROXIES else ""
    return given if GIVEN.fullmatch(given) else secrets.token_hex(8)


def _write(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    client = client_address(request) or "unknown"
    words = (request.method, _shortened(request.path), response.status_code, round(seconds * 1000), client)
    access.info("%s %s %d, %d ms, from %s", *words)
