"""The two mails that answer a sign-up."""

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from newsletter.mail import headers, letters
from newsletter.mail.message import Letter, Mail, build
from newsletter.publication.models import Publication
from subscribers.models import CONFIRM_WITHIN, Subscriber


def answer(subscriber: Subscriber) -> Mail:
    """Return the mail that a sign-up of this address is answered with, in the publication's language."""
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        letter = _letter(subscriber, publication)
    domain = publication.sender_email.rpartition("@")[2]
    asked = (subscriber.pk, subscriber.signup_round, subscriber.asked_times)
    own = {"Message-ID": headers.message_id("signup", *asked, domain=domain)}
    return build(
        letter,
        sender=publication.sender,
        to=(subscriber.name, subscriber.email),
        reply_to=publication.reply_to,
        headers=headers.automatic_headers() | own,
    )


def _letter(subscriber: Subscriber, publication: Publication) -> Letter:
    if subscriber.is_reader:
        name, subject = "already_subscribed", _("You already receive %(name)s")
    else:
        name, subject = "confirmation", _("Please confirm: %(name)s")
    context = {"subscriber": subscriber, "publication": publication, "days": CONFIRM_WITHIN.days}
    return letters.render(name, subject % {"name": publication.name}, context, base_url=settings.SITE_URL)
