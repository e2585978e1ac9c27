"""The course: up to three past issues that a new reader gets, days apart, never on the day of an issue."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from newsletter.delivery import sending_days
from newsletter.delivery.letter.rendering import build_copy
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.course import CourseCopy
from newsletter.delivery.readers.single_mails import ResponseRecordingQueue
from newsletter.mail.mail_queue import SendResult, is_due
from newsletter.mail.message import Mail
from newsletter.publication.models import Publication
from subscribers.models import Pause, Subscriber
from subscribers.models.consents import Consent

SAME_HOUR = timedelta(hours=12)  # a letter delayed until the morning does not delay the next one by a day


def course_mailings(publication: Publication) -> list[Mailing]:
    """The mailings of the chosen issues, by issue number; [] while the course is off."""
    sent = Mailing.objects.filter(issue__number__in=publication.course, state=Mailing.State.SENT)
    newest = {mailing.issue_id: mailing for mailing in sent.order_by("pk").select_related("issue")}
    return sorted(newest.values(), key=lambda mailing: mailing.issue.number)


def begin_course(reader: Subscriber, now: datetime) -> None:
    publication = Publication.objects.current()
    if publication.course:
        every = timedelta(days=publication.course_days)
        CourseCopy.objects.begin(reader, course_mailings(publication), every, now)


class CourseMailQueue(ResponseRecordingQueue[CourseCopy]):
    """A letter of the course: the issue as it was sent, with a prefix of its subject."""

    model = CourseCopy

    def due_rows(self, now: datetime) -> QuerySet[CourseCopy]:
        publication = Publication.objects.current()
        if not publication.course or not sending_days.may_send_single_mails(publication, now):
            return CourseCopy.objects.none()
        may_go = Q(due_at__isnull=True) | is_due("due_at", now)
        lately = now - timedelta(days=publication.course_days) + SAME_HOUR
        same = CourseCopy.objects.filter(subscriber=OuterRef("subscriber"))
        before = same.filter(Q(sent_at__gt=lately) | Q(pk__in=same.open(), position__lt=OuterRef("position")))
        found = CourseCopy.objects.open().filter(may_go, ~Exists(before), planned_for__lte=now)
        return found.select_related("subscriber", "mailing__issue").order_by("planned_for", "pk")

    def send(self, row: CourseCopy, now: datetime) -> SendResult:
        if is_course_over(row, now):
            CourseCopy.objects.open().filter(subscriber=row.subscriber_id).update(stopped_at=now, due_at=None)
            return SendResult.NOT_TAKEN
        return super().send(row, now)

    def unchanged(self, row: CourseCopy) -> QuerySet[CourseCopy]:
        return super().unchanged(row).filter(stopped_at=None)

    def build(self, row: CourseCopy, now: datetime) -> tuple[Mail, dict[str, object]]:
        return build_course_mail(row), {}

    def give_up(self, row: CourseCopy, error: Exception, now: datetime) -> bool:
        return self.dequeue(row, {"reply": str(error)[:200], "stopped_at": now, "sent_at": None})


def is_course_over(row: CourseCopy, now: datetime) -> bool:
    """Whether the reader has left, paused or been suppressed since the course began."""
    if not Subscriber.objects.mailable(now).filter(pk=row.subscriber_id).exists():
        return True
    left = {"kind": Consent.Kind.WITHDREW, "at__gte": row.begun_at}
    paused = Pause.objects.filter(subscriber=row.subscriber_id, began_at__gte=row.begun_at)
    return paused.exists() or Consent.objects.filter(subscriber=row.subscriber_id, **left).exists()


def build_course_mail(row: CourseCopy) -> Mail:
    with translation.override(Publication.objects.current().language):
        before = _("First letters %(position)d: ") % {"position": row.position}
    return build_copy(row.mailing, row.subscriber, ids=(row.mailing_id, 0, 0, row.subscriber_id), subject_prefix=before)
