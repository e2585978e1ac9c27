"""Security alerts by e-mail to the owner of an account. A view queues them, a worker sends them."""

import logging
import secrets
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from newsletter.desk.accounts.sessions import browser_name
from newsletter.limits import client_ip
from newsletter.mail import letters
from newsletter.mail.mailers import mailer_errors
from newsletter.mail.message import Mail, build_automatic_mail
from newsletter.publication.models import Publication

logger = logging.getLogger(__name__)


class SecurityEvent(models.TextChoices):
    NEW_BROWSER = "new_browser", _("Somebody logged in with a new browser")
    FACTOR_ADDED = "factor_added", _("A second factor was added to your account")
    FACTOR_REMOVED = "factor_removed", _("A second factor was removed from your account")
    CODES_RENEWED = "codes_renewed", _("Your account has new recovery codes")
    CODE_USED = "code_used", _("A recovery code of your account was used")
    WRONG_CODES = "wrong_codes", _("Somebody knows your password")
    PASSWORD_CHANGED = "password_changed", _("The password of your account was changed")
    ONE_TIME_LINK_USED = "taken_over", _("Your account was opened with a one-time link")


def record_event(
    kind: SecurityEvent, user: User, request: HttpRequest, now: datetime, *, addresses: str = ""
) -> dict[str, Any] | None:
    """Log the event; return the payload for the mail task, None if there is no address.

    addresses: comma-separated; replaces the account's own.
    """
    client = client_ip.client_address(request)
    logger.warning("Account %d: %s, from %s", user.pk, kind.value, client or "an unknown address")
    addresses = addresses or user.email
    if not addresses:
        return None
    return {
        "kind": kind.value,
        "username": user.get_username(),
        "addresses": addresses,
        "at": now.isoformat(),
        "browser": request.headers.get("User-Agent", "")[:200],
        "client": client,
    }


def send_alert(facts: dict[str, Any]) -> bool:
    """Send one alert. If the mail server fails, log it and return False: the event itself is in the log already."""
    try:
        return bool(mail.mailers["default"].send_messages([build_alert_mail(facts)]))
    except mailer_errors(ValueError) as error:
        logger.warning(
            "Could not send a security alert to %s about %s: %s", facts["username"], facts["kind"], type(error).__name__
        )
        return False


def build_alert_mail(facts: dict[str, Any]) -> Mail:
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        context = facts | {
            "publication": publication,
            "at": datetime.fromisoformat(facts["at"]),
            "browser": browser_name(facts["browser"]),
            "title": SecurityEvent(facts["kind"]).label,
            "url": settings.SITE_URL + reverse("admin:account"),
        }
        letter = letters.render("alarm", str(context["title"]), context, base_url=settings.SITE_URL)
    addresses = facts["addresses"].split(",")
    return build_automatic_mail(letter, "alarm", secrets.randbits(60), sender=publication.sender, addresses=addresses)
