import os
import secrets

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from newsletter import error_reports
from newsletter.mail import tokens


class OperationConfig(AppConfig):
    """Prepares the ground for every process: a command, the web server, a worker, the clock, the tests."""

    name = "newsletter.operation"
    label = "operation"

    def ready(self) -> None:
        if settings.SENTRY_DSN:
            error_reports.start()
        os.umask(0o077)  # readers' addresses, drafts and keys are their owner's alone, whoever runs it
        try:
            settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
            if not settings.REDIS_URL:  # the queue fails without its folder
                settings.QUEUE_DIR.mkdir(exist_ok=True)
            if not settings.SECRET_KEY_IS_GIVEN:
                settings.SECRET_KEY = tokens.kept_secret(settings.SECRET_KEY_PATH, secrets.token_urlsafe(50))
        except OSError as error:
            raise ImproperlyConfigured(f"DATA_DIR={settings.DATA_DIR} cannot be used: {error}") from None
