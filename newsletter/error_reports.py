"""Errors for Sentry, or for whatever speaks its protocol, if SENTRY_DSN names one: what failed, and nothing of whom.

Of an event only some parts leave, and of these no variables, headers, cookies, queries or bodies. Mail addresses,
tokens of links and what stands before an @ in a URL are taken out of every text.
"""

import re
import tomllib
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from newsletter.mail.logs import HIDDEN, masked, request_id

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

ADDRESS = re.compile(r"[^\s<>\"'(),;:=@/\[\]]{1,64}@[^\s<>\"'(),;:=@/\[\]]{1,255}")
SECRET_IN_URL = re.compile(r"(?<=://)[^\s/@]{1,300}(?=@)")
QUERY = re.compile(r"\?\S{0,8000}")
KEPT = (
    *("event_id", "timestamp", "platform", "level", "logger", "release", "environment", "sdk"),
    *("exception", "logentry", "request"),
)
LEFT_OUT = {"vars", "params", "message", "headers", "cookies", "query_string", "data", "env", "mechanism", "abs_path"}
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
    """Return what of an event may leave, whatever the library has gathered."""
    kept = _cleaned({name: value for name, value in event.items() if name in KEPT})
    if "request" in kept:
        kept["request"]["url"] = QUERY.sub("", kept["request"].get("url", ""))
    if number := request_id.get():
        kept["tags"] = {"request": number}
    return kept  # type: ignore[no-any-return]


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {name: _cleaned(inner) for name, inner in value.items() if name not in LEFT_OUT}
    return [_cleaned(inner) for inner in value] if isinstance(value, list) else value


def clean(text: str) -> str:
    """Return `text` without mail addresses, tokens of links and secrets of URLs."""
    return ADDRESS.sub(HIDDEN, masked(SECRET_IN_URL.sub(HIDDEN, text[: 4 * WORDS])))[:WORDS]
