"""Error reports to Sentry, or a server of its protocol, without personal data. Only with SENTRY_DSN.

An event is reduced to an allow-list, without variables, headers, cookies, queries and bodies. Mail addresses, link
tokens and credentials in URLs are masked in every text.
"""

import re
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from newsletter import release
from newsletter.mail.logs import MASK, mask_tokens, request_id

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

EMAIL_PATTERN = re.compile(r"[^\s<>\"'(),;:=@/\[\]]{1,64}@[^\s<>\"'(),;:=@/\[\]]{1,255}")
URL_SECRET_PATTERN = re.compile(r"(?<=://)[^\s/@]{1,300}(?=@)")
QUERY_PATTERN = re.compile(r"\?\S{0,8000}")
EVENT_KEYS = (
    *("event_id", "timestamp", "platform", "level", "logger", "release", "environment", "sdk"),
    *("exception", "logentry", "request"),
)
PRIVATE_KEYS = {
    *("vars", "params", "message", "headers", "cookies", "query_string", "data", "env", "mechanism", "abs_path"),
}
TEXT_MAX = 1000  # characters


def start_sentry() -> None:
    """Raise ImproperlyConfigured without the extra `sentry`."""
    try:
        import sentry_sdk  # noqa: PLC0415 - an extra, and 10 MB
    except ImportError:
        raise ImproperlyConfigured(
            "SENTRY_DSN is set, and the package for it is not installed: uv sync --extra sentry (docs/monitoring.md)"
        ) from None
    try:
        sentry_sdk.init(
            dsn=settings.SENTRY_DSN,
            release=release.version(),
            before_send=without_personal_data,
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


def without_personal_data(event: "Event", hint: "Hint") -> "Event":
    """Reduce an event to what may leave this machine (`before_send` of Sentry)."""
    kept = _without_private({name: value for name, value in event.items() if name in EVENT_KEYS})
    if "request" in kept:
        kept["request"]["url"] = QUERY_PATTERN.sub("", kept["request"].get("url", ""))
    if current_id := request_id.get():
        kept["tags"] = {"request": current_id}
    return kept  # type: ignore[no-any-return]


def _without_private(value: Any) -> Any:
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {name: _without_private(inner) for name, inner in value.items() if name not in PRIVATE_KEYS}
    return [_without_private(inner) for inner in value] if isinstance(value, list) else value


def redacted(text: str) -> str:
    """Mask mail addresses, link tokens and credentials in URLs; at most TEXT_MAX characters."""
    return EMAIL_PATTERN.sub(MASK, mask_tokens(URL_SECRET_PATTERN.sub(MASK, text[: 4 * TEXT_MAX])))[:TEXT_MAX]
