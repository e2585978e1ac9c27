"""The letter that brings a helper to the desk, or back to it."""

import secrets

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from newsletter.mail import headers, letters
from newsletter.mail.message import Mail, automatic
from newsletter.operation.accounts import roles
from newsletter.publication.models import Publication


def invitation(user: User, *, by: str, link: str) -> Mail:
    """Build the letter in the publication's language. link: opens the account once; by: the name of who invites."""
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        context = {
            "publication": publication,
            "username": user.get_username(),
            "by": by,
            "duties": [roles.DUTIES[group.name] for group in user.groups.all() if group.name in roles.DUTIES],
            "is_new": not user.has_usable_password(),
            "hours": settings.PASSWORD_RESET_TIMEOUT // 3600,
            "url": link,
        }
        subject = _("Your way to the desk of %s") % publication.name
        letter = letters.render("invitation", subject, context, base_url=settings.SITE_URL)
    domain = publication.sender_email.rpartition("@")[2]
    message_id = headers.message_id("invitation", secrets.randbits(60), domain=domain)
    return automatic(letter, sender=publication.sender, addresses=[user.email], message_id=message_id)
