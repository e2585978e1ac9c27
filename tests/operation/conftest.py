"""What the tests of the operation share."""

import json

import pytest
from django.contrib.auth.models import User
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone, translation

from newsletter.operation import preparing
from newsletter.publication.response_headers import SOURCES_FILE
from tests.factories import make_publication


@pytest.fixture(scope="session")
def static_digests() -> str:
    return json.dumps(preparing.static_digests())


@pytest.fixture
def in_order(static_digests, db, settings, tmp_path, name_server):
    """A healthy installation, in English."""
    MigrationRecorder.Migration.objects.update(applied=timezone.now())
    settings.DATA_DIR = tmp_path
    settings.QUEUE_DIR = tmp_path / "queue"
    settings.QUEUE_DIR.mkdir()
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    (settings.STATIC_ROOT / "staticfiles.json").write_text('{"version": "1.1", "paths": {}}')
    (settings.STATIC_ROOT / SOURCES_FILE).write_text(static_digests)
    settings.SECRET_KEY, settings.SECRET_KEY_PATH = "from the environment", tmp_path / "secret_key"
    settings.MAIL_URL = settings.BULK_MAIL_URL = "postmark://token@"
    settings.SITE_URL = "https://news.gipi.tw"
    settings.TRUSTED_PROXIES = 1
    settings.MAILBOX_URL = "pipe:"
    settings.BACKUP_URL = str(tmp_path / "backups")
    name_server.records |= {
        ("gipi.tw", "TXT"): ['"v=spf1 include:spf.mtasv.net ~all"'],
        ("_dmarc.gipi.tw", "TXT"): ['"v=DMARC1; p=quarantine; rua=mailto:dmarc@gipi.tw"'],
        ("gipi.tw", "MX"): ["10 mx.gipi.tw."],
        ("spf.mtasv.net", "TXT"): ['"v=spf1 ip4:50.31.156.96/27 ~all"'],
    }
    make_publication(
        sender_email="hello@gipi.tw",
        bounces_to="bounces@gipi.tw",
        postal_address="台北市信義路 1 號",
        data_place="臺灣",
    )
    User.objects.create_superuser("gipi", password="leverage-2026")
    with translation.override("en"):
        yield
