"""What the hub of the feeds was told: one row."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

# After how long a hub that did not answer is told again; after the last one it is left alone until there is news.
RETRY_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 720))


class HubNoticeManager(models.Manager["HubNotice"]):
    def take(self, newest: datetime, now: datetime) -> "HubNotice | None":
        """Return the row if what was published at `newest` is to be told by this caller; None if not, or not now.

        Whoever takes it has until the next try: a worker that dies meanwhile is a try that failed.
        """
        row, _made = self.get_or_create(pk=1)
        if row.told_until and row.told_until >= newest:
            return None
        ready = Q(not_before__isnull=True) | Q(not_before__lte=now)
        is_last = row.failures >= len(RETRY_AFTER)
        wait = RETRY_AFTER[min(row.failures, len(RETRY_AFTER) - 1)]
        taken = self.filter(ready, pk=1, failures=row.failures).update(not_before=now + wait)
        row.is_last_try = is_last
        return row if taken else None


class HubNotice(models.Model):
    """Until when the hub was told of everything that was published."""

    told_until = models.DateTimeField(null=True)
    failures = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)

    is_last_try = False

    objects = HubNoticeManager()

    def __str__(self) -> str:
        return str(self.told_until)

    def settle(self, newest: datetime, *, is_told: bool) -> None:
        """Write down how a try ended. After the last one in vain `newest` counts as told: other news begin anew."""
        if is_told or self.is_last_try:
            HubNotice.objects.filter(pk=self.pk).update(told_until=newest, failures=0, not_before=None)
        else:
            HubNotice.objects.filter(pk=self.pk).update(failures=self.failures + 1)
