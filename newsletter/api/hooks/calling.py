"""One call to one address: by https, never into our own network, and its answer."""

import time
from dataclasses import dataclass
from http.client import HTTPException
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings

from newsletter.api.hooks.models import ANSWER_MAX
from newsletter.mail import outward
from newsletter.mail.outward import Stop

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
