"""One call to one address: what it says, by https, never into our own network, and its answer.

    {"type": "reader.left", "timestamp": "2026-05-01T02:00:00+00:00", "data": {"id": 17, "url": "https://…"}}

It is thin, so that whoever wants more asks for it with a token of their own. It is read when the call is made: nothing
of a reader but their number is kept for it.
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

from newsletter.api.hooks.models import ANSWER_MAX, OF_MAILINGS, Call, Event
from newsletter.delivery.models.mailing import Step
from newsletter.issues.models import Issue
from newsletter.mail import outward
from newsletter.mail.outward import Stop
from newsletter.posts.models import Post
from subscribers.addresses import without_addresses
from subscribers.models import Subscriber, Suppression

API = "/api/v1"
type Data = dict[str, Any]


def body_of(call: Call, now: datetime) -> bytes | None:
    """Return the body of a call; None if what it is about is not there any more, or not yet again."""
    data = DATA[Event(call.event)](call, now)
    if data is None:
        return None
    said = {"type": call.event, "timestamp": _iso(call.at), "data": data}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _reader(call: Call, now: datetime) -> Data | None:
    found = Subscriber.objects.filter(pk=call.about or 0).values_list("email", flat=True).first()
    if call.about is None or (found is None and call.detail != Suppression.Reason.ERASED):
        return None
    data: Data = {"id": call.about, "url": f"{settings.SITE_URL}{API}/readers/{call.about}"}
    data |= {"reason": call.detail} if call.event == Event.SUPPRESSED else {}
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
        Step.objects.filter(pk=call.about or 0).select_related("mailing__issue").defer("mailing__html", "mailing__text")
    )
    if (step := steps.first()) is None:
        return None
    data = _of_issue(step.mailing.issue) | {"mailing": step.mailing_id, "kind": step.mailing.kind}
    if call.event == Event.SCHEDULED:
        data["send_at"] = _iso(step.send_at) if step.send_at else None
    if call.event == Event.PAUSED:
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


DATA: dict[Event, Callable[[Call, datetime], Data | None]] = {
    **dict.fromkeys((Event.CONFIRMED, Event.LEFT, Event.SUPPRESSED), _reader),
    **dict.fromkeys(OF_MAILINGS, _mailing),
    Event.PUBLISHED: _post,
    Event.RESULT: _result,
    Event.TEST: _test,
}


SECONDS = 15.0
PORTS = frozenset({443, 8443})
LATE = f"no answer within {SECONDS:.0f} seconds"
AGENT = "newsletter-webhooks/1"
GONE = 410


@dataclass(frozen=True)
class Answer:
    """What a call brought. status: of HTTP, None if there was no answer; trouble says then why."""

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


def is_allowed(url: str) -> bool:
    """Return whether an address may be a hook's at all: https, or this machine while it is allowed to be."""
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


def may_ask(address: str, port: int) -> bool:
    """Return whether an IP address may be called: anybody's, at a port of the web."""
    if settings.WEBHOOKS_TO_LOOPBACK and _is_loopback(address):
        return True
    return port in PORTS and outward.is_public(address)


def call(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """Call an address; whatever goes wrong is an answer too."""
    if not is_allowed(url):
        return Answer(None, trouble="this address may not be called")
    own = {"Content-Type": "application/json", "User-Agent": AGENT}
    began = time.monotonic()
    try:
        status, text = outward.post(url, body, own | headers, seconds=SECONDS, most=ANSWER_MAX, may_ask=may_ask)
    except Stop as stop:
        return Answer(None, trouble=f"{stop.verdict}: {stop.detail}"[:200], milliseconds=_since(began))
    except (OSError, HTTPException, ValueError) as error:
        took = _since(began)
        is_late = isinstance(error, TimeoutError) or took >= SECONDS * 1000  # it was hung up
        return Answer(None, trouble=LATE if is_late else _words(error), milliseconds=took)
    return Answer(status, plain(text), milliseconds=_since(began))


def plain(octets: bytes) -> str:
    """Return what an answer says as text that a database and a page can bear."""
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
