"""The text of /metrics, and who may read it."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from newsletter.mail.views import is_tester


def may_read(request: HttpRequest) -> bool:
    """Return whether a request carries METRICS_TOKEN (RFC 6750).

    Without a token, whoever sits at the machine of a trial reads: behind a proxy on it that names no client, all the
    world would come from there.
    """
    if not settings.METRICS_TOKEN:
        return is_tester(request)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and constant_time_compare(token.strip(), settings.METRICS_TOKEN)


def text() -> tuple[bytes, str]:
    """Return what is to be told now, and its content type."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest  # noqa: PLC0415 - 4 MB

    from newsletter.operation.metrics.gathering import at_this_moment  # noqa: PLC0415 - it needs the same

    registry = CollectorRegistry()
    registry.register(at_this_moment())
    return generate_latest(registry), CONTENT_TYPE_LATEST
