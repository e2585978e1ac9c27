"""Letters to the owner of an account about what happened to it: a page of the desk queues them, a worker mails them."""

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

from newsletter.desk.accounts.sessions import browser_of
from newsletter.mail import headers, letters
from newsletter.mail.mailers import mailer_errors
from newsletter.mail.message import Mail, automatic
from newsletter.publication import limits
from newsletter.publication.models import Publication

logger = logging.getLogger(__name__)


class Kind(models.TextChoices):
    NEW_BROWSER = "new_browser", _("Somebody logged in with a new browser")
    FACTOR_ADDED = "factor_added", _("A second factor was added to your account")
    FACTOR_REMOVED = "factor_removed", _("A second factor was removed from your account")
    CODES_RENEWED = "codes_renewed", _("Your account has new recovery codes")
    CODE_USED = "code_used", _("A recovery code of your account was used")
    WRONG_CODES = "wrong_codes", _("Somebody knows your password")
    PASSWORD_CHANGED = "password_changed", _("The password of your account was changed")
    TAKEN_OVER = "taken_over", _("Your account was opened with a one-time link")


def about(kind: Kind, user: User, request: HttpRequest, now: datetime, *, addresses: str = "") -> dict[str, Any] | None:
    """Write what happened into the log; return what a task needs to mail it, None if nobody has an address.

    addresses: other ones than the account's own, separated by commas.
    """
    client = limits.client_address(request)
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


def send(facts: dict[str, Any]) -> bool:
    """Mail one letter; return False, and log why, if the mail server does not take it: the log has the fact."""
    try:
        return bool(mail.mailers["default"].send_messages([message(facts)]))
    except mailer_errors(ValueError) as error:
        logger.warning("%s is not told of %s: %s", facts["username"], facts["kind"], type(error).__name__)
        return False


def message(facts: dict[str, Any]) -> Mail:
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        context = facts | {
            "publication": publication,
            "at": datetime.fromisoformat(facts["at"]),
            "browser": browser_of(facts["browser"]),
            "title": Kind(facts["kind"]).label,
            "url": settings.SITE_URL + reverse("admin:account"),
        }
        letter = letters.render("alarm", str(context["title"]), context, base_url=settings.SITE_URL)
    domain = publication.sender_email.rpartition("@")[2]
    message_id = headers.message_id("alarm", secrets.randbits(60), domain=domain)
    return automatic(letter, sender=publication.sender, addresses=facts["addresses"].split(","), message_id=message_id)
