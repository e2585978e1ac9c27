"""The wake-ups, called as beat calls them."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from newsletter.delivery import lane_process, tasks
from newsletter.delivery.ledger import claims, recovery
from newsletter.delivery.models import Batch, Mailing
from newsletter.delivery.models.deliveries import Restoration
from newsletter.delivery.planning.approving import approve
from tests.factories import make_issue, make_post, make_subscriber

State = Mailing.State
pytestmark = pytest.mark.django_db(transaction=True)  # SQLite changes its durability outside of transactions only


@pytest.fixture(autouse=True)
def _own_locks(settings, tmp_path):
    settings.LOCK_DIR = tmp_path / "locks"


@pytest.fixture
def due(issue):
    make_subscriber("a@example.org")
    return approve(issue, send_at=None, now=timezone.now(), hold=timedelta())


def test_while_it_is_undecided_what_a_restored_database_has_forgotten_nothing_is_done(due):
    Restoration.objects.create(noticed_at=timezone.now(), departures=0, records=[])

    tasks.dispatch()

    due.refresh_from_db()
    assert due.state == State.SCHEDULED


def test_beat_begins_what_is_due(due):
    tasks.dispatch()

    assert list(Mailing.objects.ready(timezone.now())) == [due]


def test_two_beats_begin_one_mailing(due):
    tasks.dispatch()
    tasks.dispatch()

    assert due.deliveries.count() == 1


def test_a_mailing_whose_provider_is_away_is_for_no_lane(due):
    tasks.dispatch()
    due.wait_for_provider(timezone.now(), "connection refused")

    tasks.dispatch()

    assert not Mailing.objects.ready(timezone.now()).exists()


def test_a_lane_sends_and_beat_closes(due, bulk_smtp, monkeypatch):
    monkeypatch.setattr(tasks.dispatch, "apply_async", lambda *_args, **_options: None)
    other = approve(make_issue(make_post(), number=8), send_at=None, now=timezone.now(), hold=timedelta())
    tasks.dispatch()
    lane_process.run_lane(0, after=lane_process.run_lane(0))

    tasks.dispatch()

    for mailing in (due, other):
        mailing.refresh_from_db()
        assert mailing.state == State.SENT
    assert bulk_smtp.copies() == {"a@example.org": 2}


@pytest.mark.parametrize("first", ["a mailer that is taken away", "a worker's name that nobody gives"])
def test_what_fails_for_one_mailing_stops_no_other(due, caplog, first):
    """The first fails when it is begun, or when its batch is recovered."""
    make_subscriber("b@example.org")
    other = approve(make_issue(make_post()), send_at=None, now=timezone.now(), hold=timedelta())
    if first == "a mailer that is taken away":
        Mailing.objects.filter(pk=due.pk).update(mailer="gone")
    else:
        tasks.dispatch()
        claims.claim_batch(due, f"{recovery.machine_id()}/x/x", timezone.now())
        Batch.objects.filter(mailing=due).update(lease_until=timezone.now() - timedelta(hours=1))
        Mailing.objects.filter(pk=other.pk).update(state=State.SCHEDULED, planned_at=None)
        other.batches.all().delete()
        other.deliveries.all().delete()

    tasks.dispatch()

    other.refresh_from_db()
    assert other.state == State.SENDING
    assert Mailing.objects.ready(timezone.now()).exists()
    assert any(record.exc_info and "the other steps continue" in record.message for record in caplog.records)


def test_a_step_that_finds_the_database_locked_ends_no_other(due, monkeypatch, caplog):
    def locked(_lanes):
        raise OperationalError("database is locked")

    monkeypatch.setattr(recovery, "sweep", locked)

    tasks.dispatch()

    assert Mailing.objects.ready(timezone.now()).exists()
    assert "recovering batches failed and will be retried" in caplog.text
