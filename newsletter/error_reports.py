"""Errors for Sentry, or for whatever speaks its protocol, if SENTRY_DSN names one: what failed, and nothing of whom.

An event is built anew of what may leave: the kind of error, its words, the lines of code that it went through, the
address and method of the request, and the line of the log. Mail addresses, tokens of links and what stands before an @
in a URL are taken out of every text. All else stays: variables, bodies, cookies, headers, clients, users, queries.
"""

import re
import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from newsletter.mail.logs import HIDDEN, masked, request_id

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

ADDRESS = re.compile(r"[^\s<>\"'(),;:=@/\[\]]{1,64}@[^\s<>\"'(),;:=@/\[\]]{1,255}")
SECRET_IN_URL = re.compile(r"(?<=://)[^\s/@]{1,300}(?=@)")
QUERY = re.compile(r"\?\S{0,8000}")
OF_AN_EVENT = ("event_id", "timestamp", "platform", "level", "logger", "release", "environment", "sdk")
OF_A_FRAME = ("filename", "function", "module", "lineno", "in_app")
WORDS = 1000  # characters of what an error says


def start() -> None:
    """Begin to send errors of this process. Raises ImproperlyConfigured without the extra `sentry`."""
    try:
        import sentry_sdk  # noqa: PLC0415 - an extra, and 10 MB
    except ImportError:
        raise ImproperlyConfigured(
            "SENTRY_DSN is set, and the package for it is not installed: uv sync --extra sentry (docs/monitoring.md)"
        ) from None
    try:
        sentry_sdk.init(
            dsn=settings.SENTRY_DSN,
            release=tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]["version"],
            before_send=without_people,
            send_default_pii=False,
            include_local_variables=False,
            include_source_context=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            auto_session_tracking=False,
            send_client_reports=False,
        )
    except ValueError as error:  # BadDsn
        raise ImproperlyConfigured(f"SENTRY_DSN cannot be read: {error}") from None


def without_people(event: "Event", hint: "Hint") -> "Event":
    """Return an event of what may leave, whatever the library has gathered."""
    given: Mapping[str, Any] = event
    kept: dict[str, Any] = {name: given[name] for name in OF_AN_EVENT if name in given}
    if values := (given.get("exception") or {}).get("values"):
        kept["exception"] = {"values": [_exception(one) for one in values]}
    if said := given.get("logentry"):
        kept["message"] = clean(said.get("formatted") or said.get("message") or "")
    if request := given.get("request"):
        kept["request"] = {"url": QUERY.sub("", clean(request.get("url") or "")), "method": request.get("method")}
    if number := request_id.get():
        kept["tags"] = {"request": number}
    return kept  # type: ignore[return-value]  # a part of what an Event may have


def _exception(given: Mapping[str, Any]) -> dict[str, Any]:
    frames = (given.get("stacktrace") or {}).get("frames") or []
    return {
        "type": given.get("type"),
        "module": given.get("module"),
        "value": clean(given.get("value") or ""),
        "stacktrace": {"frames": [{name: one.get(name) for name in OF_A_FRAME} for one in frames]},
    }


def clean(text: str) -> str:
    """Return `text` without mail addresses, tokens of links and secrets of URLs."""
    return ADDRESS.sub(HIDDEN, masked(SECRET_IN_URL.sub(HIDDEN, text[: 4 * WORDS])))[:WORDS]
