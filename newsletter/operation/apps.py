import os
import secrets

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import SimpleLazyObject

from newsletter import error_reports
from newsletter.mail import tokens


class OperationConfig(AppConfig):
    """Prepares every process without writing: a read-only command must not create files in DATA_DIR."""

    name = "newsletter.operation"
    label = "operation"

    def ready(self) -> None:
        from newsletter.operation.backup import checks  # noqa: F401, PLC0415 - models are not loaded earlier

        if settings.SENTRY_DSN:
            error_reports.start_sentry()
        os.umask(0o077)  # addresses, drafts and keys are readable by the owner alone, whatever the caller's umask
        if not settings.SECRET_KEY_IS_GIVEN:
            settings.SECRET_KEY = SimpleLazyObject(_load_secret)


def _load_secret() -> str:
    """The installation's own secret, created on first use."""
    try:
        return tokens.load_or_create_secret(settings.SECRET_KEY_PATH, secrets.token_urlsafe(50))
    except OSError as error:
        raise ImproperlyConfigured(f"DATA_DIR={settings.DATA_DIR} cannot be used: {error}") from None
