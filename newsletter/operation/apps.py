import os
import secrets

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import SimpleLazyObject

from newsletter import error_reports
from newsletter.mail import tokens


class OperationConfig(AppConfig):
    """Prepares every process, and writes nothing: a command that only looks leaves no trace in DATA_DIR."""

    name = "newsletter.operation"
    label = "operation"

    def ready(self) -> None:
        if settings.SENTRY_DSN:
            error_reports.start()
        os.umask(0o077)  # readers' addresses, drafts and keys are their owner's alone, whoever runs it
        if not settings.SECRET_KEY_IS_GIVEN:
            settings.SECRET_KEY = SimpleLazyObject(_kept_secret)


def _kept_secret() -> str:
    """Return the secret of this installation, which is made when it is first needed."""
    try:
        return tokens.kept_secret(settings.SECRET_KEY_PATH, secrets.token_urlsafe(50))
    except OSError as error:
        raise ImproperlyConfigured(f"DATA_DIR={settings.DATA_DIR} cannot be used: {error}") from None
