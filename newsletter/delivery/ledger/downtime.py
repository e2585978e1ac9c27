"""Lets mailings wait for their author if nothing was running for a while: the disk may have been rolled back.

A disk that was rolled back, by a snapshot of a machine or a volume, has ledger, recorders and lock files of an earlier
time and nothing that proves it. But then the last sign of life in the ledger is old.
"""

import logging
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.delivery.models import LedgerPlace, Mailing, MailingQuerySet, Reminder
from newsletter.delivery.models.mailing import WAIT_MAX, MailingStep
from newsletter.publication.models import Publication

DOWNTIME_MIN = timedelta(minutes=30)
SIGN_INTERVAL = timedelta(minutes=1)  # between two signs of life
log = logging.getLogger(__name__)


def keep_watch(now: datetime) -> None:
    """Store a sign of life, at most once a minute; after a downtime first pause what is due.

    Called by whatever begins or sends mailings, before it does: a machine may have been put back with what was running.
    What is under way goes on: here a standstill looks like a clock that jumps.
    """
    # One far ahead was written by a clock that was ahead.
    lately = Q(seen_at__gt=Now() - SIGN_INTERVAL, seen_at__lt=Now() + WAIT_MAX)
    stale = LedgerPlace.objects.filter(~lately | Q(seen_at=None))
    if stale.exists():
        _stop_after_downtime(Mailing.objects.due(now), now)
        stale.update(seen_at=Now())


def check_at_start(now: datetime) -> None:
    """Pause what was due or under way in a downtime. Called before anything runs."""
    _stop_after_downtime(Mailing.objects.due(now) | Mailing.objects.filter(state=Mailing.State.SENDING), now)


def _stop_after_downtime(mailings: MailingQuerySet, now: datetime) -> None:
    """Pause them if the last sign of life is older than DOWNTIME_MIN, except what somebody has decided about since.

    That is not of an earlier time. A letter that would have left without an answer has missed its slot.
    """
    place = LedgerPlace.objects.filter(seen_at__lt=Now() - DOWNTIME_MIN).first()
    if place is None or place.seen_at is None:
        return
    for letter in unanswered_letters(place.seen_at).filter(slot_at__lte=now):
        missed = {"issue": letter.issue, "reason": Reminder.Reason.DOWN, "at": now, "due_at": now}
        Reminder.objects.get_or_create(kind=Reminder.Kind.MISSED, slot_at=letter.slot_at, defaults=missed)
    was_touched = MailingStep.objects.filter(mailing=OuterRef("pk"), at__gt=now - DOWNTIME_MIN)
    for mailing in mailings.filter(~Exists(was_touched)).select_related("issue"):
        if mailing.pause(_reason(mailing, place.seen_at), Mailing.Cause.DOWNTIME):
            log.error("no sign of life since %s: the mailing of %s waits for its author", place.seen_at, mailing.issue)


def unanswered_letters(after: datetime) -> "QuerySet[Reminder]":
    """Letters with a slot after that time that are sent if nobody answers; none unless the publication says so."""
    goes = Publication.objects.fresh().unapproved == Publication.Unapproved.GO
    return Reminder.objects.unanswered().filter(slot_at__gt=after) if goes else Reminder.objects.none()


def _reason(mailing: Mailing, seen_at: datetime) -> str:
    publication, counts = Publication.objects.current(), mailing.counts()
    known = counts.sent + counts.uncertain + counts.sending
    with translation.override(publication.language):
        text = ngettext(
            "Nothing was running here after %(time)s; if the disk was put back to an earlier state, more readers may"
            " have this issue than the %(count)d known here.",
            "Nothing was running here after %(time)s; if the disk was put back to an earlier state, more readers may"
            " have this issue than the %(count)d known here.",
            known,
        )
        if not known:
            text = _(
                "Nothing was running here after %(time)s; if the disk was put back to an earlier state, readers may"
                " have this issue already, though none is known here."
            )
        time = date_format(timezone.localtime(seen_at, publication.zone), "Y-m-d H:i")
        return text % {"time": time, "count": known}
