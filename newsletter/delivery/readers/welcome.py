"""The welcome mail of a new reader, with the latest issue."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format

from newsletter.delivery.letter.losses import Loss, losses_in_mail
from newsletter.delivery.letter.rendering import fill, greeting_html, issue_context, reader_values
from newsletter.delivery.readers import course
from newsletter.delivery.readers.single_mails import RETRY_AFTER, SingleMailQueue, build_reader_mail
from newsletter.issues import schedule
from newsletter.issues.models import Issue, StartingPoint
from newsletter.mail import letters
from newsletter.mail.mail_queue import Retry, is_due
from newsletter.mail.message import Mail, MailContent
from newsletter.mail.smtp_replies import SendFailure
from newsletter.publication.models import Publication
from subscribers.models import Subscriber

log = logging.getLogger(__name__)

STARTING_POINTS_SHOWN = 3
GIVE_UP_AFTER = timedelta(days=3)  # from the confirmation


class WelcomeMailQueue(SingleMailQueue[Subscriber]):
    """The welcome mail after confirmation, sent at most once.

    The claim marks the reader as welcomed. A temporary refusal resets the mark until GIVE_UP_AFTER; an unavailable
    server always resets it. A crash, or a missing final reply, does not.
    """

    model, due_column, tries_column, guard_column = Subscriber, "welcome_due_at", "", "welcomed_at"

    def due_rows(self, now: datetime) -> QuerySet[Subscriber]:
        may_go = Q(welcome_due_at__isnull=True) | is_due("welcome_due_at", now)
        unwelcomed = Subscriber.objects.mailable(now).filter(confirmed_at__isnull=False, welcomed_at__isnull=True)
        return unwelcomed.filter(may_go).order_by("pk")

    def claimed_columns(self, now: datetime) -> dict[str, object]:
        return {"welcomed_at": now, "welcome_due_at": None}

    def retry_columns(self, at: datetime) -> dict[str, object]:
        return {"welcomed_at": None, "welcome_due_at": at}

    def build(self, row: Subscriber, now: datetime) -> tuple[Mail, dict[str, object]]:
        course.begin_course(row, now)  # before sending: a crash must not lose the course
        return build_welcome(row, now), {}

    def retry(self, row: Subscriber, failure: SendFailure, now: datetime) -> Retry:
        if failure is SendFailure.SERVER_UNAVAILABLE:
            return Retry(due_at=now, tries=0)
        is_new = row.confirmed_at is not None and row.confirmed_at > now - GIVE_UP_AFTER
        return Retry(due_at=now + RETRY_AFTER if failure is SendFailure.TEMPORARY and is_new else None, tries=0)


def build_welcome(subscriber: Subscriber, now: datetime) -> Mail:
    publication = Publication.objects.current()
    issue = Issue.objects.archived().first()
    context: dict[str, object] = {"publication": publication, "site_url": settings.SITE_URL}
    context |= issue_context(issue, publication) if issue else {"issue": None}
    values = reader_values(subscriber)
    context |= values
    with translation.override(publication.language):
        context |= _author_context(publication, now)
        context["gift_url"] = settings.SITE_URL + reverse("delivery:gift", args=[subscriber.token("gift")])
        subject = translation.gettext("Welcome to %(name)s") % {"name": publication.name}
        letter = letters.render("welcome", subject, context, base_url=settings.SITE_URL)
    html, text = fill(letter.html, values, escaped=True), fill(letter.text, values, escaped=False)
    letter = MailContent(letter.subject, html, text)
    return build_reader_mail(letter, subscriber, "welcome", subscriber.signup_round)


def welcome_losses(subscriber: Subscriber, now: datetime) -> list[Loss]:
    publication = Publication.objects.current()
    title = translation.gettext("Welcome")
    return losses_in_mail(title, publication.welcome, build_welcome(subscriber, now))


def _author_context(publication: Publication, now: datetime) -> dict[str, object]:
    """Template context: what the author wrote, and the date of the next issue, in the active language."""
    points = StartingPoint.objects.public(now)[:STARTING_POINTS_SHOWN]
    slot = timezone.localtime(schedule.next_slot(publication, now), publication.zone)
    return {
        "words": greeting_html(publication.welcome),
        "question": publication.welcome_question,
        "points": [(point, settings.SITE_URL + point.post.get_absolute_url()) for point in points],
        "letters": len(course.course_mailings(publication)),
        "next_on": date_format(slot, "DATE_FORMAT"),
    }
