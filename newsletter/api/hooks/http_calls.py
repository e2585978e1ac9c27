"""One webhook call: its JSON body, the HTTPS request, and its result. Never into our own network.

    {"type": "reader.left", "timestamp": "2026-05-01T02:00:00+00:00", "data": {"id": 17, "url": "https://…"}}

Bodies hold little; receivers fetch the rest with their own API token. They are built at call time, so that only a
reader's primary key is stored.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from newsletter.api.hooks.models import MAILING_EVENTS, RESPONSE_TEXT_MAX, Call, HookEventType
from newsletter.delivery.models.mailing import MailingStep
from newsletter.issues.models import Issue
from newsletter.mail import safe_http
from newsletter.mail.safe_http import RequestBlocked
from newsletter.posts.models import Post
from subscribers.addresses import mask_addresses
from subscribers.models import Subscriber, Suppression

API_PATH = "/api/v1"
type Payload = dict[str, Any]


def call_body(call: Call, now: datetime) -> bytes | None:
    """None if the subject no longer exists, or is a post that is not listed now."""
    data = PAYLOAD_BUILDERS[HookEventType(call.event)](call, now)
    if data is None:
        return None
    payload = {"type": call.event, "timestamp": _iso(call.at), "data": data}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def _reader_data(call: Call, now: datetime) -> Payload | None:
    address = Subscriber.objects.filter(pk=call.about or 0).values_list("email", flat=True).first()
    if call.about is None or (address is None and call.detail != Suppression.Reason.ERASED):
        return None
    data: Payload = {"id": call.about, "url": f"{settings.SITE_URL}{API_PATH}/readers/{call.about}"}
    data |= {"reason": call.detail} if call.event == HookEventType.SUPPRESSED else {}
    return data | ({"address": address} if address and call.hook.shows_addresses else {})


def _post_data(call: Call, now: datetime) -> Payload | None:
    post = Post.objects.listed(now).filter(pk=call.about or 0).only("pk", "title", "words", "is_page").first()
    if post is None:
        return None
    return {
        "id": post.pk,
        "title": post.title,
        "url": f"{settings.SITE_URL}{API_PATH}/posts/{post.pk}",
        "page": settings.SITE_URL + post.get_absolute_url(),
    }


def _mailing_data(call: Call, now: datetime) -> Payload | None:
    steps = MailingStep.objects.select_related("mailing__issue").defer("mailing__html", "mailing__text")
    if (step := steps.filter(pk=call.about or 0).first()) is None:
        return None
    data = _issue_data(step.mailing.issue) | {"mailing": step.mailing_id, "kind": step.mailing.kind}
    if call.event == HookEventType.SCHEDULED:
        data["send_at"] = _iso(step.send_at) if step.send_at else None
    if call.event == HookEventType.PAUSED:
        data["reason"] = mask_addresses(step.detail)
    return data


def _result_data(call: Call, now: datetime) -> Payload | None:
    issue = Issue.objects.filter(pk=call.about or 0).first()
    return _issue_data(issue) if issue else None


def _issue_data(issue: Issue) -> Payload:
    page = settings.SITE_URL + issue.get_absolute_url() if issue.sent_at else None
    return {"number": issue.number, "url": f"{settings.SITE_URL}{API_PATH}/issues/{issue.number}", "page": page}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


PAYLOAD_BUILDERS: dict[HookEventType, Callable[[Call, datetime], Payload | None]] = {
    **dict.fromkeys((HookEventType.CONFIRMED, HookEventType.LEFT, HookEventType.SUPPRESSED), _reader_data),
    **dict.fromkeys(MAILING_EVENTS, _mailing_data),
    HookEventType.PUBLISHED: _post_data,
    HookEventType.RESULT: _result_data,
    HookEventType.TEST: lambda _call, _now: {"message": "This is a test. Nothing has happened."},
}


TIMEOUT_SECONDS = 15.0
PORTS = frozenset({443, 8443})
TIMEOUT_TEXT = f"no answer within {TIMEOUT_SECONDS:.0f} seconds"
USER_AGENT = "newsletter-webhooks/1"


@dataclass(frozen=True)
class CallResult:
    """status: HTTP status; None if there was no response, and `error` says why."""

    status: int | None
    response_text: str = ""
    error: str = ""
    milliseconds: int = 0

    @property
    def is_accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        return self.status == HTTPStatus.GONE


def is_allowed_url(url: str) -> bool:
    """https on PORTS. With WEBHOOKS_TO_LOOPBACK also http to loopback, and https on any port."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None or not host:
        return False
    if parts.scheme == "http":
        return settings.WEBHOOKS_TO_LOOPBACK and (host == "localhost" or _is_loopback(host))
    return parts.scheme == "https" and (port is None or port in PORTS or settings.WEBHOOKS_TO_LOOPBACK)


def is_allowed_address(address: str, port: int) -> bool:
    """Whether the address is public and the port is in PORTS; with WEBHOOKS_TO_LOOPBACK also any loopback address."""
    if settings.WEBHOOKS_TO_LOOPBACK and _is_loopback(address):
        return True
    return port in PORTS and safe_http.is_public(address)


def send_call(url: str, body: bytes, headers: dict[str, str]) -> CallResult:
    """POST to a URL. Failures are returned, not raised."""
    if not is_allowed_url(url):
        return CallResult(None, error="this address may not be called")
    common = {"Content-Type": "application/json", "User-Agent": USER_AGENT}
    began = time.monotonic()
    try:
        status, text = safe_http.post(
            url,
            body,
            common | headers,
            seconds=TIMEOUT_SECONDS,
            max_bytes=RESPONSE_TEXT_MAX,
            is_allowed=is_allowed_address,
        )
    except RequestBlocked as blocked:
        return CallResult(None, error=f"{blocked.link_status}: {blocked.detail}"[:200], milliseconds=_elapsed_ms(began))
    except (OSError, HTTPException, ValueError) as failure:
        took = _elapsed_ms(began)
        # After the deadline safe_http has shut the connection down, which raises other exceptions too.
        is_late = isinstance(failure, TimeoutError) or took >= TIMEOUT_SECONDS * 1000
        return CallResult(None, error=TIMEOUT_TEXT if is_late else _error_text(failure), milliseconds=took)
    return CallResult(status, printable_text(text), milliseconds=_elapsed_ms(began))


def printable_text(octets: bytes) -> str:
    text = octets.decode("utf-8", "replace")[:RESPONSE_TEXT_MAX]
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _elapsed_ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _error_text(failure: Exception) -> str:
    text = getattr(failure, "verify_message", "") or getattr(failure, "strerror", "") or type(failure).__name__
    return str(text)[:200]
