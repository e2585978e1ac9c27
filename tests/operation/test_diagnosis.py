"""What the doctor finds."""

import json
import os
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from newsletter.delivery.models import Batch, Mailing
from newsletter.operation import diagnosis, doctor_checks, readiness
from newsletter.operation.models import Trouble
from newsletter.publication import heartbeats
from newsletter.publication.response_headers import SOURCES_FILE, MinifyingStorage
from tests.factories import make_issue, make_post, make_publication

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_order")]


@pytest.fixture
def worker():
    """A worker that has just ended a task; there is no real one in these tests."""
    heartbeats.beat(heartbeats.Component.WORKER)


def ids(findings) -> list[str]:
    return [finding.id for finding in findings]


def make_mailing(**fields) -> Mailing:
    now = timezone.now()
    frozen = {"subject": "管理槓桿", "html": "", "text": "", "content_hash": ""}
    issue = make_issue(make_post(), subject="管理槓桿", number=7)
    return Mailing.objects.create(issue=issue, **({"approved_at": now, "send_at": now} | frozen | fields))


def test_nothing_is_wrong_with_an_installation_in_order(worker):
    assert diagnosis.run_checks(timezone.now()) == []


@pytest.mark.parametrize(
    ("name", "value", "raising"),
    [
        ("REDIS_URL", "http://127.0.0.1:1/0", "check.queue"),
        ("REDIS_URL", "redis://127.0.0.1:port", "check.queue"),
        ("MAILBOX_URL", "imaps://[", "check.mailbox"),
    ],
)
def test_a_check_that_raises_is_a_finding_and_the_others_go_on(worker, settings, name, value, raising):
    setattr(settings, name, value)
    make_publication(postal_address="")

    found = diagnosis.run_checks(timezone.now())

    assert {raising, "postal_address.empty"} <= set(ids(found))
    assert not diagnosis.are_complete(found)


def test_the_gravest_comes_first(worker, settings):
    (settings.STATIC_ROOT / "staticfiles.json").unlink()
    heartbeats.beat(heartbeats.WEB_SERVER)
    settings.SITE_URL, settings.BULK_MAIL_URL = "http://news.gipi.tw", "smtp://127.0.0.1"

    found = diagnosis.run_checks(timezone.now())

    assert [finding.level for finding in found] == ["error", "warning", "info"]
    assert ids(found) == ["static.missing", "site_url.http", "mail.dkim"]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SITE_URL", "http://news.gipi.tw", ["site_url.http"]),
        ("TRUSTED_PROXIES", 0, ["proxies.untrusted"]),
        ("MAIL_URL", "", ["mail.outbox"]),
        ("BULK_MAIL_URL", "smtp://127.0.0.1", ["mail.dkim"]),
        ("DEBUG", True, ["debug.on"]),
    ],
)
def test_a_setting_with_a_price_is_named(worker, settings, name, value, expected):
    setattr(settings, name, value)

    assert ids(diagnosis.run_checks(timezone.now())) == expected


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "sender_email",
            "newsletter@example.com",
            "Mail would come from newsletter@example.com, an address nobody owns.",
        ),
        ("postal_address", "", "The postal address is empty."),
        ("data_place", "", "The privacy notice does not say where data is kept."),
    ],
)
def test_a_publication_that_is_not_filled_in_is_named(worker, field, value, message):
    make_publication(**{field: value})

    assert [finding.message for finding in diagnosis.run_checks(timezone.now())] == [message]


def test_a_machine_that_only_works_is_asked_for_no_static_files(settings):
    (settings.STATIC_ROOT / "staticfiles.json").unlink()
    found = {}
    for part in (None, heartbeats.Component.WORKER, heartbeats.WEB_SERVER):
        if part:
            heartbeats.beat(part)
        found[part] = ids(doctor_checks.static_file_findings(timezone.now()))

    assert found == {None: ["static.missing"], "worker": [], "web": ["static.missing"]}


def test_style_sheets_of_before_an_upgrade_are_named_and_pages_go_on(settings):
    sources = settings.STATIC_ROOT / SOURCES_FILE
    sources.write_text(json.dumps(json.loads(sources.read_text()) | {"site.css": "another"}))

    assert ids(doctor_checks.static_file_findings(timezone.now())) == ["static.stale"]
    storage = MinifyingStorage(location=settings.STATIC_ROOT)
    assert storage.stored_name("new.css") == "new.css"  # or each page raises, the error page too


def test_a_generated_secret_is_named_so_that_it_is_kept(settings):
    (settings.DATA_DIR / "secret_key").write_text("from the environment\n")

    assert ids(doctor_checks.generated_key_findings(timezone.now())) == ["secret.generated"]


def test_a_secret_from_elsewhere_makes_the_file_unimportant(settings):
    (settings.DATA_DIR / "secret_key").write_text("an older one\n")

    assert ids(doctor_checks.generated_key_findings(timezone.now())) == []


def test_a_folder_that_is_nearly_full_is_named(monkeypatch):
    monkeypatch.setattr(doctor_checks, "WARNING_FREE_BYTES", 2**63)

    assert ids(doctor_checks.disk_findings(timezone.now())) == ["data_dir.space"]


def test_a_folder_that_is_not_there_cannot_be_written_to(settings):
    settings.DATA_DIR = settings.DATA_DIR / "nowhere"

    assert ids(doctor_checks.disk_findings(timezone.now())) == ["data_dir.read_only"]


def test_pending_migrations_silence_questions_that_need_them():
    (latest,) = MigrationLoader(connection).graph.leaf_nodes("hooks")
    MigrationRecorder(connection).record_unapplied(*latest)

    assert ids(diagnosis.run_checks(timezone.now())) == ["database.migrations"]


def test_a_database_of_another_version_is_named_with_the_way_out():
    recorder = MigrationRecorder(connection)

    recorder.record_applied("posts", "0099_future")
    (newer,) = diagnosis.run_checks(timezone.now())
    recorder.record_unapplied("posts", "0099_future")
    recorder.record_unapplied("delivery", "0039_announced")
    (too_old,) = diagnosis.run_checks(timezone.now())

    assert newer.id == too_old.id == "database.migrations"
    assert "posts.0099_future" in newer.message
    assert newer.hint == "Update the program here, too; or restore a backup of before."
    assert too_old.hint == "Run manage.py migrate of 98338c97 first, then this version."


def test_a_queue_without_a_folder_is_an_error(settings):
    settings.QUEUE_DIR = settings.QUEUE_DIR / "not" / "there"

    assert ids(readiness.queue_findings(timezone.now())) == ["queue.unreachable"]


@pytest.mark.servers
@pytest.mark.exhaustive
@pytest.mark.parametrize(("fault", "told"), [("fill", "OutOfMemoryError"), ("make_read_only", "ReadOnlyError")])
def test_a_redis_that_takes_no_task_is_an_error_of_the_queue_and_none_of_the_pages(
    settings, redis, redis_url, fault, told
):
    settings.REDIS_URL = redis_url
    assert not list(readiness.queue_findings(timezone.now()))

    getattr(redis, fault)()
    found = [finding.message for finding in readiness.queue_findings(timezone.now())]
    parts = readiness.by_part()
    redis.mend()

    assert found == [f"The queue cannot be used: {told}."]
    assert parts["queue"] == "ok"


def test_a_queue_that_is_not_answering_is_an_error(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    found = list(readiness.queue_findings(timezone.now()))

    assert [finding.message for finding in found] == ["The queue cannot be used: ConnectionError."]


def test_without_a_worker_nothing_is_sent():
    found = list(diagnosis.worker_findings(timezone.now()))

    assert [(finding.level, finding.id) for finding in found] == [("error", "worker.silent")]


def test_a_task_that_nobody_takes_shows_that_there_is_no_worker(settings):
    task = settings.QUEUE_DIR / "1_a.celery.msg"
    task.touch()
    fresh = ids(diagnosis.waiting_task_findings(timezone.now()))
    os.utime(task, (time.time() - 600, time.time() - 600))

    old = ids(diagnosis.waiting_task_findings(timezone.now()))

    assert (fresh, old) == ([], ["worker.silent"])


def test_nobody_to_log_in_is_named():
    User.objects.all().delete()

    assert ids(diagnosis.account_findings(timezone.now())) == ["author.missing"]


def test_a_paused_mailing_is_named_with_its_reason():
    make_mailing(state="paused", reason="The mail server refuses the password.", paused_by=Mailing.Cause.PROVIDER)

    found = list(diagnosis.mailing_findings(timezone.now()))

    assert [finding.message for finding in found] == [
        "The mailing of #7 管理槓桿 is paused. The mail server refuses the password."
    ]


def test_a_mailing_that_no_worker_takes_up_is_an_error():
    make_mailing(send_at=timezone.now() - timedelta(minutes=6))

    assert ids(diagnosis.mailing_findings(timezone.now())) == ["mailing.late"]


def test_a_mailing_whose_time_has_just_come_is_no_matter():
    make_mailing(send_at=timezone.now() - timedelta(minutes=1))

    assert ids(diagnosis.mailing_findings(timezone.now())) == []


def test_uncertain_mails_are_counted_over_all_mailings():
    mailing = make_mailing(state="sent", total=5)
    for no in range(2):
        Batch.objects.create(mailing=mailing, no=no, lo=0, hi=2, cursor=2, state="done", uncertain=no + 1)

    found = list(diagnosis.uncertain_delivery_findings(timezone.now()))

    assert [finding.message for finding in found] == [
        "3 mails may or may not have arrived: the answer of the mail server was lost."
    ]


def test_every_finding_says_what_to_do(settings):
    settings.MAIL_URL = ""
    make_publication(sender_email="newsletter@example.com", postal_address="", data_place="")
    cache.clear()

    assert all(finding.hint for finding in diagnosis.author_findings(timezone.now()))


def test_the_desks_home_repeats_the_errors_of_the_last_look_that_take_long_to_ask_for():
    facts = {"message": "The mail server refuses us.", "hint": "Enter it again.", "since": timezone.now()}
    for name, level in [
        ("mail.login", "error"),
        ("spf.missing", "warning"),
        ("mail.away", ""),
        ("mailing.late", "error"),
    ]:
        Trouble.objects.create(name=name, level=level, **facts)

    (found,) = diagnosis.author_findings(timezone.now())

    assert (found.id, found.level, found.message, found.hint) == (
        "mail.login",
        "error",
        facts["message"],
        facts["hint"],
    )
