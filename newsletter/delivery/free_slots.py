"""The slots for which an issue is still to be made: the one answer for the letter, the desk and programs."""

from datetime import datetime, timedelta

from django.utils import timezone

from newsletter.delivery.models import Mailing
from newsletter.issues import rhythm
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
