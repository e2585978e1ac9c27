"""Which slots of the rhythm are free, and when mails to single readers may be sent."""

from datetime import datetime, time, timedelta

from django.db.models import Q
from django.utils import timezone

from newsletter.delivery.models import Mailing
from newsletter.issues import cadence, schedule
from newsletter.issues.models import Issue
from newsletter.publication.models import Publication


def free_slots(publication: Publication, now: datetime, count: int, issue: Issue | None = None) -> list[datetime]:
    """The next slots on whose local day no issue is scheduled or was sent. Two queries.

    A slot before a mailing that is scheduled later is free: the author gets a reminder for it, and a mail if it is
    missed.
    issue: its own mailings do not occupy a slot.
    """
    mailings = Mailing.objects.filter(kind=Mailing.Kind.ISSUE, send_at__gt=now - cadence.DAY)
    alive = mailings.exclude(state=Mailing.State.CANCELLED)
    if issue is not None and issue.pk:
        alive = alive.exclude(issue=issue)
    taken = {timezone.localtime(at, publication.zone).date() for at in alive.values_list("send_at", flat=True)}
    slots = schedule.next_slots(publication, after=now, count=count + len(taken))
    return [at for at in slots if timezone.localtime(at, publication.zone).date() not in taken][:count]


MORNING, NIGHT = time(7), time(22)  # where the author lives


def may_send_single_mails(publication: Publication, now: datetime) -> bool:
    """Whether it is daytime for the author, on a day without an issue."""
    here = timezone.localtime(now, publication.zone)
    return MORNING <= here.time() < NIGHT and not is_issue_day(publication, now)


def is_issue_day(publication: Publication, now: datetime) -> bool:
    """Whether an issue is scheduled, sent or due by the rhythm on the author's local day."""
    day = timezone.localtime(now, publication.zone).date()
    begins, ends = (cadence.local_to_utc(date, time.min, publication.zone) for date in (day, day + cadence.DAY))
    is_today = Q(send_at__gte=begins, send_at__lt=ends) & ~Q(state=Mailing.State.CANCELLED)
    if Mailing.objects.filter(is_today | Q(state=Mailing.State.SENDING)).exists():
        return True
    return schedule.next_slot(publication, begins - timedelta(seconds=1)) < ends
