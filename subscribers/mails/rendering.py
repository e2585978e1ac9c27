"""The mails that answer a sign-up, those of a change of address, and the one with a link to one's own data."""

from datetime import datetime

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from newsletter.mail import headers, letters
from newsletter.mail.message import Letter, Mail, build
from newsletter.publication.models import Publication
from subscribers.addresses import masked, readable
from subscribers.links import FRESH_MINUTES
from subscribers.models import CONFIRM_WITHIN, Subscriber
from subscribers.models.address_changes import CHANGE_WITHIN, UNDO_MOVE_WITHIN, AddressChange
from subscribers.models.fresh_links import FreshLink

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
