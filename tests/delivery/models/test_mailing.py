import logging
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from newsletter.delivery.models import Batch, Mailing
from newsletter.delivery.models.deliveries import RETRY_AFTER
from newsletter.delivery.models.mailing import MailingStep
from newsletter.delivery.planning import approving
from tests.delivery.conftest import NOW
from tests.factories import make_issue

State = Mailing.State
HOLD = timedelta(minutes=3)
LATER = NOW + timedelta(days=1)


def test_a_cancel_is_final(make_mailing):
    mailing = make_mailing()
    mailing.cancel(NOW)

    assert mailing.cancel(NOW) is False
    assert mailing.resume(NOW, HOLD) is False
    assert mailing.pause() is False


@pytest.fixture
def after_a_power_cut(monkeypatch, tmp_path):
    """Return a function that reads a mailing as the disk has it: the database, and of its log what was synced.

    The database begins without a log. What SQLite itself syncs is not seen, which loses more than a power cut would.
    """
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    database, left, fsync = Path(connection.settings_dict["NAME"]), tmp_path / "left.sqlite3", os.fsync
    log = database.with_name(f"{database.name}-wal")
    assert not log.exists() or not log.stat().st_size  # it exists while another connection is open
    shutil.copy(database, left)

    def keep(descriptor):
        fsync(descriptor)
        if log.exists() and os.path.samestat(os.fstat(descriptor), log.stat()):
            shutil.copy(log, f"{left}-wal")

    def read(mailing):
        with closing(sqlite3.connect(left)) as disk:
            return disk.execute("SELECT state, send_at FROM delivery_mailing WHERE id = ?", [mailing.pk]).fetchone()

    monkeypatch.setattr(os, "fsync", keep)
    return read


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL waits for the disk by itself")
@pytest.mark.parametrize(
    ("decide", "state"),
    [
        (lambda mailing: mailing.cancel(NOW), "cancelled"),
        (lambda mailing: mailing.pause("a typo", Mailing.Cause.AUTHOR), "paused"),
        (lambda mailing: approving.reschedule(mailing, send_at=LATER, now=NOW, hold=HOLD), "scheduled"),
    ],
)
def test_what_the_author_decides_in_the_hold_survives_a_power_cut(scheduled, after_a_power_cut, decide, state):
    assert decide(scheduled)

    mailing = Mailing.objects.get()
    assert mailing.state == state
    assert after_a_power_cut(mailing) == (state, f"{mailing.send_at:%Y-%m-%d %H:%M:%S}")


@pytest.fixture
def scheduled(issue):
    return approving.approve(issue, send_at=None, now=NOW, hold=HOLD)


def test_a_mailing_is_sent_when_every_batch_is_done(make_mailing):
    mailing = make_mailing()

    assert mailing.finish(NOW) is False
    Batch.objects.update(state=Batch.State.DONE)
    assert mailing.finish(NOW) is True

    assert (mailing.state, mailing.finished_at) == (State.SENT, NOW)


def test_a_provider_that_fails_again_and_again_is_asked_less_and_less_often(make_mailing):
    mailing, waits = make_mailing(), []

    for _ in range(10):
        mailing.wait_for_provider(NOW, "connection refused")
        waits.append((mailing.retry_at - NOW).total_seconds())

    assert waits[:4] == [5, 10, 20, 40]
    assert waits[-1] == 300


def test_an_answer_forgets_the_failures(make_mailing):
    mailing = make_mailing()
    mailing.wait_for_provider(timezone.now(), "connection refused")

    mailing.reset_backoff()

    assert (mailing.retry_at, mailing.provider_failures, mailing.reason) == (None, 0, "")


def test_an_issue_has_one_open_mailing(make_mailing, issue):
    mailing = make_mailing()
    mailing.pk, mailing.number = None, 2

    with pytest.raises(Exception, match=r"(?i)unique constraint"):
        mailing.save(force_insert=True)


# --- The log ---


@pytest.mark.django_db(transaction=True)
def test_each_step_of_a_mailing_is_one_line_of_the_log(issue, caplog):
    caplog.set_level(logging.INFO, "newsletter.delivery.models.mailing")
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=timedelta())
    mailing.pause("the server is away")
    mailing.cancel(NOW)

    said = [record.getMessage() for record in caplog.records if record.name == "newsletter.delivery.models.mailing"]

    begins = f"issue {issue.number}, mailing {mailing.pk}: "
    assert [line.removeprefix(begins).split()[0] for line in said] == ["approved", "paused", "cancelled"]
    assert said[1] == f"{begins}paused the server is away"


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_is_not_told(issue, caplog):
    caplog.set_level(logging.INFO, "newsletter.delivery.models.mailing")
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=timedelta())
    caplog.clear()

    with suppress(ZeroDivisionError), transaction.atomic():
        mailing.record(MailingStep.Kind.PAUSED)
        raise ZeroDivisionError

    assert caplog.records == []


def test_what_a_lane_says_of_the_provider_leaves_a_pause_as_it_is(make_mailing):
    mailing = make_mailing()
    of_the_lane = Mailing.objects.get()
    mailing.pause("a typo", Mailing.Cause.AUTHOR)

    of_the_lane.wait_for_provider(NOW, "connection refused")

    assert (of_the_lane.state, of_the_lane.reason, of_the_lane.retry_at) == (State.PAUSED, "a typo", None)


def test_gone_on_with_the_failures_of_before_count_no_more(make_mailing):
    mailing = make_mailing()
    Mailing.objects.update(provider_failures=2, retry_at=NOW + timedelta(minutes=5))
    mailing.pause("535 authentication failed")

    mailing.resume(NOW, HOLD)

    assert (mailing.provider_failures, mailing.retry_at) == (0, None)


# --- A clock that was ahead for a moment holds nobody up; a rightful wait stays ---

AHEAD = timedelta(days=3)


def mailing_with(**fields) -> Mailing:
    row = {"issue": make_issue(), "subject": "s", "sender_email": "g@example.org", "send_at": NOW, "approved_at": NOW}
    return Mailing.objects.create(**row | fields)


def make_batch(**fields) -> Batch:
    return Batch.objects.create(mailing=mailing_with(), no=1, lo=1, hi=3, cursor=1, **fields)


@pytest.mark.django_db
@pytest.mark.parametrize(("waits", "is_ready"), [(AHEAD, True), (timedelta(hours=24), False), (timedelta(), True)])
def test_a_mailing_that_waits_for_its_provider_goes_on(waits, is_ready):
    batch = make_batch()
    Mailing.objects.filter(pk=batch.mailing_id).update(state=Mailing.State.SENDING, retry_at=NOW + waits)

    assert Mailing.objects.ready(NOW).exists() is is_ready
    assert Mailing.objects.get().is_waiting(NOW) is not is_ready


@pytest.mark.django_db
@pytest.mark.parametrize(("waits", "is_ready"), [(AHEAD, True), (max(RETRY_AFTER), False), (timedelta(), True)])
def test_a_batch_that_waits_for_its_next_pass_is_taken_up(waits, is_ready):
    make_batch(not_before=NOW + waits)

    assert Batch.objects.ready(NOW).exists() is is_ready
