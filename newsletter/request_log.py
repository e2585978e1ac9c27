"""A request id in every log line and response, and an access log."""

import logging
import re
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from newsletter.limits.client_ip import client_address
from newsletter.mail import logs

LINE_MAX = 300  # characters of a line about a 4xx response
# What strangers' programs get all day: nothing for an operator to mend.
ORDINARY_STATUSES = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE, HTTPStatus.TOO_MANY_REQUESTS}
REQUEST_ID_HEADER = "X-Request-ID"
PROXY_ID_PATTERN = re.compile(r"[A-Za-z0-9-]{8,64}")

access_log = logging.getLogger("newsletter.access")


class RequestIdMiddleware:
    """Take the id from a trusted proxy or generate one; with LOG_REQUESTS, write an access log line."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        start, request_id = time.perf_counter(), _request_id(request)
        token = logs.request_id.set(request_id)
        try:
            response = self.get_response(request)
            response.headers[REQUEST_ID_HEADER] = request_id
            if settings.LOG_REQUESTS:
                _log_access(request, response, time.perf_counter() - start)
        finally:
            logs.request_id.reset(token)
        return response


class ClientAddressFilter(logging.Filter):
    """Change django.request's lines: 429 names the client; 4xx is short and has no traceback.

    ORDINARY_STATUSES are at INFO, and left out where the access log has their line.
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
        if status in ORDINARY_STATUSES:
            record.levelno, record.levelname = logging.INFO, "INFO"
            return logging.getLogger().isEnabledFor(logging.INFO) and not settings.LOG_REQUESTS
        return True


def _shortened(line: str) -> str:
    """Truncate: a stranger's URL may have kilobytes."""
    return line if len(line) <= LINE_MAX else f"{line[:LINE_MAX]} …"  # the space lets a truncated token still be masked


def _request_id(request: HttpRequest) -> str:
    given = request.headers.get(REQUEST_ID_HEADER, "") if settings.TRUSTED_PROXIES else ""
    return given if PROXY_ID_PATTERN.fullmatch(given) else secrets.token_hex(8)


def _log_access(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    client = client_address(request) or "unknown"
    values = (request.method, _shortened(request.path), response.status_code, round(seconds * 1000), client)
    access_log.info("%s %s %d, %d ms, from %s", *values)
