"""Settings of the test run. Real servers and the browser are in tests/support."""

import os
import shutil
import sys
import tempfile

# Before Django reads its settings: a folder of this run's own, and none of the developer's variables.
# The module is named here, not in pyproject.toml: from there it would be read before this file.
os.environ["DJANGO_SETTINGS_MODULE"] = "newsletter.settings"
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="newsletter-tests-")
os.mkdir(os.environ["DATA_DIR"] + "/static")  # noqa: PTH102  # whitenoise warns when it is missing
os.environ["SITE_URL"] = "https://news.example.org"
for name in ("DATABASE_URL", "REDIS_URL", "MAIL_URL", "BULK_MAIL_URL", "SEND_RATE", "SECRET_KEY", "TRUSTED_PROXIES"):
    os.environ[name] = ""
os.environ["TRUSTED_PROXIES"] = "0"
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "")  # see delivery/test_postgresql.py
os.environ.pop("SEND_RATE")
os.environ["PACK_AFTER_DAYS"] = "90"
# A run starts some hundred programs; to compile their modules anew takes each of them two seconds more.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import django
import pytest

django.setup()
from django.core.cache import caches
from django.utils import timezone, translation

from newsletter.publication import heartbeats

pytest_plugins = [
    "tests.support.browser",
    "tests.support.dns",
    "tests.support.postgres",
    "tests.support.product",
    "tests.support.migrated",
    "tests.support.redis",
    "tests.support.restoring",
    "tests.support.rows",
    "tests.support.smtp",
    "tests.support.timeouts",
]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix):
    """A file, as in life: threads that write at once wait for each other, which SQLite in memory does not do."""
    from django.db import connection

    if connection.vendor == "sqlite":
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        connection.settings_dict["TEST"]["NAME"] = f"{os.environ['DATA_DIR']}/test-{worker}.sqlite3"


def pytest_report_header() -> str:
    from django.db import connection

    return f"database: {connection.vendor}"


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["DATA_DIR"], ignore_errors=True)


@pytest.fixture(autouse=True)
def _plain_settings(settings):
    """No manifest of static files, a queue in memory, http in the test client."""
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.CELERY_BROKER_URL = "memory://"
    settings.SECURE_SSL_REDIRECT = False
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _no_jitter(monkeypatch):
    """Mails that failed are tried again on the minute."""
    monkeypatch.setattr("newsletter.mail.due.JITTER", 0)


@pytest.fixture(autouse=True)
def _plain_words():
    """The language and the zone of the settings, whatever the test before has spoken."""
    translation.deactivate()
    timezone.deactivate()


@pytest.fixture(autouse=True)
def _no_heartbeats():
    """Whatever worked in the test before has grown old by now."""
    heartbeats.forget()


@pytest.fixture(autouse=True)
def _empty_cache():
    """Rate limits and the publication are remembered by the cache."""
    for cache in caches.all():
        cache.clear()
    yield
    for cache in caches.all():
        cache.clear()
