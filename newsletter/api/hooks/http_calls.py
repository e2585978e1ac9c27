"""One webhook call: its JSON body, the HTTPS request, and its result. Never into our own network.

    {"type": "reader.left", "timestamp": "2026-05-01T02:00:00+00:00", "data": {"id": 17, "url": "https://…"}}

The body is thin: receivers fetch more with a token of their own. It is built when the call is made, so that only a
reader's key is stored for it.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from newsletter.api.hooks.models import ANSWER_MAX, MAILING_EVENTS, Call, HookEventType
from newsletter.delivery.models.mailing import MailingStep
from newsletter.issues.models import Issue
from newsletter.mail import safe_http
from newsletter.mail.safe_http import Blocked
from newsletter.posts.models import Post
from subscribers.addresses import without_addresses
from subscribers.models import Subscriber, Suppression

API = "/api/v1"
type Data = dict[str, Any]


def call_body(call: Call, now: datetime) -> bytes | None:
    """None if its subject does not exist any more, or not yet again."""
    data = DATA[HookEventType(call.event)](call, now)
    if data is None:
        return None
    said = {"type": call.event, "timestamp": _iso(call.at), "data": data}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _reader(call: Call, now: datetime) -> Data | None:
    found = Subscriber.objects.filter(pk=call.about or 0).values_list("email", flat=True).first()
    if call.about is None or (found is None and call.detail != Suppression.Reason.ERASED):
        return None
    data: Data = {"id": call.about, "url": f"{settings.SITE_URL}{API}/readers/{call.about}"}
    data |= {"reason": call.detail} if call.event == HookEventType.SUPPRESSED else {}
    return data | ({"address": found} if found and call.hook.shows_addresses else {})


def _post(call: Call, now: datetime) -> Data | None:
    post = Post.objects.listed(now).filter(pk=call.about or 0).only("pk", "title", "words").first()
    if post is None:
        return None
    return {
        "id": post.pk,
        "title": post.title,
        "url": f"{settings.SITE_URL}{API}/posts/{post.pk}",
        "page": settings.SITE_URL + post.get_absolute_url(),
    }


def _mailing(call: Call, now: datetime) -> Data | None:
    steps = (
        MailingStep.objects.filter(pk=call.about or 0)
        .select_related("mailing__issue")
        .defer("mailing__html", "mailing__text")
    )
    if (step := steps.first()) is None:
        return None
    data = _of_issue(step.mailing.issue) | {"mailing": step.mailing_id, "kind": step.mailing.kind}
    if call.event == HookEventType.SCHEDULED:
        data["send_at"] = _iso(step.send_at) if step.send_at else None
    if call.event == HookEventType.PAUSED:
        data["reason"] = without_addresses(step.detail)
    return data


def _result(call: Call, now: datetime) -> Data | None:
    issue = Issue.objects.filter(pk=call.about or 0).first()
    return _of_issue(issue) if issue else None


def _of_issue(issue: Issue) -> Data:
    page = settings.SITE_URL + issue.get_absolute_url() if issue.sent_at else None
    return {"number": issue.number, "url": f"{settings.SITE_URL}{API}/issues/{issue.number}", "page": page}


def _test(call: Call, now: datetime) -> Data:
    return {"message": "This is a test. Nothing has happened."}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


DATA: dict[HookEventType, Callable[[Call, datetime], Data | None]] = {
    **dict.fromkeys((HookEventType.CONFIRMED, HookEventType.LEFT, HookEventType.SUPPRESSED), _reader),
    **dict.fromkeys(MAILING_EVENTS, _mailing),
    HookEventType.PUBLISHED: _post,
    HookEventType.RESULT: _result,
    HookEventType.TEST: _test,
}


SECONDS = 15.0
PORTS = frozenset({443, 8443})
LATE = f"no answer within {SECONDS:.0f} seconds"
AGENT = "newsletter-webhooks/1"
GONE = 410


@dataclass(frozen=True)
class CallResult:
    """status: of HTTP, None without a response; then trouble says why."""

    status: int | None
    text: str = ""
    trouble: str = ""
    milliseconds: int = 0

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        return self.status == GONE


def is_allowed_url(url: str) -> bool:
    """Only https; loopback too if WEBHOOKS_TO_LOOPBACK is set."""
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
    """Is the IP address public, and the port allowed?"""
    if settings.WEBHOOKS_TO_LOOPBACK and _is_loopback(address):
        return True
    return port in PORTS and safe_http.is_public(address)


def call(url: str, body: bytes, headers: dict[str, str]) -> CallResult:
    """POST to a URL. Failures are returned, not raised."""
    if not is_allowed_url(url):
        return CallResult(None, trouble="this address may not be called")
    own = {"Content-Type": "application/json", "User-Agent": AGENT}
    began = time.monotonic()
    try:
        status, text = safe_http.post(
            url, body, own | headers, seconds=SECONDS, most=ANSWER_MAX, may_ask=is_allowed_address
        )
    except Blocked as stop:
        return CallResult(None, trouble=f"{stop.verdict}: {stop.detail}"[:200], milliseconds=_since(began))
    except (OSError, HTTPException, ValueError) as error:
        took = _since(began)
        is_late = isinstance(error, TimeoutError) or took >= SECONDS * 1000  # closed at the deadline
        return CallResult(None, trouble=LATE if is_late else _words(error), milliseconds=took)
    return CallResult(status, printable_text(text), milliseconds=_since(began))


def printable_text(octets: bytes) -> str:
    """Decode the beginning of a response and drop control characters."""
    text = octets.decode("utf-8", "replace")[:ANSWER_MAX]
    return "".join(sign if sign.isprintable() or sign in "\n\t" else " " for sign in text)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _words(error: Exception) -> str:
    said = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or type(error).__name__
    return str(said)[:200]
