"""The link in the mail that announces a mailing: whoever has it may cancel that one, without a login."""

from django.conf import settings
from django.urls import reverse

from newsletter.delivery.models import Mailing
from newsletter.mail import tokens

PURPOSE = "cancel"


def token_of(mailing: Mailing) -> str:
    return tokens.sign(PURPOSE, mailing.pk, mailing.token_salt)


def cancel_url(mailing: Mailing) -> str:
    return settings.SITE_URL + reverse("delivery:cancel", args=[token_of(mailing)])


def opened_by(token: str) -> Mailing | None:
    """Return the mailing that a link cancels; None for what was never given out."""
    announced = Mailing.objects.filter(happenings__kind="announced").select_related("issue").defer("html", "text")
    found = announced.filter(pk=tokens.number_of(token) or 0).first()
    return found if found and tokens.opens(token, PURPOSE, found.token_salt) else None
