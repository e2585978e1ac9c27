"""What could send a copy twice or lose one: each test is a way that once did, or must never."""

import errno
from copy import copy
from datetime import timedelta

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.utils import timezone

from newsletter.delivery import lanes, tasks
from newsletter.delivery.ledger import claims, flight_recorder, recovery
from newsletter.delivery.ledger.claims import Result, write_results
from newsletter.delivery.models import Batch, Counts, Delivery, Mailing
from newsletter.delivery.sending import lane as sending
from newsletter.delivery.sending.couriers import DjangoCourier, SmtpCourier
from newsletter.mail.mailers import mailer_from_url
from subscribers.models import Subscriber
from tests.delivery.conftest import NOW, Provider

QUEUED, SENT, FAILED, UNCERTAIN = (
    Delivery.State.QUEUED,
    Delivery.State.SENT,
    Delivery.State.FAILED,
    Delivery.State.UNCERTAIN,
)


def states(mailing):
    return list(mailing.deliveries.order_by("seq").values_list("state", flat=True))


# --- Messages in flight while something else goes wrong ---


def test_a_pause_while_messages_are_in_flight_sends_none_of_them_again(make_mailing, run, bulk_smtp):
    mailing = make_mailing("abcdefgh")
    courier = SmtpCourier("bulk", mailing)
    courier.window_max = 2
    intend, calls = claims.intend, []

    def pause_before_the_third(*details):
        calls.append(details)
        if len(calls) == 3:
            Mailing.objects.update(state=Mailing.State.PAUSED)
        return intend(*details)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "intend", pause_before_the_third)
        run(mailing, courier)
    Mailing.objects.update(state=Mailing.State.SENDING)
    run(mailing, SmtpCourier("bulk", mailing))

    assert bulk_smtp.copies_per_reader() == {1}
    assert states(mailing) == [SENT] * 8


# --- What the ledger does not know, the flight recorder does ---


@pytest.fixture
def recover(tmp_path):
    """Return a function that recovers a batch as its slot's next holder would."""

    def recover_batch():
        return recovery.recover(Batch.objects.get(state=Batch.State.LEASED), flight_recorder.read(tmp_path / "flight"))

    return recover_batch


def test_an_error_that_nobody_thought_of_makes_the_row_in_flight_uncertain(make_mailing, run, recover):
    mailing, provider = make_mailing("abcd"), Provider()
    failing = Provider()
    failing.on_send = lambda row: failing.accepted.append(row.email) or (1 / (row.seq - 1))

    with pytest.raises(ZeroDivisionError):
        run(mailing, failing)
    recover()
    run(mailing, provider)

    assert failing.accepted == ["a@example.org", "a@example.org", "b@example.org"]
    assert provider.accepted == ["c@example.org", "d@example.org"]
    assert states(mailing) == [SENT, UNCERTAIN, SENT, SENT]


def test_answers_outlive_a_database_that_stays_away(make_mailing, run, recover, monkeypatch):
    mailing, provider = make_mailing("abcdef"), Provider()
    intend, calls = claims.intend, []

    def away_after_the_third(*details):
        calls.append(details)
        if len(calls) > 3:
            raise OperationalError("the server is gone")
        return intend(*details)

    monkeypatch.setattr(sending, "DATABASE_RETRY_SECONDS", (0,))
    monkeypatch.setattr(claims, "intend", away_after_the_third)
    with pytest.raises(OperationalError):
        run(mailing, provider)
    assert provider.accepted == ["a@example.org", "b@example.org", "c@example.org"]
    monkeypatch.setattr(claims, "intend", intend)
    recover()
    run(mailing, provider)

    assert provider.accepted == [f"{name}@example.org" for name in "abcdef"]
    assert states(mailing) == [SENT] * 6
    assert mailing.batches.get().state == Batch.State.DONE


# --- Readers who cannot be mailed ---

UNMAILABLE = [
    {"email": "用戶@example.org"},
    {"email": "two words@example.org"},
    {"email": f"a@{'x' * 64}.example.org"},
    {"name": "line\nbreak"},
]


@pytest.mark.parametrize("wrong", UNMAILABLE)
def test_a_reader_who_cannot_be_mailed_fails_alone_over_smtp(make_mailing, run, bulk_smtp, wrong):
    mailing = make_mailing("abcd")
    Subscriber.objects.filter(email="b@example.org").update(**wrong)

    run(mailing, SmtpCourier("bulk", mailing))

    assert states(mailing) == [SENT, FAILED, SENT, SENT]
    assert mailing.batches.get().state == Batch.State.DONE


@pytest.mark.parametrize("wrong", UNMAILABLE)
def test_a_reader_who_cannot_be_mailed_fails_alone_in_any_mailer(make_mailing, run, settings, tmp_path, wrong):
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url("", outbox=tmp_path)}
    mailing = make_mailing("abcd")
    Subscriber.objects.filter(email="b@example.org").update(**wrong)

    run(mailing, DjangoCourier("bulk", mailing))

    assert states(mailing) == [SENT, FAILED, SENT, SENT]
    assert mailing.batches.get().state == Batch.State.DONE


def test_a_full_disk_makes_the_outbox_wait_and_loses_nobody(make_mailing, run, settings, tmp_path):
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url("", outbox=tmp_path / "outbox")}
    mailing = make_mailing("ab")
    (tmp_path / "outbox").write_text("not a folder")

    run(mailing, DjangoCourier("bulk", mailing))
    assert states(mailing) == [QUEUED, QUEUED]
    assert mailing.retry_at is not None
    (tmp_path / "outbox").unlink()
    run(mailing, DjangoCourier("bulk", mailing))

    assert states(mailing) == [SENT, SENT]


# --- The ledger against the database's own habits ---


def test_a_commit_whose_acknowledgement_was_lost_counts_its_window_once(make_mailing):
    mailing = make_mailing("abcd")
    batch = claims.claim(mailing, "machine/0/x", NOW)
    stale = copy(batch)

    claims.intend(batch, [], 2, NOW)
    rows = claims.intend(stale, [], 2, NOW)

    assert [row.seq for row in rows] == [0, 1]
    assert mailing.counts() == Counts(queued=2, sending=2)


def test_a_late_not_now_for_a_batch_that_is_done_opens_it_for_this_row_alone(make_mailing):
    mailing = make_mailing("ab")
    batch = claims.claim(mailing, "another/0/x", NOW)
    claims.intend(batch, [], 1, NOW)
    recovery.recover(batch, None)
    heir = claims.claim(mailing, "machine/0/y", NOW)
    claims.intend(heir, [], 1, NOW)
    claims.close(heir, [Result(1, SENT)], NOW)

    write_results(batch, [Result(0, Delivery.State.DEFERRED, "451 later")])

    assert states(mailing) == [Delivery.State.DEFERRED, SENT]
    assert mailing.deliveries.get(seq=0).reply == "451 later"
    assert mailing.counts() == Counts(sent=1, queued=1)
    again = claims.claim(mailing, "machine/0/z", timezone.now() + timedelta(minutes=2))
    assert [row.seq for row in claims.intend(again, [], 5, NOW)] == [0]


def test_a_lane_that_slept_through_a_new_text_does_not_go_on_with_the_old(make_mailing):
    mailing = make_mailing("ab")
    batch = claims.claim(mailing, "machine/0/x", NOW)
    claims.intend(batch, [], 1, NOW)

    Mailing.objects.update(content_hash="another")

    with pytest.raises(claims.LaneEnds):
        claims.intend(batch, [], 1, NOW)


# --- A lane's own troubles ---


@pytest.fixture
def lane(settings, tmp_path, monkeypatch):
    """Return a function that runs a lane as a worker does."""
    settings.LOCK_DIR = tmp_path / "locks"
    monkeypatch.setattr(tasks.dispatch, "apply_async", lambda *_args, **_options: None)
    return lambda: lanes.run(0)


@pytest.mark.django_db(transaction=True)
def test_an_error_that_nobody_thought_of_stops_the_mailing_and_says_so(make_mailing, lane, monkeypatch):
    mailing = make_mailing("ab")
    monkeypatch.setattr(lanes, "courier_for", lambda *_details: {}["no such mailer"])

    with pytest.raises(KeyError):
        lane()

    mailing.refresh_from_db()
    assert (mailing.state, mailing.reason) == (Mailing.State.PAUSED, "KeyError: 'no such mailer'")
    assert mailing.paused_by == Mailing.Cause.ERROR


@pytest.mark.django_db(transaction=True)
def test_a_database_in_trouble_does_not_stop_the_mailing(make_mailing, lane, monkeypatch):
    mailing = make_mailing("ab")
    monkeypatch.setattr(lanes, "courier_for", lambda *_details: connection.cursor().execute("SELECT 1 FROM nowhere"))

    with pytest.raises(DatabaseError, match="nowhere"):
        lane()

    mailing.refresh_from_db()
    assert (mailing.state, mailing.reason, mailing.retry_at) == (Mailing.State.SENDING, "", None)


@pytest.mark.django_db(transaction=True)
def test_a_machine_in_trouble_is_left_alone_for_a_while(make_mailing, lane, monkeypatch):
    mailing = make_mailing("ab")

    def full(_path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(lanes, "Recorder", full)

    with pytest.raises(OSError, match="No space"):
        lane()

    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.SENDING
    assert mailing.is_waiting(timezone.now())


@pytest.mark.django_db(transaction=True)
def test_a_wake_up_that_comes_while_the_provider_is_away_does_nothing(make_mailing, lane, bulk_smtp):
    mailing = make_mailing("ab")
    mailing.wait_for_provider(timezone.now(), "connection refused")

    lane()

    assert bulk_smtp.received() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL waits for the disk by itself")
def test_commits_are_durable_after_the_connection_was_lost_too(monkeypatch):
    monkeypatch.setattr(sending, "DATABASE_RETRY_SECONDS", (0, 0))
    seen = []

    def step():
        with connection.cursor() as cursor:
            seen.append(cursor.execute("PRAGMA synchronous").fetchone()[0])
        if len(seen) < 2:
            raise OperationalError("the database is locked")

    sending.with_retries(step)
    connection.close()

    assert seen == [2, 2]
