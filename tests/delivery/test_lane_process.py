"""Lanes, run as their process runs them."""

import threading
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.db import connection
from django.utils import timezone

from newsletter.background import machines
from newsletter.delivery import lane_process, tasks
from newsletter.delivery.ledger import claims, recovery
from newsletter.delivery.models import Batch, Mailing, RateLimitState
from newsletter.delivery.planning import beginning
from newsletter.delivery.planning.approving import approve
from newsletter.mail.mailers import mailer_from_url
from newsletter.publication.models import Publication
from tests.factories import make_issue, make_post, make_subscriber
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)  # SQLite changes its durability outside of transactions only


@pytest.fixture(autouse=True)
def _alone(settings, tmp_path, monkeypatch):
    settings.LOCK_DIR = tmp_path / "locks"
    monkeypatch.setattr(lane_process.StopRequest, "is_asked", False)
    monkeypatch.setattr(tasks.dispatch, "apply_async", lambda *_args, **_options: None)


@pytest.fixture
def begun(issue):
    make_subscriber("a@example.org")
    return begin(issue)


def begin(issue):
    mailing = approve(issue, send_at=None, now=timezone.now(), hold=timedelta())
    assert beginning.plan_mailing(mailing, timezone.now())
    return mailing


def test_a_lane_counts_the_mails_of_a_new_sender_address(begun, bulk_smtp):
    Publication.objects.update(warm_up_from=timezone.localdate())

    lane_process.run_lane(0)

    assert RateLimitState.objects.get(key="warm-up").counted == 1


def test_a_lane_that_finds_nothing_more_sends_nothing_more(begun, bulk_smtp):
    assert [lane_process.run_lane(0) for _ in range(3)] == [begun.pk, None, None]

    assert bulk_smtp.copies() == {"a@example.org": 1}


def test_two_mailings_have_their_turns(begun, bulk_smtp, monkeypatch):
    other = begin(make_issue(make_post(), number=8))
    monkeypatch.setattr(lane_process, "send_batches", lambda *_details: None)

    assert [lane_process.run_lane(0, after=last) for last in (0, begun.pk, other.pk)] == [begun.pk, other.pk, begun.pk]


def test_a_slot_that_is_taken_is_left_alone(begun, bulk_smtp):
    with recovery.hold_slot(0):
        assert lane_process.run_lane(0) is None

    assert bulk_smtp.received() == []


def test_beside_a_slot_that_is_taken_another_one_sends(begun, bulk_smtp):
    with recovery.hold_slot(0):
        lane_process.run_lane(1)

    assert bulk_smtp.copies() == {"a@example.org": 1}


def test_a_paused_mailing_is_not_sent(begun, bulk_smtp):
    begun.pause()

    assert lane_process.run_lane(0) is None

    assert bulk_smtp.received() == []


def test_a_mailing_under_way_is_paused_when_mail_has_come_to_end_in_the_outbox(begun, settings, tmp_path):
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url("", outbox=tmp_path / "outbox")}

    assert [lane_process.run_lane(0) for _ in range(2)] == [begun.pk, None]

    begun.refresh_from_db()
    assert (begun.state, begun.paused_by) == (Mailing.State.PAUSED, Mailing.Cause.NOBODY)
    assert (begun.counts().queued, begun.counts().sent) == (1, 0)
    assert not (tmp_path / "outbox").exists()


def test_a_provider_that_is_away_is_not_asked(begun, bulk_smtp):
    begun.wait_for_provider(timezone.now(), "connection refused")

    assert lane_process.run_lane(0) is None


def test_a_process_that_stops_begins_no_lane(begun, bulk_smtp):
    lane_process.request_stop()

    assert lane_process.run_lane(0) is None

    assert bulk_smtp.received() == []


def test_a_machine_with_another_environment_claims_nothing_until_it_has_the_web_servers(begun, bulk_smtp, settings):
    ours, settings.SITE_URL = settings.SITE_URL, "https://of-the-web-server.example.org"
    machines.report("web")
    settings.SITE_URL = ours

    assert lane_process.run_lane(0) is None
    assert not Batch.objects.exclude(token=0).exists()

    machines.report("web")
    caches["pages"].clear()
    lane_process.run_lane(0)

    assert bulk_smtp.copies() == {"a@example.org": 1}


# --- The process ---


@pytest.fixture
def process():
    """Return a function that runs the lane of slot 0 beside the test, as its process does, and its thread."""
    threads = []

    def work():
        try:
            lane_process.run_lanes(0)
        finally:
            connection.close()

    def start():
        threads.append(threading.Thread(target=work))
        threads[-1].start()
        return threads[-1]

    yield start
    lane_process.request_stop()
    for thread in threads:
        thread.join(20)


def test_what_a_dead_process_has_left_in_its_slot_goes_on_without_a_dispatcher(begun, bulk_smtp, process):
    claims.claim_batch(begun, f"{recovery.machine_id()}/0/dead", timezone.now())
    Batch.objects.update(lease_until=timezone.now() - timedelta(minutes=1))

    process()

    wait_until(lambda: bulk_smtp.copies() == {"a@example.org": 1})


def test_a_mailing_that_begins_is_found_by_a_lane_that_was_idle(issue, bulk_smtp, process):
    make_subscriber("a@example.org")
    process()

    begin(issue)

    wait_until(lambda: bulk_smtp.copies() == {"a@example.org": 1})


def test_a_process_without_memory_ends_and_its_mailing_is_not_paused(begun, monkeypatch):
    """The supervisor starts another one, which has room; this one would fail at every try."""

    def without_memory(*_details):
        lane_process.request_stop()
        raise MemoryError

    monkeypatch.setattr(lane_process, "courier_for", without_memory)

    with pytest.raises(MemoryError):
        lane_process.run_lanes(0)

    begun.refresh_from_db()
    assert begun.state == Mailing.State.SENDING


def test_an_error_ends_no_process(begun, bulk_smtp, process, monkeypatch, caplog):
    calls, run = [], lane_process.run_lane

    def once_in_trouble(slot, *, after, scalers):
        calls.append(after)
        if len(calls) == 1:
            raise OSError("no room")
        return run(slot, after=after, scalers=scalers)

    monkeypatch.setattr(lane_process, "run_lane", once_in_trouble)

    process()

    wait_until(lambda: bulk_smtp.copies() == {"a@example.org": 1})
    assert "lane 1: continues after an error" in caplog.text


def test_a_process_that_is_asked_to_stop_ends(process):
    thread = process()

    lane_process.request_stop()
    thread.join(20)

    assert not thread.is_alive()


def test_a_batch_is_never_in_two_lanes(begun, bulk_smtp):
    """Two machines look at the same moment: the second finds nothing ready."""
    claims.claim_batch(begun, "another/0/x", timezone.now())

    assert lane_process.run_lane(0) is None

    assert Batch.objects.get().worker == "another/0/x"
    assert Mailing.objects.get().counts().sent == 0
