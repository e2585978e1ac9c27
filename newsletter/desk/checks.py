"""Django system checks of the environment."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004  # Django's own name for it
from django.core.exceptions import ImproperlyConfigured

from newsletter.delivery.events.mailbox import parse_mailbox_url
from newsletter.delivery.ledger.retention import DAYS_MIN


@register()
def check_environment(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    return [*_misspelt(), *_secrets(), *_send_rate(), *_proxies(), *_keeping(), *_database(), *_mailbox()]


def _misspelt() -> Iterator[CheckMessage]:
    for name, meant in settings.MISSPELT_VARIABLES.items():
        yield Warning(
            f"{name} is set, but nothing reads it.",
            hint=f"The name is {meant}: .env.example lists all of them.",
            id="newsletter.W002",
        )


def _secrets() -> Iterator[CheckMessage]:
    if settings.SECRET_KEY_FALLBACKS and settings.SECRET_KEY in settings.SECRET_KEY_FALLBACKS:
        yield Warning(
            "SECRET_KEY is also one of the SECRET_KEY_FALLBACKS.",
            hint="The former secret belongs there, so that links in old mails live on; the new one must differ.",
            id="newsletter.W001",
        )


def _send_rate() -> Iterator[CheckMessage]:
    if settings.SEND_RATE is not None and settings.SEND_RATE <= 0:
        yield Error(
            f"SEND_RATE must be more than 0 messages a second, got {settings.SEND_RATE:g}.",
            hint="Leave it out to send as fast as the mail server takes it.",
            id="newsletter.E002",
        )


def _proxies() -> Iterator[CheckMessage]:
    if settings.TRUSTED_PROXIES < 0:
        yield Error(
            f"TRUSTED_PROXIES must be 0 or more, got {settings.TRUSTED_PROXIES}.",
            hint="It says how many proxies stand in front of the web server.",
            id="newsletter.E003",
        )


def _keeping() -> Iterator[CheckMessage]:
    days = settings.KEEP_DELIVERIES_DAYS
    if days is not None and days < DAYS_MIN:
        yield Error(
            f"KEEP_DELIVERIES_DAYS must be {DAYS_MIN} or more, got {days}.",
            hint="What comes back of copies, and what arrives, is read for so long. Leave it out to keep all copies.",
            id="newsletter.E004",
        )


def _database() -> Iterator[CheckMessage]:
    if settings.DATABASE_PASSWORD and not settings.DATABASE_URL:
        yield Error(
            "DATABASE_PASSWORD is given, but DATABASE_URL is not.",
            hint="An empty newsletter on SQLite would begin.",
            id="newsletter.E006",
        )


def _mailbox() -> Iterator[CheckMessage]:
    try:
        parse_mailbox_url(settings.MAILBOX_URL)
    except ImproperlyConfigured as error:
        yield Error(
            f"{error}.", hint="Or pipe:, where a mail server hands mails to receive_mail.", id="newsletter.E005"
        )
