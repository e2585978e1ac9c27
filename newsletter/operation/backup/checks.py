"""What is wrong with BACKUP_URL and BACKUP_AGE_KEY: Django's system check."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import Error, register
from django.core.exceptions import ImproperlyConfigured

from newsletter.operation.backup.archive import EncryptionError, parse_public_key
from newsletter.operation.backup.stores import backup_store


def setting_errors() -> Iterator[str]:
    """Without secrets. Looks at the form alone: whether the place takes files is tried by the backup and the doctor."""
    try:
        if settings.BACKUP_URL:
            backup_store(settings.BACKUP_URL)
    except ImproperlyConfigured as error:
        yield str(error)
    try:
        if settings.BACKUP_AGE_KEY:
            parse_public_key(settings.BACKUP_AGE_KEY)
    except EncryptionError as error:
        yield str(error)


@register("newsletter")
def check_settings(**options: Any) -> list[Error]:
    return [Error(message, id="newsletter.backup") for message in setting_errors()]
