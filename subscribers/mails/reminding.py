"""The one reminder to who signed up two days ago and has not confirmed, if the author wants it."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from newsletter.mail.due import MarkedMail
from newsletter.mail.message import Mail
from newsletter.publication.models import Publication
from subscribers.mails.sending import ReaderMail, reminder
from subscribers.models import CONFIRM_WITHIN, ConfirmationReminder, Subscriber, SubscriberQuerySet, Suppression, mails
from subscribers.models.mails import Unsent

AFTER = timedelta(days=2)
LEFT_AT_LEAST = timedelta(days=1)  # of the link in it
AT_ONCE = 200  # sign-ups of one run


def grant(now: datetime) -> None:
    """Make a reminder due for each sign-up whose time has come; nothing while the author does not want it.

    A mailbox that has had its three mails of the day is asked for again later.
    """
    if not Publication.objects.current().reminds_unconfirmed:
        return
    told = ConfirmationReminder.objects.filter(subscriber=OuterRef("pk"))
    waiting = _unconfirmed(now).filter(~Exists(told), confirmation_sent_at__lte=now - AFTER)
    for subscriber in waiting.order_by("confirmation_sent_at")[:AT_ONCE]:
        with transaction.atomic():
            row = {"made_at": now, "due_at": now}
            _row, is_new = ConfirmationReminder.objects.get_or_create(subscriber=subscriber, defaults=row)
            if is_new and not mails.take_from_budget(subscriber.email, now):
                transaction.set_rollback(True)


def _unconfirmed(now: datetime) -> SubscriberQuerySet:
    """Return who may be reminded: asked, never confirmed, not suppressed, and the link still opens for a day."""
    barred = Suppression.objects.standing().filter(address_hash=OuterRef("address_hash"))
    opens = {"confirmation_sent_at__gt": now - CONFIRM_WITHIN + LEFT_AT_LEAST}
    return Subscriber.objects.filter(~Exists(barred), state=Subscriber.State.PENDING, **opens)


class ReminderMail(MarkedMail[ConfirmationReminder], ReaderMail[ConfirmationReminder]):
    """The reminder: there is one, or none."""

    model, mark, what = ConfirmationReminder, "sent_at", Unsent.What.SIGN_UP
    unwritable = "Reminder %d cannot be sent: %s"
    failed = "Try %d to send reminder %d failed: %s"

    def waiting(self, now: datetime) -> QuerySet[ConfirmationReminder]:
        if not Publication.objects.current().reminds_unconfirmed:
            return self.model.objects.none()
        return super().waiting(now).filter(subscriber__in=_unconfirmed(now)).select_related("subscriber")

    def write(self, row: ConfirmationReminder, now: datetime) -> tuple[Mail, dict[str, object]]:
        return reminder(row.subscriber, now), {}

    def since(self, row: ConfirmationReminder, now: datetime) -> datetime:
        return row.made_at


MAIL = ReminderMail()
