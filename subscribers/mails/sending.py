"""Mails to one reader, and their queue in the database."""

import logging
from abc import abstractmethod
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from newsletter.mail import headers, letters
from newsletter.mail.message import Letter, Mail, build_mail
from newsletter.mail.queued_mail import BACK_OFF, BACK_OFF_MAX, AtMostOnceMail, QueuedMail, Retry, backoff
from newsletter.mail.smtp_replies import SendFailure, classify_error, error_summary, is_unwritable
from newsletter.publication.models import Publication
from subscribers.addresses import display_address, mask_address
from subscribers.links import FRESH_MINUTES
from subscribers.models import (
    CONFIRM_WITHIN,
    ConfirmationReminder,
    LinkWish,
    Subscriber,
    SubscriberQuerySet,
    Suppression,
    mail_queue,
)
from subscribers.models.address_changes import CHANGE_WITHIN, UNDO_MOVE_WITHIN, AddressChange
from subscribers.models.mail_queue import FreshLink, Unsent

# A typed name may be an advertisement: never sent to an unconfirmed address.
UNCONFIRMED = ""


def signup_mail(subscriber: Subscriber) -> Mail:
    """The answer to a sign-up, in the publication's language."""
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        letter = _letter(subscriber, publication)
    name = subscriber.name if subscriber.is_reader else UNCONFIRMED
    asked = (subscriber.pk, subscriber.signup_round, subscriber.asked_times)
    return _mail(letter, publication, to=(name, subscriber.email), ids=("signup", *asked))


def reminder_mail(subscriber: Subscriber, now: datetime) -> Mail:
    """The reminder of an unconfirmed sign-up, with the same link."""
    publication = Publication.objects.current()
    asked_at = subscriber.confirmation_sent_at or now
    context = {"subscriber": subscriber, "publication": publication, "days": (asked_at + CONFIRM_WITHIN - now).days}
    with translation.override(publication.language), timezone.override(publication.zone):
        subject = _("Still waiting for your click: %(name)s") % {"name": publication.name}
        letter = letters.render("confirmation_reminder", subject, context, base_url=settings.SITE_URL)
    ids = ("remind", subscriber.pk, subscriber.signup_round)
    return _mail(letter, publication, to=(UNCONFIRMED, subscriber.email), ids=ids)


def change_mail(change: AddressChange) -> Mail:
    """To the new address to confirm it, then to the former one."""
    publication = Publication.objects.current()
    kind = "address_changed" if change.confirmed_at else "address_change"
    context = {
        "change": change,
        "subscriber": change.subscriber,
        "publication": publication,
        "days": (UNDO_MOVE_WITHIN if change.confirmed_at else CHANGE_WITHIN).days,
        "new_address": mask_address(change.email) if change.confirmed_at else display_address(change.email),
    }
    with translation.override(publication.language), timezone.override(publication.zone):
        subject = _("Your new address for %(name)s") if kind == "address_change" else _("%(name)s has moved")
        letter = letters.render(kind, subject % {"name": publication.name}, context, base_url=settings.SITE_URL)
    name = change.subscriber.name if change.confirmed_at else UNCONFIRMED
    return _mail(letter, publication, to=(name, change.mailed_address), ids=(kind, change.pk))


def fresh_link_mail(link: FreshLink, now: datetime) -> Mail:
    """A link to the reader's own data, valid from `now`."""
    publication, subscriber = Publication.objects.current(), link.subscriber
    context = {"publication": publication, "url": subscriber.fresh_url(now), "minutes": FRESH_MINUTES}
    with translation.override(publication.language), timezone.override(publication.zone):
        subject = _("Your data at %(name)s: the link you asked for") % {"name": publication.name}
        letter = letters.render("fresh_link", subject, context, base_url=settings.SITE_URL)
    return _mail(letter, publication, to=(subscriber.name, subscriber.email), ids=("mine", link.pk))


def _mail(letter: Letter, publication: Publication, *, to: tuple[str, str], ids: tuple[str | int, ...]) -> Mail:
    """An automatic mail. ids: kind and numbers that make the Message-ID unique."""
    kind, *numbers = ids
    domain = publication.sender_email.rpartition("@")[2]
    own = {"Message-ID": headers.message_id(str(kind), *numbers, domain=domain)}
    return build_mail(
        letter,
        sender=publication.sender,
        to=to,
        reply_to=publication.reply_to,
        headers=headers.automatic_headers() | own,
    )


def _letter(subscriber: Subscriber, publication: Publication) -> Letter:
    if subscriber.is_reader and not subscriber.is_asked_back:
        name, subject = "already_subscribed", _("You already receive %(name)s")
    else:
        name, subject = "confirmation", _("Please confirm: %(name)s")
    context = {"subscriber": subscriber, "publication": publication, "days": CONFIRM_WITHIN.days}
    return letters.render(name, subject % {"name": publication.name}, context, base_url=settings.SITE_URL)


TRIES_MAX = 8  # at a temporarily refused address; the last about two hours after the first
AWAY_MAX = timedelta(days=3)  # retries of an unreachable server, from when the mail was requested


class ReaderMail[Row: Model](QueuedMail[Row]):
    """A requested mail. The author sees failures, except of addresses that do not exist: people mistype."""

    what: Unsent.MailKind
    unwritable: ClassVar[str]  # log message, with the row's id and a reason
    failed: ClassVar[str]  # the same, with the number of the try first

    @abstractmethod
    def since(self, row: Row, now: datetime) -> datetime:
        """When the mail was requested."""

    def retry(self, row: Row, whose: SendFailure, now: datetime) -> Retry:
        """An unreachable server is retried after as long as the mail has waited already, not counted as a try.

        A temporarily refused address is retried with exponential backoff.
        """
        tries, waited = getattr(row, self.tries), now - self.since(row, now)
        match whose:
            case SendFailure.AWAY if waited < AWAY_MAX:
                return Retry(now + min(max(waited, BACK_OFF), BACK_OFF_MAX), tries - 1)
            case SendFailure.LATER if tries < TRIES_MAX:
                return Retry(now + backoff(tries), tries)
        return Retry(None, tries)

    def log(self, row: Row, error: Exception, retry: Retry) -> None:
        log = logging.getLogger(type(self).__module__)
        if is_unwritable(error):
            log.warning(self.unwritable, row.pk, error_summary(error))
        else:
            log.warning(self.failed, getattr(row, self.tries), row.pk, error_summary(error))

    def give_up(self, row: Row, error: Exception, now: datetime) -> bool:
        is_over = super().give_up(row, error, now)
        if is_over and classify_error(error) is not SendFailure.NEVER:
            Unsent.objects.create(what=self.what, at=now, reason=error_summary(error))
        return is_over


class SignUpMail(ReaderMail[Subscriber]):
    """The answer to a sign-up: a confirmation link, or a notice that the address is subscribed."""

    model, what = Subscriber, Unsent.MailKind.SIGN_UP
    due_at = guard = "confirmation_due_at"
    tries = "confirmation_tries"
    unwritable, failed = "Sign-up %d cannot be answered: %s", "Try %d to answer sign-up %d failed: %s"

    def write(self, row: Subscriber, now: datetime) -> tuple[Mail, dict[str, object]]:
        return signup_mail(row), {"confirmation_sent_at": now}

    def since(self, row: Subscriber, now: datetime) -> datetime:
        return row.asked_at or now


SIGN_UP_MAIL = SignUpMail()
send_next = SIGN_UP_MAIL.send_next


REQUESTS_PER_RUN = 500


def create_due_links(now: datetime) -> None:
    """Queue links for requested addresses that are readers'; drop the other requests."""
    for request in LinkWish.objects.order_by("pk")[:REQUESTS_PER_RUN]:
        with transaction.atomic():
            if not LinkWish.objects.filter(pk=request.pk).delete()[0]:
                continue  # another worker has it
            if reader := Subscriber.objects.filter(address_hash=request.address_hash).first():
                request_link(reader, now)


def request_link(subscriber: Subscriber, now: datetime) -> bool:
    """Queue a link to the reader's own data; return whether one was queued.

    Not for unconfirmed or suppressed readers, while one is queued, or over the mailbox's daily limit.
    """
    barred = Suppression.objects.filter(address_hash=subscriber.address_hash).exists()
    if barred or not subscriber.has_data or FreshLink.objects.filter(subscriber=subscriber).exists():
        return False
    with transaction.atomic():
        if is_free := mail_queue.take_from_budget(subscriber.email, now):
            FreshLink.objects.get_or_create(subscriber=subscriber, defaults={"asked_at": now, "due_at": now})
    return is_free


class LinkMail(ReaderMail[FreshLink]):
    """Each try signs a new link, because it expires so soon."""

    model, what = FreshLink, Unsent.MailKind.LINK
    unwritable = "The link of wish %d cannot be sent: %s"
    failed = "Try %d to send the link of wish %d failed: %s"

    def write(self, row: FreshLink, now: datetime) -> tuple[Mail, dict[str, object]]:
        return fresh_link_mail(row, now), {}

    def since(self, row: FreshLink, now: datetime) -> datetime:
        return row.asked_at

    def end(self, row: FreshLink, values: dict[str, object]) -> bool:
        return bool(self.as_read(row).delete()[0])


LINK_MAIL = LinkMail()
send_next_link = LINK_MAIL.send_next


REMIND_AFTER = timedelta(days=2)
LEFT_AT_LEAST = timedelta(days=1)  # remaining lifetime of the link
REMINDERS_PER_RUN = 200


def create_due_reminders(now: datetime) -> None:
    """Queue due reminders, if the author wants them. Mailboxes over their daily limit are tried again later."""
    if not Publication.objects.current().reminds_unconfirmed:
        return
    reminded = ConfirmationReminder.objects.filter(subscriber=OuterRef("pk"))
    waiting = _unconfirmed(now).filter(~Exists(reminded), confirmation_sent_at__lte=now - REMIND_AFTER)
    for subscriber in waiting.order_by("confirmation_sent_at")[:REMINDERS_PER_RUN]:
        with transaction.atomic():
            row = {"made_at": now, "due_at": now}
            _row, is_new = ConfirmationReminder.objects.get_or_create(subscriber=subscriber, defaults=row)
            if is_new and not mail_queue.take_from_budget(subscriber.email, now):
                transaction.set_rollback(True)


def _unconfirmed(now: datetime) -> SubscriberQuerySet:
    """Pending, not suppressed, and the link stays valid for a day."""
    barred = Suppression.objects.blocking_signup().filter(address_hash=OuterRef("address_hash"))
    opens = {"confirmation_sent_at__gt": now - CONFIRM_WITHIN + LEFT_AT_LEAST}
    return Subscriber.objects.filter(~Exists(barred), state=Subscriber.State.PENDING, **opens)


class ConfirmationReminderMail(AtMostOnceMail[ConfirmationReminder], ReaderMail[ConfirmationReminder]):
    """At most one per sign-up."""

    model, mark, what = ConfirmationReminder, "sent_at", Unsent.MailKind.SIGN_UP
    unwritable = "Reminder %d cannot be sent: %s"
    failed = "Try %d to send reminder %d failed: %s"

    def waiting(self, now: datetime) -> QuerySet[ConfirmationReminder]:
        if not Publication.objects.current().reminds_unconfirmed:
            return self.model.objects.none()
        return super().waiting(now).filter(subscriber__in=_unconfirmed(now)).select_related("subscriber")

    def write(self, row: ConfirmationReminder, now: datetime) -> tuple[Mail, dict[str, object]]:
        return reminder_mail(row.subscriber, now), {}

    def since(self, row: ConfirmationReminder, now: datetime) -> datetime:
        return row.made_at


REMINDER_MAIL = ConfirmationReminderMail()
