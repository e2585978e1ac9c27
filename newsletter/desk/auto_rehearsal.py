"""Automatic rehearsals of drafts that have not been edited for a while, and remarks about the audience."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.db.models import Count, Max
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import OK, STUCK_AFTER, WARNING, Rehearsal, RehearsalRemark, rehearsal_digest
from newsletter.delivery.rehearsal import rehearse, unsaved_mailing
from newsletter.desk.audiences import count_audience
from newsletter.desk.next_issue import unscheduled_issues
from newsletter.issues.models import Issue
from newsletter.mail import reach
from newsletter.publication.models import Publication

IDLE_TIME = timedelta(seconds=30)  # since the last change
ISSUES_MAX = 3  # drafts, the lowest numbers first
REHEARSALS_KEPT = 20  # rehearsals of one issue
CHECKED_SECONDS = 24 * 3600  # how long a draft without a further change is not checked again


def rehearse_idle_draft(now: datetime) -> Rehearsal | None:
    """Run the local checks on one idle, changed draft; return None if there is none.

    Each version of a letter is rehearsed once, and one rehearsal runs at a time.
    """
    if _is_one_running(now):
        return None
    for issue in _idle_drafts(now):
        mailing = unsaved_mailing(issue, "", now)
        if found := _claim(issue, rehearsal_digest(mailing.content_hash, ""), now):
            Rehearsal.objects.filter(pk=found.pk).update(**local_results(mailing, now))
            found.refresh_from_db()
            return found
    return None


def local_results(mailing: Mailing, now: datetime) -> dict[str, Any]:
    """Fields of a Rehearsal, as found without a request to other servers."""
    report = rehearse(mailing, now)
    remarks = [*audience_remarks(mailing.issue, mailing.segment, now), *report.remarks]
    return {"remarks": [asdict(one) for one in remarks], "copies": report.copies, "links": report.links}


def _is_one_running(now: datetime) -> bool:
    return Rehearsal.objects.filter(finished_at__isnull=True, told_at__gt=now - STUCK_AFTER).exists()


def _idle_drafts(now: datetime) -> Iterator[Issue]:
    """Drafts with posts that changed after their last rehearsal, and not just now.

    Compares times only, so a change that the letter does not show is checked once.
    """
    drafts: Any = unscheduled_issues().annotate(
        item_count=Count("items", distinct=True),
        posts_changed_at=Max("items__post__updated_at"),
        rehearsed_at=Max("rehearsals__started_at"),
    )
    look_changed_at = Publication.objects.current().updated_at
    for issue in drafts.filter(item_count__gt=0)[:ISSUES_MAX]:
        changed_at = max(issue.updated_at, issue.posts_changed_at, look_changed_at)
        is_due = changed_at <= now - IDLE_TIME and (issue.rehearsed_at is None or issue.rehearsed_at < changed_at)
        if is_due and cache.add(f"rehearsed:{issue.pk}:{changed_at.isoformat()}", 1, CHECKED_SECONDS):
            yield issue


def _claim(issue: Issue, digest: str, now: datetime) -> Rehearsal | None:
    """Create a rehearsal; None if another one runs, or this version was rehearsed already."""
    with transaction.atomic():
        Publication.objects.select_for_update().order_by("pk").first()  # one worker at a time
        latest = Rehearsal.objects.latest_of(issue)
        if _is_one_running(now) or (latest and latest.digest == digest):
            return None
        keys = Rehearsal.objects.filter(issue=issue).order_by("-pk").values_list("pk", flat=True)
        Rehearsal.objects.filter(pk__in=list(keys[REHEARSALS_KEPT - 1 :])).delete()
        return Rehearsal.objects.create(issue=issue, digest=digest, started_at=now, told_at=now)


def audience_remarks(issue: Issue, segment: str, now: datetime) -> Iterator[RehearsalRemark]:
    missing = reach.missing_parts()
    for part in missing:
        yield RehearsalRemark(
            Rehearsal.Topic.AUDIENCE, WARNING, reach.paragraph(reach.headline(missing), part.problem), part.step
        )
    audience = count_audience(issue, now, segment)
    words = (
        ngettext("%(count)d reader would get it.", "%(count)d readers would get it.", audience.readers)
        if missing
        else ngettext("%(count)d reader gets it.", "%(count)d readers get it.", audience.readers)
    )
    level = OK if audience.readers else WARNING
    yield RehearsalRemark(Rehearsal.Topic.AUDIENCE, level, words % {"count": audience.readers})
    excluded = {
        _("have this issue already"): audience.already_received,
        _("not in this segment"): audience.outside_segment,
        _("not confirmed"): audience.everybody.pending,
        _("paused"): audience.everybody.paused,
        _("unsubscribed"): audience.everybody.unsubscribed,
        _("suppressed"): audience.everybody.suppressed,
    }
    left_out = [_("%(why)s: %(count)d") % {"why": why, "count": count} for why, count in excluded.items() if count]
    if left_out:
        yield RehearsalRemark(Rehearsal.Topic.AUDIENCE, OK, _("Left out: %s") % _(", ").join(left_out))
