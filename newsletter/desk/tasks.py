"""Wake-ups of the desk: what a page cannot wait for. One that is lost is asked for again by the author."""

from typing import Any

from celery import shared_task
from django.utils import timezone, translation

from newsletter.delivery import rehearsal
from newsletter.delivery.author import reminders
from newsletter.delivery.models.rehearsals import Rehearsal, Remark
from newsletter.desk import rehearsals
from newsletter.desk.accounts import alarms
from newsletter.desk.jobs import files, working
from newsletter.desk.models import Errand, PostImport
from newsletter.operation import senders
from newsletter.publication.models import Publication
from newsletter.publication.wakeups import wake


@shared_task(ignore_result=True)
def look_outside(rehearsal_id: int) -> None:
    found = Rehearsal.objects.get(pk=rehearsal_id)
    if not found.begin(timezone.now()):
        return
    with translation.override(Publication.objects.current().language):
        remarks = [*about_sender(), *rehearsal.ask_others(found)]
        found.finish(remarks, timezone.now())


@shared_task(ignore_result=True)
def rehearse_by_itself() -> None:
    """Rehearse a draft that has changed and rested: first what is here, then what is outside."""
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        found = rehearsals.rehearse_by_itself(timezone.now())
    if found:
        look_outside(found.pk)


@shared_task(ignore_result=True)
def remind_author() -> None:
    """Tell the author of the slots ahead, let go what may go without an answer, and note what did not go."""
    now = timezone.now()
    reminders.observe(now)
    reminders.send_due(now)
    reminders.let_go(now)
    reminders.observe_missed(now)


@shared_task(ignore_result=True)
def work_on_errands() -> None:
    """Work on what the author wants done to many readers, for a turn; the next one follows while there is more."""
    if working.work(Errand, timezone.now()):
        wake(work_on_errands)


@shared_task(ignore_result=True)
def take_in_posts() -> None:
    if working.work(PostImport, timezone.now()):
        wake(take_in_posts)


@shared_task(ignore_result=True)
def remove_old_files() -> None:
    """Remove files of readers that are older than a day, with whom they were about, and old exports of posts."""
    for kind in (Errand, PostImport):
        files.remove_old(kind, timezone.now())
    with translation.override(Publication.objects.current().language):
        files.forget_words(timezone.now())


def about_sender() -> list[Remark]:
    now = timezone.now()
    findings = [*senders.sender(now), *senders.dns_records(now)]
    return [Remark(Rehearsal.Topic.SENDER, one.level, one.message, one.hint) for one in findings]


@shared_task(ignore_result=True)
def tell_account(facts: dict[str, Any]) -> None:
    """Mail the owner of an account what happened to it. It is in the log, whatever becomes of the mail."""
    alarms.send(facts)
