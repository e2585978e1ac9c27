"""Mails to one reader, and their queue in the database."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from newsletter.mail import headers, letters
from newsletter.mail.mail_queue import BACKOFF_MAX, BACKOFF_MIN, AtMostOnceMailQueue, MailQueue, Retry, backoff
from newsletter.mail.message import Mail, build_mail
from newsletter.mail.smtp_replies import SendFailure, classify_error, error_summary
from newsletter.publication.models import Publication
from subscribers.links import DATA_LINK_MINUTES
from subscribers.models import (
    CONFIRM_WITHIN,
    ConfirmationReminder,
    LinkWish,
    Subscriber,
    SubscriberQuerySet,
    Suppression,
    mail_queue,
)
from subscribers.models.address_changes import CONFIRM_CHANGE_WITHIN, UNDO_CHANGE_WITHIN, AddressChange
from subscribers.models.mail_queue import FreshLink, Unsent

# A typed name may be an advertisement: never sent to an unconfirmed address.
NO_NAME = ""


SUBJECTS = {  # by template
    "already_subscribed": _("You already receive %(name)s"),
    "confirmation": _("Please confirm: %(name)s"),
    "confirmation_reminder": _("Still waiting for your click: %(name)s"),
    "address_change": _("Your new address for %(name)s"),
    "address_changed": _("%(name)s has moved"),
    "fresh_link": _("Your data at %(name)s: the link you asked for"),
}


def signup_mail(subscriber: Subscriber) -> Mail:
    kind = "already_subscribed" if subscriber.is_reader and not subscriber.needs_reconfirmation else "confirmation"
    context = {"subscriber": subscriber, "days": CONFIRM_WITHIN.days}
    name = subscriber.name if subscriber.is_reader else NO_NAME
    ids = ("signup", subscriber.pk, subscriber.signup_round, subscriber.asked_times)
    return _mail(kind, context, to=(name, subscriber.email), ids=ids)


def reminder_mail(subscriber: Subscriber, now: datetime) -> Mail:
    asked_at = subscriber.confirmation_sent_at or now
    context = {"subscriber": subscriber, "days": (asked_at + CONFIRM_WITHIN - now).days}
    ids = ("remind", subscriber.pk, subscriber.signup_round)
    return _mail("confirmation_reminder", context, to=(NO_NAME, subscriber.email), ids=ids)


def build_change_mail(change: AddressChange) -> Mail:
    """To the new address to confirm it, then to the former one."""
    kind = "address_changed" if change.confirmed_at else "address_change"
    context = {
        "change": change,
        "subscriber": change.subscriber,
        "days": (UNDO_CHANGE_WITHIN if change.confirmed_at else CONFIRM_CHANGE_WITHIN).days,
        "new_address": change.masked if change.confirmed_at else str(change),
    }
    name = change.subscriber.name if change.confirmed_at else NO_NAME
    return _mail(kind, context, to=(name, change.mailed_address), ids=(kind, change.pk))


def fresh_link_mail(link: FreshLink, now: datetime) -> Mail:
    context = {"url": link.subscriber.data_url(now), "minutes": DATA_LINK_MINUTES}
    return _mail("fresh_link", context, to=(link.subscriber.name, link.subscriber.email), ids=("mine", link.pk))


def _mail(template: str, context: dict[str, Any], *, to: tuple[str, str], ids: tuple[str | int, ...]) -> Mail:
    """An automatic mail in the publication's language. ids: kind and numbers that make the Message-ID unique."""
    publication, (kind, *numbers) = Publication.objects.current(), ids
    with translation.override(publication.language), timezone.override(publication.zone):
        subject = str(SUBJECTS[template]) % {"name": publication.name}
        letter = letters.render(template, subject, {"publication": publication} | context, base_url=settings.SITE_URL)
    domain = publication.sender_email.rpartition("@")[2]
    own = {"Message-ID": headers.message_id(str(kind), *numbers, domain=domain)}
    return build_mail(
        letter,
        sender=publication.sender,
        to=to,
        reply_to=publication.reply_to,
        headers=headers.auto_submitted_headers() | own,
    )


TRIES_MAX = 8  # at a temporarily refused address; the last about two hours after the first
OUTAGE_RETRY_MAX = timedelta(days=3)  # retries of an unreachable server, from when the mail was requested


class ReaderMailQueue[Row: Model](MailQueue[Row]):
    """A requested mail. The author sees failures, except for addresses that do not exist: people mistype."""

    mail_kind: Unsent.MailKind

    def requested_at(self, row: Row, now: datetime) -> datetime:
        asked_at: datetime | None = getattr(row, "asked_at")  # noqa: B009 - of each such model
        return asked_at or now

    def retry(self, row: Row, failure: SendFailure, now: datetime) -> Retry:
        """If the server is unreachable, wait as long again as the mail has waited, between BACKOFF_MIN and BACKOFF_MAX.

        That does not count as a try. A temporarily refused address is retried with exponential backoff.
        """
        tries, waited = getattr(row, self.tries_column), now - self.requested_at(row, now)
        match failure:
            case SendFailure.SERVER_UNAVAILABLE if waited < OUTAGE_RETRY_MAX:
                return Retry(now + min(max(waited, BACKOFF_MIN), BACKOFF_MAX), tries - 1)
            case SendFailure.TEMPORARY if tries < TRIES_MAX:
                return Retry(now + backoff(tries), tries)
        return Retry(None, tries)

    def give_up(self, row: Row, error: Exception, now: datetime) -> bool:
        is_over = super().give_up(row, error, now)
        if is_over and classify_error(error) is not SendFailure.PERMANENT:
            Unsent.objects.create(what=self.mail_kind, at=now, reason=error_summary(error))
        return is_over


class SignUpMailQueue(ReaderMailQueue[Subscriber]):
    """The answer to a sign-up: a confirmation link, or a notice that the address is subscribed."""

    model, mail_kind = Subscriber, Unsent.MailKind.SIGN_UP
    due_column = guard_column = "confirmation_due_at"
    tries_column = "confirmation_tries"

    def build(self, row: Subscriber, now: datetime) -> tuple[Mail, dict[str, object]]:
        return signup_mail(row), {"confirmation_sent_at": now}


REQUESTS_PER_RUN = 500


def queue_requested_links(now: datetime) -> None:
    """Queue a link for each request whose address is a reader's; delete all the requests."""
    for request in LinkWish.objects.order_by("pk")[:REQUESTS_PER_RUN]:
        with transaction.atomic():
            if not LinkWish.objects.filter(pk=request.pk).delete()[0]:
                continue  # another worker has it
            if reader := Subscriber.objects.filter(address_hash=request.address_hash).first():
                queue_link(reader, now)


def queue_link(subscriber: Subscriber, now: datetime) -> bool:
    """Queue a link to the reader's own data; return whether one was queued.

    Not for unconfirmed or suppressed readers, while one is queued, or over the mailbox's daily limit.
    """
    barred = Suppression.objects.filter(address_hash=subscriber.address_hash).exists()
    if barred or not subscriber.can_see_data or FreshLink.objects.filter(subscriber=subscriber).exists():
        return False
    with transaction.atomic():
        if is_free := mail_queue.consume_mail_quota(subscriber.email, now):
            FreshLink.objects.get_or_create(subscriber=subscriber, defaults={"asked_at": now, "due_at": now})
    return is_free


class LinkMailQueue(ReaderMailQueue[FreshLink]):
    """Each try signs a new link, because it expires so soon."""

    model, mail_kind = FreshLink, Unsent.MailKind.LINK

    def build(self, row: FreshLink, now: datetime) -> tuple[Mail, dict[str, object]]:
        return fresh_link_mail(row, now), {}

    def dequeue(self, row: FreshLink, values: dict[str, object]) -> bool:
        return bool(self.unchanged(row).delete()[0])


REMIND_AFTER = timedelta(days=2)
LINK_LIFETIME_MIN = timedelta(days=1)  # remaining lifetime of the link
REMINDERS_PER_RUN = 200


def queue_due_reminders(now: datetime) -> None:
    """Queue due reminders, if the author wants them. Mailboxes over their daily limit are tried again later."""
    if not Publication.objects.current().reminds_unconfirmed:
        return
    reminded = ConfirmationReminder.objects.filter(subscriber=OuterRef("pk"))
    waiting = _unconfirmed(now).filter(~Exists(reminded), confirmation_sent_at__lte=now - REMIND_AFTER)
    for subscriber in waiting.order_by("confirmation_sent_at")[:REMINDERS_PER_RUN]:
        with transaction.atomic():
            row = {"made_at": now, "due_at": now}
            _row, is_new = ConfirmationReminder.objects.get_or_create(subscriber=subscriber, defaults=row)
            if is_new and not mail_queue.consume_mail_quota(subscriber.email, now):
                transaction.set_rollback(True)


def _unconfirmed(now: datetime) -> SubscriberQuerySet:
    """Pending and not suppressed, with a link that stays valid for a day."""
    barred = Suppression.objects.blocking_signup().filter(address_hash=OuterRef("address_hash"))
    opens = {"confirmation_sent_at__gt": now - CONFIRM_WITHIN + LINK_LIFETIME_MIN}
    return Subscriber.objects.filter(~Exists(barred), state=Subscriber.State.PENDING, **opens)


class ConfirmationReminderMailQueue(AtMostOnceMailQueue[ConfirmationReminder], ReaderMailQueue[ConfirmationReminder]):
    model, sent_column, mail_kind = ConfirmationReminder, "sent_at", Unsent.MailKind.SIGN_UP

    def due_rows(self, now: datetime) -> QuerySet[ConfirmationReminder]:
        if not Publication.objects.current().reminds_unconfirmed:
            return self.model.objects.none()
        return super().due_rows(now).filter(subscriber__in=_unconfirmed(now)).select_related("subscriber")

    def build(self, row: ConfirmationReminder, now: datetime) -> tuple[Mail, dict[str, object]]:
        return reminder_mail(row.subscriber, now), {}

    def requested_at(self, row: ConfirmationReminder, now: datetime) -> datetime:
        return row.made_at
