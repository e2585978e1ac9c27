"""Periodic tasks. The database is the queue: a task that is lost, runs twice or late changes nothing."""

import logging
from datetime import datetime

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from newsletter.delivery import trials
from newsletter.delivery.author import alerts, result_letters
from newsletter.delivery.error_logging import log_errors
from newsletter.delivery.events import applying, mailbox, rules, thinning
from newsletter.delivery.ledger import breakdown, downtime, recovery, restore_detection, retention
from newsletter.delivery.links import counting
from newsletter.delivery.models import InboundMessage, Mailing, Reply
from newsletter.delivery.models.events import MESSAGES_KEPT_FOR
from newsletter.delivery.planning import beginning
from newsletter.delivery.readers.course import CourseMailQueue
from newsletter.delivery.readers.missed import MissedMailQueue
from newsletter.delivery.readers.quoting import AnswerMailQueue, QuoteMailQueue
from newsletter.delivery.readers.single_mails import OnceMoreMailQueue, send_due
from newsletter.delivery.readers.welcome import WelcomeMailQueue
from newsletter.issues.models import close_questions
from newsletter.publication.heartbeats import Component, beat
from subscribers import pending_unsubscribes

log = logging.getLogger(__name__)

WAKE_UP_EXPIRES_SECONDS = 30
APPLYING_SECONDS = 4.0  # per run; the next run continues
APPLYING_BESIDE_SECONDS = 0.5  # while a mailing is being sent, which events must not slow down
THINNING_SECONDS = 2.0
TRIAL_SECONDS = 4.0  # per run; the next run continues
DELETING_SECONDS = 1.0  # per run: single mails share the worker


@shared_task(ignore_result=True)
def dispatch() -> None:
    """Move all mailings on: recover, begin, close."""
    pending_unsubscribes.process_pending()
    if not restore_detection.is_restore_undecided():
        downtime.keep_watch(timezone.now())
        take_steps(timezone.now())
    beat(Component.DISPATCHER)


def take_steps(now: datetime) -> None:
    """Run the dispatcher's steps. A step with nothing to do costs one cheap query."""
    with log_errors("recovering batches"):
        recovery.sweep(settings.DELIVERY_LANES)
    with log_errors("settling cancelled mailings"):
        recovery.settle_cancelled()
    with log_errors("reopening mailings"):
        recovery.reopen_mailings(now)
    with log_errors("recording unattended mailings"):
        alerts.record_unattended(now)  # before they are begun
    with log_errors("beginning mailings"):
        beginning.begin_due(now)
    for mailing in Mailing.objects.filter(state=Mailing.State.SENDING).defer("html", "text"):
        with log_errors(f"finishing mailing {mailing.pk}"):
            mailing.finish(now)
    with log_errors("judging refusals"):
        rules.judge_refusals(now)
    with log_errors("counting deliveries"):
        breakdown.count_next_mailing(now)
    with log_errors("writing trials"):
        trials.write_unfinished(now, TRIAL_SECONDS)


@shared_task(ignore_result=True)
def apply_events() -> None:
    """Apply the reports of providers, mail servers and readers."""
    if restore_detection.is_restore_undecided():  # the ledger may lack sent copies
        return
    now = timezone.now()
    if InboundMessage.objects.waiting().exists():
        is_sending = Mailing.objects.filter(state=Mailing.State.SENDING).exists()
        applying.apply_waiting(now, APPLYING_BESIDE_SECONDS if is_sending else APPLYING_SECONDS)
    InboundMessage.objects.forget(now - MESSAGES_KEPT_FOR)
    Reply.objects.forget(now)


@shared_task(ignore_result=True)
def count_links() -> None:
    """Separate machines from people among the visits of links, and reduce past days to counts."""
    counting.aggregate_days(timezone.now())


@shared_task(ignore_result=True)
def read_mailbox() -> None:
    """Store new mails of the mailbox. Its failures are reported by the doctor."""
    if not settings.MAILBOX_URL:
        return
    try:
        mailbox.fetch_mails(timezone.now())
    except mailbox.MailboxUnavailable as problem:
        log.warning("The mailbox cannot be read: %s", problem)


@shared_task(ignore_result=True)
def delete_old_copies() -> None:
    """Delete the deliveries of old mailings, if KEEP_DELIVERIES_DAYS is set, inbound mails of erased readers, and who
    answered a question that is closed."""
    if restore_detection.is_restore_undecided():
        return
    close_questions(timezone.now())
    retention.delete_erased_mails()
    retention.delete_old_batches(timezone.now(), DELETING_SECONDS)


@shared_task(ignore_result=True)
def thin_events() -> None:
    """Reduce old events to counts, and delete those of erased readers."""
    if not restore_detection.is_restore_undecided():
        thinning.thin_old_events(timezone.now(), THINNING_SECONDS)


@shared_task(ignore_result=True)
def send_welcomes() -> None:
    """Send mails to single readers: answers, questions about quotes, welcomes, repeated and missed issues, courses."""
    for one in (AnswerMailQueue, QuoteMailQueue, WelcomeMailQueue, OnceMoreMailQueue, MissedMailQueue, CourseMailQueue):
        send_due(one, timezone.now())


@shared_task(ignore_result=True)
def tell_author() -> None:
    """Mail the author alerts about mailings, and the results of issues three days after they were sent."""
    now = timezone.now()
    alerts.record_alerts(now)
    alerts.send_due(now)
    if not restore_detection.is_restore_undecided():  # the ledger may lack sent copies
        result_letters.record_due(now)
        result_letters.send_due(now)
