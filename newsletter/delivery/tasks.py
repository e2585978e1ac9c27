"""Wake-ups. The database is the truth: a task that is lost, doubled or late changes nothing."""

import logging
from datetime import datetime

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from newsletter.delivery.apart import apart
from newsletter.delivery.author import alerts, result_letters
from newsletter.delivery.events import applying, mailbox, suppressing, thinning
from newsletter.delivery.ledger import breakdown, keeping, recovery, restored
from newsletter.delivery.links import counting
from newsletter.delivery.models import Arrival, Mailing, Reply
from newsletter.delivery.models.events import KEPT_FOR
from newsletter.delivery.planning import beginning
from newsletter.delivery.readers.course import CourseMail
from newsletter.delivery.readers.missed import MissedMail
from newsletter.delivery.readers.quoting import AnswerMail, QuoteMail
from newsletter.delivery.readers.single_mails import OnceMoreMail, send_due
from newsletter.delivery.readers.welcome import WelcomeMail
from newsletter.delivery.wakeups import wake_lanes
from newsletter.publication.heartbeats import Part, working
from subscribers import remembering

log = logging.getLogger(__name__)

WAKE_UP_EXPIRES = 30  # seconds
APPLYING_SECONDS = 4.0  # of a wake-up; the next one goes on
APPLYING_BESIDE_SECONDS = 0.5  # while a mailing is being sent, which must not be slower for it: events can wait
THINNING_SECONDS = 2.0
DELETING_SECONDS = 1.0  # of a wake-up: single mails wait no longer for the worker's other hand


@shared_task(ignore_result=True)
def dispatch() -> None:
    """Look after everything that is under way: recover, begin, wake the lanes, close."""
    with working(Part.DISPATCHER):
        remembering.fulfil()
        if not restored.is_undecided():
            take_steps(timezone.now())


def take_steps(now: datetime) -> None:
    """Do what the dispatcher has to do for mailings. Each step asks one cheap question where it has nothing to do."""
    with apart("recovery"):
        recovery.sweep(settings.DELIVERY_LANES)
    with apart("settling what was cancelled"):
        recovery.settle_cancelled()
    with apart("reopening"):
        recovery.reopen(now)
    with apart("looking for what nobody took up"):
        alerts.observe_unattended(now)  # before they are begun
    with apart("beginning"):
        beginning.begin_due(now)
    if Mailing.objects.ready(now).exists():
        wake_lanes()
    for mailing in Mailing.objects.filter(state=Mailing.State.SENDING).defer("html", "text"):
        with apart(f"finishing mailing {mailing.pk}"):
            mailing.finish(now)
    with apart("judging refusals"):
        suppressing.settle(now)
    with apart("counting"):
        breakdown.count_one(now)


@shared_task(ignore_result=True)
def apply_events() -> None:
    """Apply what providers, mail servers and readers reported of copies."""
    if restored.is_undecided():  # the ledger does not know yet what was sent
        return
    now = timezone.now()
    if Arrival.objects.waiting().exists():
        is_sending = Mailing.objects.filter(state=Mailing.State.SENDING).exists()
        applying.apply_some(now, APPLYING_BESIDE_SECONDS if is_sending else APPLYING_SECONDS)
    Arrival.objects.forget(now - KEPT_FOR)
    Reply.objects.forget(now)


@shared_task(ignore_result=True)
def count_links() -> None:
    """Tell machines from people among those who followed links, and make numbers of the days that are over."""
    counting.settle(timezone.now())


@shared_task(ignore_result=True)
def read_mailbox() -> None:
    """Store what has arrived in the mailbox; while it is away, the doctor says so."""
    if not settings.MAILBOX_URL:
        return
    try:
        mailbox.fetch(timezone.now())
    except mailbox.MailboxAway as problem:
        log.warning("The mailbox cannot be read: %s", problem)


@shared_task(ignore_result=True)
def delete_old_copies() -> None:
    """Delete the copies of mailings that were closed long ago, if so set, and what came back of erased readers."""
    if restored.is_undecided():
        return
    keeping.forget_mails()
    keeping.delete_some(timezone.now(), DELETING_SECONDS)


@shared_task(ignore_result=True)
def thin_events() -> None:
    """Make numbers of events that nothing rests on any more, and forget those of erased readers."""
    if not restored.is_undecided():
        thinning.thin_some(timezone.now(), THINNING_SECONDS)


@shared_task(ignore_result=True)
def send_welcomes() -> None:
    """Send what single readers get: answers, the welcome, first letters, issues once more, what a pause has missed."""
    for kind in (AnswerMail, QuoteMail, WelcomeMail, OnceMoreMail, MissedMail, CourseMail):
        send_due(kind, timezone.now())


@shared_task(ignore_result=True)
def tell_author() -> None:
    """Mail the author what happened to the mailings since the last time, and what those of three days ago brought."""
    now = timezone.now()
    alerts.observe(now)
    alerts.send_due(now)
    if not restored.is_undecided():  # the ledger does not know yet what was sent
        result_letters.observe(now)
        result_letters.send_due(now)
