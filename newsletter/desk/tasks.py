"""Celery tasks of the desk. A lost one is requested again by the author."""

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.utils import timezone, translation

from newsletter.delivery import rehearsal
from newsletter.delivery.author import reminders
from newsletter.delivery.models.rehearsals import Rehearsal, RehearsalRemark
from newsletter.desk import auto_rehearsal
from newsletter.desk.accounts import security_alerts
from newsletter.desk.jobs import files, working
from newsletter.desk.models import Errand, PostImport
from newsletter.issues.models import Issue
from newsletter.operation import senders
from newsletter.posts.models import Post
from newsletter.publication import trash
from newsletter.publication.models import Publication
from newsletter.publication.task_queue import enqueue_on_commit


@shared_task(ignore_result=True)
def look_outside(rehearsal_id: int) -> None:
    found = Rehearsal.objects.get(pk=rehearsal_id)
    if not found.begin(timezone.now()):
        return
    with translation.override(Publication.objects.current().language):
        remarks = [*sender_remarks(), *rehearsal.check_other_sites(found)]
        found.finish(remarks, timezone.now())


@shared_task(ignore_result=True)
def rehearse_by_itself() -> None:
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        found = auto_rehearsal.rehearse_idle_draft(timezone.now())
    if found:
        look_outside(found.pk)


@shared_task(ignore_result=True)
def remind_author() -> None:
    now = timezone.now()
    reminders.record_due(now)
    reminders.send_due(now)
    reminders.send_unanswered(now)
    reminders.record_missed(now)


@shared_task(ignore_result=True)
def work_on_errands() -> None:
    """Run one turn of a bulk job, and enqueue the next while there is more."""
    if working.work(Errand, timezone.now()):
        enqueue_on_commit(work_on_errands)


@shared_task(ignore_result=True)
def take_in_posts() -> None:
    if working.work(PostImport, timezone.now()):
        enqueue_on_commit(take_in_posts)


@shared_task(ignore_result=True)
def remove_old_files() -> None:
    """Delete expired files of bulk jobs with their descriptions, and old uploads of posts."""
    for kind in (Errand, PostImport):
        files.remove_old(kind, timezone.now())
    with translation.override(Publication.objects.current().language):
        files.forget_words(timezone.now())


EMPTIED_KEPT_FOR = timedelta(days=1)  # somebody may still have it open


@shared_task(ignore_result=True)
def empty_trash() -> None:
    """Delete what was in the trash for 30 days, issues first, for their posts; move emptied drafts there."""
    trash.expired(Issue).delete()
    trash.expired(Post).filter(items__isnull=True).delete()
    now = timezone.now()
    emptied = Post.objects.emptied().filter(updated_at__lt=now - EMPTIED_KEPT_FOR, items__isnull=True)
    if emptied.exists():
        trash.move_to_trash(emptied, now)


def sender_remarks() -> list[RehearsalRemark]:
    now = timezone.now()
    findings = [*senders.sender_findings(now), *senders.dns_findings(now)]
    return [RehearsalRemark(Rehearsal.Topic.SENDER, one.level, one.message, one.hint) for one in findings]


@shared_task(ignore_result=True)
def tell_account(facts: dict[str, Any]) -> None:
    """Mail a security alert. The event is in the log, whether the mail is sent or not."""
    security_alerts.send_alert(facts)
