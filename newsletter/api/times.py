"""How a time is told and read: ISO 8601 with the offset of the publication's zone."""

from datetime import datetime

from django.utils import timezone


def told(at: datetime | None) -> str | None:
    """Return a time as a program reads it."""
    return timezone.localtime(at).isoformat(timespec="seconds") if at else None
