"""From a URL such as smtp://user:password@host:587 to an entry of Django's MAILERS. Pure: settings imports it."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


def mailer_from_url(url: str, *, outbox: Path) -> dict[str, Any]:
    """Return the MAILERS entry for a mail URL; without a URL, the outbox."""
    if not url:
        return {"BACKEND": "newsletter.mail.outbox.OutboxBackend", "OPTIONS": {"directory": str(outbox)}}
    parts = urlsplit(url)
    options: dict[str, Any] = {"host": parts.hostname, "port": parts.port or 25, "timeout": 60}
    if parts.username:
        options |= {"username": unquote(parts.username), "password": unquote(parts.password or "")}
    return {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}
