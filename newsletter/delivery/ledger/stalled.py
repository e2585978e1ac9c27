"""Which mailings make no progress though they could. The reason is not known here."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from newsletter.delivery.models import Batch, Mailing, MailingQuerySet
from newsletter.delivery.models.history import Step

STILL = timedelta(seconds=90)
MOVES = (Step.What.BEGUN, Step.What.RESUMED, Step.What.AGAIN)  # a lane has this long after each of these


def mailings(now: datetime) -> MailingQuerySet:
    """Return those that a lane could have gone on with for STILL; ask only when none has done anything for so long."""
    before = now - STILL
    waits = Q(retry_at__gt=before)
    rows = Batch.objects.filter(mailing=OuterRef("pk"))
    could = rows.filter(Q(state=Batch.State.LEASED) | Q(pk__in=Batch.objects.ready(before).values("pk")))
    moved = Step.objects.filter(mailing=OuterRef("pk"), what__in=MOVES, at__gt=before, at__lte=now)
    return Mailing.objects.filter(Exists(could), ~Exists(moved), state=Mailing.State.SENDING).exclude(waits)
