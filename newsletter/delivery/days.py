"""On which days issues leave: the slots that are free, and the hours for mails to single readers."""

from datetime import datetime, time, timedelta

from django.db.models import Q
from django.utils import timezone

from newsletter.delivery.models import Mailing
from newsletter.issues import cadence, rhythm
from newsletter.issues.models import Issue
from newsletter.publication.models import Publication

A_DAY = timedelta(days=1)


def free_slots(publication: Publication, now: datetime, count: int, issue: Issue | None = None) -> list[datetime]:
    """Return the next slots on whose local day no issue leaves, or left. Two queries.

    A slot before a later mailing is free: the author is reminded of it, and told if it passes without an issue.
    issue: one whose own mailings take no slot from it.
    """
    mailings = Mailing.objects.filter(kind=Mailing.Kind.ISSUE, send_at__gt=now - A_DAY)
    alive = mailings.exclude(state=Mailing.State.CANCELLED)
    if issue is not None and issue.pk:
        alive = alive.exclude(issue=issue)
    taken = {timezone.localtime(at, publication.zone).date() for at in alive.values_list("send_at", flat=True)}
    slots = rhythm.slots(publication, after=now, count=count + len(taken))
    return [at for at in slots if timezone.localtime(at, publication.zone).date() not in taken][:count]


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
