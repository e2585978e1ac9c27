"""Plans mailings that are due: fixes the audience and writes deliveries and batches."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate, pairwise

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from newsletter.delivery.error_logging import log_errors
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.models.mailing import MailingStep
from newsletter.delivery.planning.approving import (
    are_deliveries_deleted,
    audience,
    deleted_deliveries_obstacles,
    has_unsettled_batches,
    imported_obstacle,
)
from newsletter.issues.models import Issue
from newsletter.issues.search import index_issue
from newsletter.mail import reach
from newsletter.mail.mailers import provider_label
from newsletter.publication.models import Publication

log = logging.getLogger(__name__)

BATCH_MAX = 4000  # deliveries that one worker leases, at most
MACHINES = 8  # assumed to have workers, except on SQLite; too many is harmless, as small batches cost little
LATE_AFTER = timedelta(hours=6)  # a mailing that missed its slot by more is paused


def begin_due(now: datetime) -> list[Mailing]:
    """Plan every mailing that is due; return those that began.

    One later than LATE_AFTER, or late on a day that already had an issue, is paused with a reason: after a long outage
    nothing is sent by surprise. So is one that would reach nobody.
    """
    begun = []
    publication = Publication.objects.current()
    for mailing in Mailing.objects.due(now).select_related("issue"):
        with log_errors(f"beginning mailing {mailing.pk}"):
            if has_unsettled_batches(mailing.issue):
                continue
            with translation.override(publication.language), timezone.override(publication.zone):
                nobody = reach.obstacle(mailing.mailer)
                reason = nobody or _reason_to_wait(mailing, now)
            if reason:
                cause = Mailing.Cause.NOBODY if nobody else Mailing.Cause.LATE
                mailing.pause(reason, cause)
            elif plan_mailing(mailing, now):
                begun.append(mailing)
    return begun


def _reason_to_wait(mailing: Mailing, now: datetime) -> str:
    if mailing.issue.imported_at:
        return imported_obstacle(mailing.issue)
    if deleted := deleted_deliveries_obstacles(mailing.issue):
        return deleted[0]
    late = now - mailing.send_at
    was_due = date_format(localtime(mailing.send_at), "Y-m-d H:i")
    if late > LATE_AFTER:
        text = _("It was due at %(time)s, but nothing was running then. Send it now, or choose another time.")
        return text % {"time": was_due}
    midnight = localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    others = Mailing.objects.filter(kind=Mailing.Kind.ISSUE, planned_at__gte=midnight).exclude(issue=mailing.issue)
    is_issue = mailing.kind == Mailing.Kind.ISSUE
    if is_issue and late > timedelta(minutes=10) and others.exists():
        return _("It was due at %(time)s, and another issue went out today already.") % {"time": was_due}
    return ""


def plan_mailing(mailing: Mailing, now: datetime) -> bool:
    """Fix the audience and divide it into batches, in one transaction.

    Returns False if another process was first, or if deliveries of the issue were deleted. Raises BatchesBroken.
    """
    with transaction.atomic():
        if are_deliveries_deleted(mailing.issue):
            return False
        due = Q(state=Mailing.State.SCHEDULED, planned_at__isnull=True)
        if not Mailing.objects.filter(due, pk=mailing.pk).update(state=Mailing.State.SENDING, planned_at=now):
            return False
        total = _write_deliveries(mailing, now)
        _create_batches(mailing, total)
        _check_batches(mailing, total)
        Mailing.objects.filter(pk=mailing.pk).update(total=total)
        mailing.record(MailingStep.Kind.BEGUN, provider_label(settings.MAILERS[mailing.mailer]), now)
        mailing.issue.mark_sent(now)
        if mailing.kind == Mailing.Kind.CORRECTION:
            mailing.issue.mark_corrected(mailing.note, now)
    mailing.refresh_from_db()
    _add_to_search(mailing.issue)
    return True


def _add_to_search(issue: Issue) -> None:
    """Add the issue to the search index; an error there does not stop the mailing."""
    try:
        with transaction.atomic():
            index_issue(issue)
    except DatabaseError:
        log.exception("issue %s is not in the search index; saving it again adds it", issue.number)


def _create_batches(mailing: Mailing, total: int) -> None:
    machines = 1 if connection.vendor == "sqlite" else MACHINES
    ends = list(accumulate(batch_sizes(total, machines * settings.DELIVERY_LANES, BATCH_MAX), initial=0))
    Batch.objects.bulk_create(
        Batch(mailing=mailing, no=no, lo=lo, hi=hi, cursor=lo) for no, (lo, hi) in enumerate(pairwise(ends))
    )


class BatchesBroken(Exception):
    """Batches overlap or leave a gap: a reader would get two copies, or none."""


def _check_batches(mailing: Mailing, total: int) -> None:
    """Compare the stored batches with the rows: neither database has a plain constraint for it."""
    spans = mailing.batches.order_by("no").values_list("lo", "hi")
    for (_lo, end), (start, _hi) in pairwise([(0, 0), *spans, (total, total)]):
        if start != end:
            raise BatchesBroken(f"mailing {mailing.pk}: a batch ends at row {end}, and the next begins at {start}")


def _write_deliveries(mailing: Mailing, now: datetime) -> int:
    """Insert one queued row per reader by a single INSERT … SELECT; return how many."""
    readers, params = audience(mailing, now).order_by().values("id").query.sql_with_params()
    table = connection.ops.quote_name(Delivery._meta.db_table)
    # Our own table name and Django's SQL; every value is a parameter.
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (mailing_id, seq, subscriber_id, state, attempts, provider_id, reply)"  # noqa: S608  # nosec B608
            f" SELECT %s, ROW_NUMBER() OVER (ORDER BY id) - 1, id, %s, 0, '', '' FROM ({readers}) AS readers",
            [mailing.pk, Delivery.State.QUEUED, *params],
        )
        written: int = cursor.rowcount
    return written


BATCH_STEP = 400  # rows: as many as two concurrent API calls take (READERS_PER_CALL each)


def batch_sizes(total: int, lanes: int, most: int) -> Iterator[int]:
    """Yield sizes that add up to `total`, of at most `most`; smaller at the end, so that all lanes finish together."""
    while total:
        share = -(-total // (lanes * BATCH_STEP)) * BATCH_STEP
        size = min(most, total, share)
        yield size
        total -= size
