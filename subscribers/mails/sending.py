"""Mails to one reader: what they say, and a queue of them in the database.

A link to one's own data is asked for by whoever has a letter, and sent to the reader's mailbox alone.
"""

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
from newsletter.mail.due import BACK_OFF, BACK_OFF_MAX, DueMail, MarkedMail, Retry, doubled
from newsletter.mail.message import Letter, Mail, build
from newsletter.mail.replies import Trouble, is_unwritable, reason, trouble
from newsletter.publication.models import Publication
from subscribers.addresses import masked, readable
from subscribers.links import FRESH_MINUTES
from subscribers.models import (
    CONFIRM_WITHIN,
    ConfirmationReminder,
    LinkWish,
    Subscriber,
    SubscriberQuerySet,
    Suppression,
    mails,
)
from subscribers.models.address_changes import CHANGE_WITHIN, UNDO_MOVE_WITHIN, AddressChange
from subscribers.models.mails import FreshLink, Unsent

# Whoever types a name may type an advertisement: it goes to nobody who has not confirmed that the address is theirs.
UNCONFIRMED = ""


def answer(subscriber: Subscriber) -> Mail:
    """Return the mail that a sign-up of this address is answered with, in the publication's language."""
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        letter = _letter(subscriber, publication)
    name = subscriber.name if subscriber.is_reader else UNCONFIRMED
    asked = (subscriber.pk, subscriber.signup_round, subscriber.asked_times)
    return _mail(letter, publication, to=(name, subscriber.email), ids=("signup", *asked))


def reminder(subscriber: Subscriber, now: datetime) -> Mail:
    """Return the one mail that reminds of a sign-up which waits to be confirmed, with the same link."""
    publication = Publication.objects.current()
    asked_at = subscriber.confirmation_sent_at or now
    context = {"subscriber": subscriber, "publication": publication, "days": (asked_at + CONFIRM_WITHIN - now).days}
    with translation.override(publication.language), timezone.override(publication.zone):
        subject = _("Still waiting for your click: %(name)s") % {"name": publication.name}
        letter = letters.render("confirmation_reminder", subject, context, base_url=settings.SITE_URL)
    ids = ("remind", subscriber.pk, subscriber.signup_round)
    return _mail(letter, publication, to=(UNCONFIRMED, subscriber.email), ids=ids)


def about_change(change: AddressChange) -> Mail:
    """Return the mail of a change that is due: to the new address to confirm it, then to the former one."""
    publication = Publication.objects.current()
    kind = "address_changed" if change.confirmed_at else "address_change"
    context = {
        "change": change,
        "subscriber": change.subscriber,
        "publication": publication,
        "days": (UNDO_MOVE_WITHIN if change.confirmed_at else CHANGE_WITHIN).days,
        "new_address": masked(change.email) if change.confirmed_at else readable(change.email),
    }
    with translation.override(publication.language), timezone.override(publication.zone):
        subject = _("Your new address for %(name)s") if kind == "address_change" else _("%(name)s has moved")
        letter = letters.render(kind, subject % {"name": publication.name}, context, base_url=settings.SITE_URL)
    name = change.subscriber.name if change.confirmed_at else UNCONFIRMED
    return _mail(letter, publication, to=(name, change.mailed_address), ids=(kind, change.pk))


def fresh_link(link: FreshLink, now: datetime) -> Mail:
    """Return the mail with a link to the reader's own data, which opens from now on for half an hour."""
    publication, subscriber = Publication.objects.current(), link.subscriber
    context = {"publication": publication, "url": subscriber.fresh_url(now), "minutes": FRESH_MINUTES}
    with translation.override(publication.language), timezone.override(publication.zone):
        subject = _("Your data at %(name)s: the link you asked for") % {"name": publication.name}
        letter = letters.render("fresh_link", subject, context, base_url=settings.SITE_URL)
    return _mail(letter, publication, to=(subscriber.name, subscriber.email), ids=("mine", link.pk))


def _mail(letter: Letter, publication: Publication, *, to: tuple[str, str], ids: tuple[str | int, ...]) -> Mail:
    """Return a mail that a machine writes. ids: its kind, and what makes it one of its kind."""
    kind, *numbers = ids
    domain = publication.sender_email.rpartition("@")[2]
    own = {"Message-ID": headers.message_id(str(kind), *numbers, domain=domain)}
    return build(
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


TRIES_MAX = 8  # at an address that is refused for now; the last about two hours after the first
AWAY_MAX = timedelta(days=3)  # that a server which takes nothing is asked again, from when the mail was asked for


class ReaderMail[Row: Model](DueMail[Row]):
    """A mail that a reader, or somebody who wants to be one, has asked for; the author is told when it is given up.

    An address that does not exist is no news: people mistype.
    """

    what: Unsent.What
    unwritable: ClassVar[str]  # what the log says, with the row's number and a reason
    failed: ClassVar[str]  # the same, with the number of the try before them

    @abstractmethod
    def since(self, row: Row, now: datetime) -> datetime:
        """Return when the mail was asked for."""

    def retry(self, row: Row, whose: Trouble, now: datetime) -> Retry:
        """Return when the mail is tried again.

        A server that is away is asked after as long as the mail has waited already, and that is no try at the
        address. An address that is refused for now is tried after twice as long each time.
        """
        tries, waited = getattr(row, self.tries), now - self.since(row, now)
        match whose:
            case Trouble.AWAY if waited < AWAY_MAX:
                return Retry(now + min(max(waited, BACK_OFF), BACK_OFF_MAX), tries - 1)
            case Trouble.LATER if tries < TRIES_MAX:
                return Retry(now + doubled(tries), tries)
        return Retry(None, tries)

    def log(self, row: Row, error: Exception, retry: Retry) -> None:
        log = logging.getLogger(type(self).__module__)
        if is_unwritable(error):
            log.warning(self.unwritable, row.pk, reason(error))
        else:
            log.warning(self.failed, getattr(row, self.tries), row.pk, reason(error))

    def give_up(self, row: Row, error: Exception, now: datetime) -> bool:
        is_over = super().give_up(row, error, now)
        if is_over and trouble(error) is not Trouble.NEVER:
            Unsent.objects.create(what=self.what, at=now, reason=reason(error))
        return is_over


class SignUpMail(ReaderMail[Subscriber]):
    """The answer to a sign-up: the link that confirms, or that this address is a reader's already."""

    model, what = Subscriber, Unsent.What.SIGN_UP
    due_at = guard = "confirmation_due_at"
    tries = "confirmation_tries"
    unwritable, failed = "Sign-up %d cannot be answered: %s", "Try %d to answer sign-up %d failed: %s"

    def write(self, row: Subscriber, now: datetime) -> tuple[Mail, dict[str, object]]:
        return answer(row), {"confirmation_sent_at": now}

    def since(self, row: Subscriber, now: datetime) -> datetime:
        return row.asked_at or now


SIGN_UP_MAIL = SignUpMail()
send_next = SIGN_UP_MAIL.send_next


WISHES = 500  # wishes of one run


def grant_links(now: datetime) -> None:
    """Look whose the addresses are that somebody typed on the site; a reader's gets a mail, any other one nothing."""
    for wish in LinkWish.objects.order_by("pk")[:WISHES]:
        with transaction.atomic():
            if not LinkWish.objects.filter(pk=wish.pk).delete()[0]:
                continue  # another worker has it
            if reader := Subscriber.objects.filter(address_hash=wish.address_hash).first():
                ask_for_link(reader, now)


def ask_for_link(subscriber: Subscriber, now: datetime) -> bool:
    """Let one mail be sent to a reader; return whether one is due now.

    None is for who never confirmed, if one waits already, if the address must not be mailed, or has had its mails
    of today.
    """
    barred = Suppression.objects.filter(address_hash=subscriber.address_hash).exists()
    if barred or not subscriber.has_data or FreshLink.objects.filter(subscriber=subscriber).exists():
        return False
    with transaction.atomic():
        if is_free := mails.take_from_budget(subscriber.email, now):
            FreshLink.objects.get_or_create(subscriber=subscriber, defaults={"asked_at": now, "due_at": now})
    return is_free


class LinkMail(ReaderMail[FreshLink]):
    """The mail with the link. Each try makes the link anew, because it opens for so short a time."""

    model, what = FreshLink, Unsent.What.LINK
    unwritable = "The link of wish %d cannot be sent: %s"
    failed = "Try %d to send the link of wish %d failed: %s"

    def write(self, row: FreshLink, now: datetime) -> tuple[Mail, dict[str, object]]:
        return fresh_link(row, now), {}

    def since(self, row: FreshLink, now: datetime) -> datetime:
        return row.asked_at

    def end(self, row: FreshLink, values: dict[str, object]) -> bool:
        """Delete the row: as long as there is one, no other link can be asked for."""
        return bool(self.as_read(row).delete()[0])


LINK_MAIL = LinkMail()
send_next_link = LINK_MAIL.send_next


AFTER = timedelta(days=2)
LEFT_AT_LEAST = timedelta(days=1)  # of the link in it
REMINDERS = 200  # sign-ups of one run


def grant_reminders(now: datetime) -> None:
    """Make a reminder due for each sign-up whose time has come; nothing while the author does not want it.

    A mailbox that has had its three mails of the day is asked for again later.
    """
    if not Publication.objects.current().reminds_unconfirmed:
        return
    told = ConfirmationReminder.objects.filter(subscriber=OuterRef("pk"))
    waiting = _unconfirmed(now).filter(~Exists(told), confirmation_sent_at__lte=now - AFTER)
    for subscriber in waiting.order_by("confirmation_sent_at")[:REMINDERS]:
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


REMINDER_MAIL = ReminderMail()
