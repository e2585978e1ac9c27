"""One mail after a reader's pause, with a sentence about each issue they missed; none if they missed nothing."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone, translation

from newsletter.delivery import sending_days
from newsletter.delivery.letter.rendering import reader_values
from newsletter.delivery.models import CourseCopy, Delivery
from newsletter.delivery.readers.single_mails import SingleMailQueue, build_reader_mail
from newsletter.issues.annotations import attach_openings
from newsletter.issues.models import Issue
from newsletter.mail import letters
from newsletter.mail.mail_queue import AtMostOnceMailQueue, SendResult, is_due
from newsletter.mail.message import Mail
from newsletter.posts.text import prose
from newsletter.publication.models import Publication
from subscribers.models import Pause, Subscriber, is_mailable

STALE_AFTER = timedelta(days=14)  # after the end of a pause; later the archive is enough
MAILING_DURATION = timedelta(days=3)  # a pause may begin while an issue is sent
SENT_STATES = {Delivery.State.QUEUED, Delivery.State.SENT, Delivery.State.DEFERRED, Delivery.State.UNCERTAIN}


class MissedMailQueue(AtMostOnceMailQueue[Pause], SingleMailQueue[Pause]):
    """The mail of a pause that has ended, by date or by the reader."""

    model, sent_column = Pause, "settled_at"

    def due_rows(self, now: datetime) -> QuerySet[Pause]:
        if not sending_days.may_send_single_mails(Publication.objects.current(), now):
            return Pause.objects.none()
        may_go = Q(due_at__isnull=True) | is_due("due_at", now)
        over = Pause.objects.filter(may_go, settled_at=None, until__lte=now, until__gt=now - STALE_AFTER)
        return over.filter(is_mailable(now, "subscriber__")).select_related("subscriber").order_by("until", "pk")

    def unchanged(self, row: Pause) -> QuerySet[Pause]:
        return super().unchanged(row).filter(until=row.until)  # not if the reader has paused again

    def send(self, row: Pause, now: datetime) -> SendResult:
        if not missed_issues(row):
            self._update_unchanged(row, {"settled_at": now, "due_at": None})
            return SendResult.NOT_TAKEN
        return super().send(row, now)

    def build(self, row: Pause, now: datetime) -> tuple[Mail, dict[str, object]]:
        return build_missed_mail(row.subscriber, missed_issues(row), row), {}

    def give_up(self, row: Pause, error: Exception, now: datetime) -> bool:
        return self.dequeue(row, {"settled_at": now})


def missed_issues(pause: Pause) -> list[Issue]:
    """The issues sent during a pause that the reader never got, oldest first.

    An issue being sent when the pause began counts if the reader had a delivery that was not sent.
    """
    since = pause.began_at - MAILING_DURATION
    issues = Issue.objects.archived().filter(imported_at__isnull=True, sent_at__gte=since, sent_at__lt=pause.until)
    copies = Delivery.objects.filter(subscriber=pause.subscriber_id, mailing__issue=OuterRef("pk"))
    letters = CourseCopy.objects.filter(subscriber=pause.subscriber_id, issue=OuterRef("pk"), sent_at__isnull=False)
    was_for_them = Q(sent_at__gte=pause.began_at) | Exists(copies)
    found = issues.filter(was_for_them, ~Exists(copies.filter(state__in=SENT_STATES)), ~Exists(letters))
    return list(found.order_by("number"))


def build_missed_mail(reader: Subscriber, issues: list[Issue], pause: Pause) -> Mail:
    publication = Publication.objects.current()
    context: dict[str, object] = {"publication": publication, "site_url": settings.SITE_URL, "name": reader.name}
    shown = [
        {
            "number": issue.number,
            "subject": issue.subject,
            "url": settings.SITE_URL + issue.get_absolute_url(),
            "sentence": issue.preheader or prose.first_sentence(issue.opening),
            "sent_at": issue.sent_at,
        }
        for issue in attach_openings(issues)
    ]
    context |= reader_values(reader) | {"issues": shown}
    with translation.override(publication.language), timezone.override(publication.zone):
        context["since"] = pause.began_at
        count = len(issues)
        text = translation.ngettext("What you missed: %(count)d issue", "What you missed: %(count)d issues", count)
        subject = text % {"count": count}
        letter = letters.render("what_was_missed", subject, context, base_url=settings.SITE_URL)
    return build_reader_mail(letter, reader, "missed", int(pause.began_at.timestamp()))
