"""Reads environment variables and validates their values. Pure: settings imports it.

What is wrong raises ImproperlyConfigured, which names the variable and shows no password.
"""

import difflib
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import FileAwareEnv

# Names that others use, and that are not spelt like ours.
FOREIGN_NAMES = {"DB_URL": "DATABASE_URL", "SMTP_URL": "MAIL_URL", "TRUSTED_PROXY": "TRUSTED_PROXIES"}
LIKENESS_MIN = 0.85  # one letter in seven; REDIS_TLS_URL of Heroku has 0.84
SHORTEST_LIKE = 7  # letters: G_DEBUG is GLib's
DATABASE_ENGINES = ("django.db.backends.postgresql", "django.db.backends.sqlite3")


class Environment(FileAwareEnv):
    """Environment variables, also as files (NAME_FILE). An empty variable counts as unset; files are stripped.

    Not that of SECRET_KEY: links in mails were signed with its whole content.
    """

    def _get_value(self, env_key: str, default: Any) -> Any:
        self.strip_whitespace = env_key != "SECRET_KEY"
        try:
            value = super()._get_value(env_key, default)
        except (ValueError, OSError) as error:
            raise ImproperlyConfigured(f"{env_key}_FILE cannot be read: {error.__cause__ or error}") from None
        return default if value == "" else value

    def misspelt(self) -> dict[str, str]:
        """Names that are set and not ours, but look like one of ours that is unset; with that one."""
        given = {name for name, value in (self._environ | os.environ).items() if value}
        return dict(misspelt_names(given, set(self._fields)))


def misspelt_names(given: set[str], ours: set[str]) -> Iterator[tuple[str, str]]:
    known = ours | {f"{name}_FILE" for name in ours}
    by_letters = {_letters(name): name for name in known - given}
    for name in sorted(given - known):
        letters = _letters(name)
        cutoff = LIKENESS_MIN if len(letters) >= SHORTEST_LIKE else 1.0
        like = difflib.get_close_matches(letters, by_letters, n=1, cutoff=cutoff)
        meant = by_letters[like[0]] if like else FOREIGN_NAMES.get(name, "")
        if meant and meant not in given:
            yield name, meant


def _letters(name: str) -> str:
    return name.upper().replace("_", "")


def site_parts(url: str) -> SplitResult:
    """SITE_URL, parsed. Its host must be ASCII, as browsers send it, or every request would be refused."""
    got = "" if "@" in url else f", got {url!r}"
    parts = _split(url, "SITE_URL")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ImproperlyConfigured(f"SITE_URL must be an absolute http(s) URL{got}")
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        raise ImproperlyConfigured(f"SITE_URL must be scheme and host alone, such as https://news.example.org{got}")
    if not parts.hostname.isascii():
        raise ImproperlyConfigured(f"SITE_URL must have its host in Punycode (xn--…){got}")
    return parts


def check_redis_url(url: str) -> None:
    parts = _split(url, "REDIS_URL")
    if parts.scheme not in {"redis", "rediss"} or not re.fullmatch(r"/?\d*", parts.path):
        raise ImproperlyConfigured("REDIS_URL is written like redis://:password@host:6379/0, or rediss://… for TLS")


def check_database(config: dict[str, Any]) -> None:
    if config["ENGINE"] not in DATABASE_ENGINES or config["NAME"] == ":memory:":
        raise ImproperlyConfigured("DATABASE_URL is written like postgres://user:password@host/name")


def check_webhook_secrets(secrets: Iterable[str]) -> None:
    if not all(user and password for user, _colon, password in (secret.partition(":") for secret in secrets)):
        raise ImproperlyConfigured("WEBHOOK_SECRET is written like user:password, several with commas between them")


def _split(url: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # urllib validates the port only on access
    except ValueError:
        raise ImproperlyConfigured(f"{name}: host or port cannot be read. Percent-encode special characters") from None
    return parts
