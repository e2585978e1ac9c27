"""When a mail to a single reader may leave that nobody waits for: by day, and not on the day of an issue."""

from datetime import datetime, time, timedelta

from django.db.models import Q
from django.utils import timezone

from newsletter.delivery.models import Mailing
from newsletter.issues import cadence, rhythm
from newsletter.publication.models import Publication

MORNING, NIGHT = time(7), time(22)  # where the author lives


def is_quiet(publication: Publication, now: datetime) -> bool:
    """Return whether it is day, and no issue goes out on it."""
    here = timezone.localtime(now, publication.zone)
    return MORNING <= here.time() < NIGHT and not is_day_of_issue(publication, now)


def is_day_of_issue(publication: Publication, now: datetime) -> bool:
    """Return whether an issue goes out on the local day, or went out, or is due by the rhythm."""
    day = timezone.localtime(now, publication.zone).date()
    begins, ends = (cadence.instant(one, time.min, publication.zone) for one in (day, day + cadence.DAY))
    is_today = Q(send_at__gte=begins, send_at__lt=ends) & ~Q(state=Mailing.State.CANCELLED)
    if Mailing.objects.filter(is_today | Q(state=Mailing.State.SENDING)).exists():
        return True
    return rhythm.next_slot(publication, begins - timedelta(seconds=1)) < ends
