"""How many readers there are, for pages that are looked at often."""

from datetime import datetime

from django.core.cache import caches

from subscribers.models import Tally, tally

MANY = 50_000  # readers, above which a count is used again
TALLY_KEY, TALLY_SECONDS = "today:tally", 60


def readers_now(now: datetime) -> Tally:
    """Count the readers; where that takes some hundred milliseconds, the answer is used for a minute."""
    kept: Tally | None = caches["pages"].get(TALLY_KEY)
    if kept is None:
        kept = tally(now)
        if kept.mailable > MANY:
            caches["pages"].set(TALLY_KEY, kept, TALLY_SECONDS)
    return kept
