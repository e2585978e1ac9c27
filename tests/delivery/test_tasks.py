"""The wake-ups, called as beat calls them; what they enqueue stays in memory."""

from datetime import timedelta

import pytest
from django.utils import timezone
from redis import Redis

from newsletter.delivery import ledger, planning, recovery, tasks
from newsletter.delivery.models import Mailing, Pace
from newsletter.delivery.planning import approve
from newsletter.mail.mailers import Limits
from newsletter.publication.models import Publication
from tests.factories import make_issue, make_post, make_subscriber

State = Mailing.State
pytestmark = pytest.mark.django_db(transaction=True)  # SQLite changes its durability outside of transactions only


@pytest.fixture(autouse=True)
def _own_locks(settings, tmp_path):
    settings.LOCK_DIR = tmp_path / "locks"
    tasks.Stopping.is_asked = False


@pytest.fixture
def lanes(monkeypatch):
    """The lanes that were woken: (mailing, slot)."""
    woken = []
    monkeypatch.setattr(tasks.send_lane, "apply_async", lambda args, **_options: woken.append(args))
    return woken


@pytest.fixture
def _quiet(monkeypatch):
    monkeypatch.setattr(tasks.dispatch, "apply_async", lambda *_args, **_options: None)


@pytest.fixture
def due(issue):
    make_subscriber("a@example.org")
    return approve(issue, send_at=None, now=timezone.now(), hold=timedelta())


def test_beat_begins_what_is_due_and_wakes_a_lane(due, lanes):
    tasks.dispatch()

    due.refresh_from_db()
    assert due.state == State.SENDING
    assert lanes == [(due.pk, 0)]


def test_two_beats_begin_one_mailing(due, lanes):
    tasks.dispatch()
    tasks.dispatch()

    assert due.deliveries.count() == 1


@pytest.fixture
def in_batches_of_one(settings, monkeypatch):
    """Two readers in two batches, for a machine of three lanes."""
    settings.DELIVERY_LANES = 3
    monkeypatch.setattr(planning, "BATCH", 1)
    make_subscriber("b@example.org")


@pytest.mark.usefixtures("in_batches_of_one")
def test_no_more_lanes_are_woken_than_there_are_batches_for(due, lanes):
    tasks.dispatch()

    assert lanes == [(due.pk, 0), (due.pk, 1)]


@pytest.mark.usefixtures("in_batches_of_one")
def test_a_lane_that_is_at_work_is_not_woken_again(due, lanes):
    with recovery.slot(1):
        tasks.dispatch()

    assert lanes == [(due.pk, 0), (due.pk, 2)]


@pytest.mark.usefixtures("in_batches_of_one")
def test_for_one_batch_that_is_left_one_lane_is_woken(due, lanes):
    tasks.dispatch()
    ledger.claim(due, "another/0/x", timezone.now())
    lanes.clear()

    tasks.dispatch()

    assert lanes == [(due.pk, 0)]


def test_while_every_lane_is_at_work_nobody_is_woken(due, lanes):
    with recovery.slot(0):
        tasks.dispatch()

    due.refresh_from_db()
    assert (due.state, lanes) == (State.SENDING, [])


def test_each_mailing_wakes_lanes_of_its_own(due, lanes, publication):
    other = approve(make_issue(make_post(), number=8), send_at=None, now=timezone.now(), hold=timedelta())

    tasks.dispatch()

    assert sorted(lanes) == [(due.pk, 0), (other.pk, 0)]


@pytest.mark.usefixtures("_quiet")
def test_a_lane_sends_and_beat_closes(due, lanes, bulk_smtp):
    tasks.dispatch()
    tasks.send_lane(due.pk, 0)

    tasks.dispatch()

    due.refresh_from_db()
    assert due.state == State.SENT
    assert bulk_smtp.copies() == {"a@example.org": 1}


@pytest.mark.usefixtures("_quiet")
def test_a_lane_keeps_the_limits_of_its_mailer_in_redis(due, lanes, bulk_smtp, settings, redis_url):
    settings.REDIS_URL, settings.SEND_RATE = redis_url, 100
    settings.MAILERS["bulk"]["LIMITS"] = Limits(domains={"example.org": 50})
    tasks.dispatch()

    tasks.send_lane(due.pk, 0)

    with Redis.from_url(redis_url, decode_responses=True) as client:
        lines = {key.removeprefix("newsletter:pace:") for key in client.keys("newsletter:pace:*")}
    assert lines == {"all", "provider:bulk", "domain:bulk:example.org"}
    assert bulk_smtp.copies() == {"a@example.org": 1}


@pytest.mark.usefixtures("_quiet")
def test_a_lane_counts_the_mails_of_a_new_sender_address(due, lanes, bulk_smtp):
    Publication.objects.update(warm_up_from=timezone.localdate())
    tasks.dispatch()

    tasks.send_lane(due.pk, 0)

    assert Pace.objects.get(key="warm-up").counted == 1


@pytest.mark.usefixtures("_quiet")
def test_a_doubled_wake_up_sends_nothing_more(due, lanes, bulk_smtp):
    tasks.dispatch()

    for _ in range(3):
        tasks.send_lane(due.pk, 0)

    assert bulk_smtp.copies() == {"a@example.org": 1}


@pytest.mark.usefixtures("_quiet")
def test_a_slot_that_is_taken_is_left_alone(due, lanes, bulk_smtp):
    tasks.dispatch()

    with recovery.slot(0):
        tasks.send_lane(due.pk, 0)

    assert bulk_smtp.received() == []


@pytest.mark.usefixtures("_quiet")
def test_a_paused_mailing_is_not_sent(due, lanes, bulk_smtp):
    tasks.dispatch()
    due.pause()

    tasks.send_lane(due.pk, 0)

    assert bulk_smtp.received() == []


def test_a_mailing_whose_provider_is_away_wakes_no_lane(due, lanes):
    tasks.dispatch()
    due.wait_for_provider(timezone.now(), "connection refused")
    lanes.clear()

    tasks.dispatch()

    assert lanes == []


@pytest.mark.usefixtures("_quiet")
def test_a_stopping_worker_begins_no_lane(due, lanes, bulk_smtp):
    tasks.dispatch()
    tasks.Stopping.is_asked = True

    tasks.send_lane(due.pk, 0)

    tasks.Stopping.is_asked = False
    assert bulk_smtp.received() == []
