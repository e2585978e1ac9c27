"""The language in which management commands answer."""

import os
from pathlib import Path

from django.conf import settings
from django.db import Error, connection

from newsletter.publication.models import Publication

LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set wins: POSIX, 8.2


def command_language() -> str:
    """The publication's language; until it is set up the terminal's, where any but Chinese is English."""
    locale = next(filter(None, map(os.environ.get, LOCALE_VARIABLES)), settings.LANGUAGE_CODE)
    return _publication_language() or ("zh-hant" if locale.startswith("zh") else "en")


def _publication_language() -> str:
    """ "" without a publication or a database. Creates no file."""
    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        return ""
    try:
        return Publication.objects.exclude(name="").values_list("language", flat=True).first() or ""
    except Error:
        return ""
