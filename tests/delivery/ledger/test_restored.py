"""A ledger that is older than its recorders: a transaction that is taken back is the restore."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test import TestCase
from django.utils import timezone

from newsletter.delivery import lane_process
from newsletter.delivery.ledger import claims, flight_recorder, recovery, restore_detection
from newsletter.delivery.ledger.flight_recorder import FlightRecorder, RowMark
from newsletter.delivery.models import Batch, LedgerPlace, Mailing, Reminder
from newsletter.delivery.models.deliveries import Restoration
from newsletter.delivery.sending.lane import Lane
from newsletter.delivery.tasks import dispatch
from newsletter.publication.models import Publication
from subscribers.models import Subscriber
from tests.delivery.conftest import FAILED, NOW, QUEUED, SENT, UNCERTAIN, InTurn, Provider, states
from tests.factories import make_publication


@pytest.fixture(autouse=True)
def _own_folders(settings, tmp_path):
    settings.DATA_DIR, settings.LOCK_DIR = tmp_path, tmp_path / "locks"
    settings.LOCK_DIR.mkdir()


@contextmanager
def forgotten():
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def send(mailing, provider=None, *, stop_after=99):
    """Run a lane in slot 0 of this machine."""
    provider = provider or Provider()
    with FlightRecorder(recovery.recorder_path(0)) as flight:
        worker = f"{recovery.machine_id()}/0/x"
        is_stopping = lambda: len(provider.accepted) >= stop_after  # noqa: E731
        Lane(mailing, provider, recorder=flight, writer=InTurn(), worker=worker, is_stopping=is_stopping).run(60)
    return provider


def test_a_ledger_that_was_not_restored_is_never_taken_for_one(make_mailing):
    mailing = make_mailing("abcd")
    assert not restore_detection.detect_restore(NOW)

    send(mailing, stop_after=2)
    assert not restore_detection.detect_restore(NOW)
    send(mailing)
    assert not restore_detection.detect_restore(NOW)

    assert not restore_detection.is_restore_undecided()


def test_a_lane_that_died_in_mid_mailing_is_no_restore(make_mailing):
    mailing = make_mailing("abcd")
    provider = Provider(c=RuntimeError("power"))
    with pytest.raises(RuntimeError):
        send(mailing, provider)

    assert not restore_detection.detect_restore(NOW)


def test_copies_that_have_left_are_known_after_a_restore_and_nothing_more_leaves(make_mailing, settings):
    mailing = make_mailing("abcd")
    with forgotten():
        send(mailing, stop_after=2)
        send(mailing, stop_after=1)
    assert states(mailing) == [QUEUED] * 4

    assert restore_detection.detect_restore(NOW)
    dispatch()
    lane_process.run_lane(0)

    assert restore_detection.is_restore_undecided()
    assert states(mailing) == [QUEUED] * 4
    assert restore_detection.count_forgotten() == 3


def test_what_the_recorders_know_is_counted_and_the_rest_gets_its_copy(make_mailing):
    mailing = make_mailing("abcdef")
    with forgotten():
        send(mailing, stop_after=2)
        send(mailing, stop_after=1)
    restore_detection.detect_restore(NOW)

    assert restore_detection.count_as_sent(NOW) == 3
    provider = send(mailing)

    assert not restore_detection.is_restore_undecided()
    assert provider.accepted == [f"{name}@example.org" for name in "def"]
    assert states(mailing) == [SENT] * 6
    counts = mailing.counts()
    assert (counts.sent, counts.queued) == (6, 0)
    assert Restoration.objects.get().decision == "counted"


def test_a_copy_that_was_on_the_wire_is_uncertain_after_a_restore(make_mailing):
    mailing = make_mailing("ab")
    batch = Batch.objects.get()
    with FlightRecorder(recovery.recorder_path(0)) as flight:
        flight.begin(batch.pk, batch.token + 1, lo=batch.lo, hi=batch.hi)
        flight.mark(1, RowMark.HANDED_OVER)
    restore_detection.detect_restore(NOW)

    restore_detection.count_as_sent(NOW)

    assert states(mailing) == [QUEUED, UNCERTAIN]
    assert mailing.counts().uncertain == 1


def test_a_backup_of_the_very_moment_is_recovered_by_the_record_beyond_its_cursor(make_mailing):
    """The batch was leased when the backup was made: the record tells of this holding, and of more than the ledger."""
    mailing = make_mailing("abcd")
    batch = claims.claim_batch(mailing, f"{recovery.machine_id()}/0/x", NOW)
    with FlightRecorder(recovery.recorder_path(0)) as flight:
        flight.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        claims.commit_intent(batch, [], 1, NOW)
        with forgotten():
            claims.commit_intent(batch, [], 2, NOW)
            flight.mark(0, RowMark.SENT)
            flight.mark(1, RowMark.SENT)

    assert restore_detection.detect_restore(NOW)
    recovery.sweep(slots=1)

    assert states(mailing) == [SENT, SENT, QUEUED, QUEUED]


def the_backup_is_old():
    """Leases of its moment are over."""
    Batch.objects.update(lease_until=Now() - timedelta(seconds=1))


def test_a_backup_of_a_last_window_on_its_way_is_recovered_by_the_history_of_its_lane(make_mailing):
    """All rows stood behind the cursor then. Since, the lane has ended this holding, and turned to another batch."""
    mailing = make_mailing("abcd")
    batch = claims.claim_batch(mailing, f"{recovery.machine_id()}/0/x", NOW)
    claims.commit_intent(batch, [], 4, NOW)
    with FlightRecorder(recovery.recorder_path(0)) as flight:
        flight.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        for seq, mark in enumerate([RowMark.SENT, RowMark.FAILED, RowMark.HANDED_OVER]):
            flight.mark(seq, mark)
        flight.begin(batch.pk + 1, 1, lo=0, hi=4)

    the_backup_is_old()
    recovery.sweep(slots=1)

    assert states(mailing) == [SENT, FAILED, UNCERTAIN, UNCERTAIN]
    told = dict(mailing.deliveries.values_list("seq", "reply"))
    assert [told[seq] for seq in (2, 3)] == [recovery.RECORDED_REPLY, recovery.RESTORED_REPLY]


def test_a_backup_of_the_very_moment_is_recovered_though_another_machine_was_first(make_mailing, settings, tmp_path):
    """It has not this machine's history, which tells of rows that it has given up."""
    mailing = make_mailing("abcd")
    batch = claims.claim_batch(mailing, f"{recovery.machine_id()}/0/x", NOW)
    claims.commit_intent(batch, [], 4, NOW)
    with FlightRecorder(recovery.recorder_path(0)) as flight:
        flight.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        for seq, mark in enumerate([RowMark.SENT, RowMark.FAILED, RowMark.HANDED_OVER]):
            flight.mark(seq, mark)
        flight.begin(batch.pk + 1, 1, lo=0, hi=4)
        flight.mark(0, RowMark.SENT)
    assert restore_detection.detect_restore(NOW)
    assert not lane_process.recover_own_slot(0), "the author has not decided"
    restore_detection.resume_sending(NOW)
    here, settings.LOCK_DIR = settings.LOCK_DIR, tmp_path / "another"
    Batch.objects.update(lease_until=Now() - timedelta(minutes=1))
    recovery.sweep(slots=1)
    assert states(mailing) == [UNCERTAIN] * 4
    settings.LOCK_DIR = here

    assert lane_process.recover_own_slot(0)

    assert states(mailing) == [SENT, FAILED, UNCERTAIN, UNCERTAIN]
    told = dict(mailing.deliveries.values_list("seq", "reply"))
    assert [told[seq] for seq in (2, 3)] == [recovery.RECORDED_REPLY, recovery.RESTORED_REPLY]


def test_what_left_in_one_of_two_holdings_with_the_same_token_has_left(make_mailing):
    mailing = make_mailing("abcd")
    batch = claims.claim_batch(mailing, f"{recovery.machine_id()}/0/x", NOW)
    claims.commit_intent(batch, [], 4, NOW)
    waiting, sent, on_its_way = RowMark.WAITING, RowMark.SENT, RowMark.HANDED_OVER
    with FlightRecorder(recovery.recorder_path(0)) as flight:
        for marks in ([sent, on_its_way, waiting, waiting], [waiting, sent, sent, waiting]):
            flight.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
            for seq, mark in enumerate(marks):
                flight.mark(seq, mark)
        flight.begin(batch.pk + 1, 1, lo=0, hi=4)

    the_backup_is_old()
    recovery.sweep(slots=1)

    assert states(mailing) == [SENT, SENT, SENT, UNCERTAIN]


def test_a_second_restore_knows_what_has_left_since_the_first_under_the_same_token(make_mailing):
    mailing = make_mailing("abcd")
    with forgotten():
        send(mailing, stop_after=1)
    assert restore_detection.detect_restore(NOW)
    restore_detection.count_as_sent(NOW)

    with forgotten():
        send(mailing, stop_after=2)
    assert restore_detection.detect_restore(NOW)
    restore_detection.count_as_sent(NOW)

    assert states(mailing) == [SENT, SENT, SENT, QUEUED]


def test_the_author_may_go_on_and_is_not_asked_again(make_mailing):
    mailing = make_mailing("ab")
    with forgotten():
        send(mailing)
    restore_detection.detect_restore(NOW)

    restore_detection.resume_sending(NOW)

    assert not restore_detection.detect_restore(NOW)
    assert not restore_detection.is_restore_undecided()
    assert send(mailing).accepted == ["a@example.org", "b@example.org"]


def test_the_author_may_cancel_what_was_open(make_mailing):
    mailing = make_mailing("ab")
    with forgotten():
        send(mailing)
    restore_detection.detect_restore(NOW)

    restore_detection.cancel_open_mailings(NOW)

    mailing.refresh_from_db()
    assert (mailing.state, mailing.reason) == (Mailing.State.CANCELLED, "The database was put back, copied or moved.")
    assert not restore_detection.is_restore_undecided()


def was_elsewhere(file="another", boot="another", device="1"):
    LedgerPlace.objects.update(identity=f"{file}@{boot}:{device}")


def in_this_file():
    file, _, boot = LedgerPlace.objects.get().identity.partition("@")
    return {"file": file, "boot": boot.partition(":")[0]}


@pytest.mark.parametrize("stage", ["due", "under way", "paused", "for another day"])
def test_a_database_that_was_put_back_or_copied_sends_nothing_before_its_author_has_decided(issue, make_mailing, stage):
    """The recorders were put back with it, and prove nothing."""
    mailing = make_mailing("ab", planned=stage == "under way")
    if stage == "for another day":
        Mailing.objects.update(send_at=timezone.now() + timedelta(days=2))
    if stage == "paused":
        mailing.pause(cause=Mailing.Cause.AUTHOR)
    assert not restore_detection.detect_restore(NOW)
    was_elsewhere()

    assert restore_detection.detect_restore(NOW)
    dispatch()
    lane_process.run_lane(0)

    assert not mailing.deliveries.exclude(state=QUEUED).exists()
    assert not restore_detection.detect_restore(NOW), "it is asked once"
    restore_detection.resume_sending(NOW)
    assert not restore_detection.detect_restore(NOW)
    assert not restore_detection.is_restore_undecided()


def test_a_letter_that_leaves_without_an_answer_is_asked_about_too(issue):
    make_publication(unapproved=Publication.Unapproved.GO)
    Reminder.objects.create(kind=Reminder.Kind.LETTER, slot_at=NOW + timedelta(hours=9), issue=issue, at=NOW)
    restore_detection.detect_restore(NOW)
    was_elsewhere()

    assert restore_detection.detect_restore(NOW)


def test_a_move_with_nothing_to_send_asks_nothing_then_or_later(issue, make_mailing):
    restore_detection.detect_restore(NOW)
    was_elsewhere()

    assert not restore_detection.detect_restore(NOW)
    make_mailing("ab")
    assert not restore_detection.detect_restore(NOW)

    assert not restore_detection.is_restore_undecided()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a server has no device")
def test_a_reboot_that_numbers_devices_anew_asks_nothing_and_a_mounted_snapshot_does(make_mailing):
    make_mailing("ab")
    restore_detection.detect_restore(NOW)

    was_elsewhere(**in_this_file() | {"boot": "another"})
    assert not restore_detection.detect_restore(NOW)

    was_elsewhere(**in_this_file())
    assert restore_detection.detect_restore(NOW)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a server has no machine")
def test_a_container_made_anew_is_where_it_was(make_mailing, settings, tmp_path):
    """Without an id of the machine, with another name and other folders: its database file is the same."""
    make_mailing("ab")
    restore_detection.detect_restore(NOW)
    settings.DATA_DIR, settings.LOCK_DIR = tmp_path / "new", tmp_path / "new" / "locks"

    assert not restore_detection.detect_restore(NOW)


def test_a_departure_that_was_forgotten_is_proof_too(make_mailing):
    make_mailing("ab")
    with forgotten(), TestCase.captureOnCommitCallbacks(execute=True):
        Subscriber.objects.get(email="a@example.org").unsubscribe(timezone.now())

    assert restore_detection.detect_restore(NOW)

    assert Restoration.undecided().get().departures == 1


def test_a_database_that_went_down_as_somebody_left_stops_no_mailing(make_mailing):
    make_mailing("ab")
    with forgotten():
        Subscriber.objects.get(email="a@example.org").unsubscribe(timezone.now())

    assert not restore_detection.detect_restore(NOW)

    assert not restore_detection.is_restore_undecided()
    assert not Subscriber.objects.mailable(NOW).filter(email="a@example.org").exists()
    assert Subscriber.objects.get(email="a@example.org").state == "unsubscribed"


def test_a_history_that_a_power_cut_has_torn_is_read_as_far_as_it_goes(make_mailing, settings):
    mailing = make_mailing("ab")
    with forgotten():
        send(mailing, stop_after=1)
        send(mailing, stop_after=1)
    history = settings.LOCK_DIR / "slot-0.history"
    history.write_text("\n12 4 0 eJx\nrubbish" + history.read_text())

    assert len(flight_recorder.all_records(settings.LOCK_DIR)) == 2


def test_the_history_of_a_slot_is_bounded(settings, monkeypatch):
    monkeypatch.setattr(flight_recorder, "HISTORY_BYTES_MAX", 100)
    with FlightRecorder(recovery.recorder_path(0)) as flight:
        for number in range(20):
            flight.begin(number, 1, lo=0, hi=100)
            flight.mark(0, RowMark.SENT)

    sizes = [path.stat().st_size for path in settings.LOCK_DIR.glob("*.history*")]
    assert len(sizes) == 2
    assert max(sizes) < 200
