import multiprocessing
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from newsletter.delivery import lane_process
from newsletter.delivery.ledger import claims, flight_recorder, recovery
from newsletter.delivery.ledger.claims import (
    LEASE_DURATION,
    DeliveryResult,
    claim_batch,
    commit_intent,
    lock_batch,
    write_results,
)
from newsletter.delivery.ledger.flight_recorder import FlightRecorder, RowMark
from newsletter.delivery.models import Batch, Delivery, Mailing, deliveries
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.rate import RateLimiter
from newsletter.delivery.sending.lane import HeldBatch
from tests.delivery.conftest import (
    DEFERRED,
    FAILED,
    NOW,
    QUEUED,
    SENT,
    SKIPPED,
    UNCERTAIN,
    InTurn,
    Provider,
    begin_mailing,
    states,
)
from tests.factories import finish_batches
from tests.support.waiting import wait_until


@pytest.fixture(autouse=True)
def _own_locks(settings, tmp_path):
    settings.LOCK_DIR = tmp_path / "locks"


def lease_is_over_for(seconds):
    """Have the database's clock go on: for all it knows, nobody has renewed a lease since."""
    Batch.objects.update(lease_until=Now() - timedelta(seconds=seconds))


def in_the_middle(mailing, worker):
    """One row is answered, the next is handed over, and then nothing more is heard of the worker."""
    batch = claim_batch(mailing, worker, NOW)
    commit_intent(batch, [], 1, NOW)
    commit_intent(batch, [DeliveryResult(0, SENT)], 1, NOW)
    return batch


def test_a_slot_is_held_by_one():
    with recovery.hold_slot(0) as mine, recovery.hold_slot(0) as others, recovery.hold_slot(1) as second:
        assert mine == f"{recovery.machine_id()}/0/"
        assert others is None
        assert second == f"{recovery.machine_id()}/1/"


def test_a_machine_keeps_its_name():
    assert recovery.machine_id() == recovery.machine_id()


def test_the_row_of_the_open_window_is_uncertain_the_rest_is_queued(make_mailing):
    mailing = make_mailing("abcd")
    in_the_middle(mailing, f"{recovery.machine_id()}/0/x")

    lease_is_over_for(1)
    recovered = recovery.sweep(slots=1)

    assert recovered == 1
    assert states(mailing) == [SENT, UNCERTAIN, QUEUED, QUEUED]
    counts = mailing.counts()
    assert (counts.sent, counts.uncertain, counts.queued, counts.sending) == (1, 1, 2, 0)


def test_a_clone_of_this_machine_does_not_take_what_the_other_sends(make_mailing):
    """A cloned disk has its name, and no record of what the other does since."""
    mailing = make_mailing("abcd")
    batch = claim_batch(mailing, f"{recovery.machine_id()}/0/x", NOW)
    with FlightRecorder(recovery.recorder_path(0)) as flight:
        flight.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        commit_intent(batch, [], 4, NOW)
        recovery.recorder_path(0).unlink()

        assert recovery.sweep(slots=1) == 0

    batch.refresh_from_db()
    assert batch.worker == f"{recovery.machine_id()}/0/x"
    lease_is_over_for(1)
    assert recovery.sweep(slots=1) == 1


def test_a_machine_that_was_cut_off_tells_what_it_knows_when_it_comes_back(make_mailing, settings, tmp_path):
    mailing = make_mailing("abcdefg")
    batch = claim_batch(mailing, f"{recovery.machine_id()}/0/x", NOW)
    with FlightRecorder(recovery.recorder_path(0)) as flight:
        flight.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        commit_intent(batch, [], 6, NOW)
        for seq, mark in enumerate([RowMark.SENT, RowMark.FAILED, RowMark.DEFERRED, RowMark.HANDED_OVER]):
            flight.mark(seq, mark)
    here, settings.LOCK_DIR = settings.LOCK_DIR, tmp_path / "another"
    lease_is_over_for(50)
    assert recovery.sweep(slots=1) == 1
    given_up = states(mailing)
    theirs = claim_batch(mailing, f"{recovery.machine_id()}/0/y", NOW)
    commit_intent(theirs, [], 1, NOW)

    settings.LOCK_DIR = here
    assert lane_process.recover_own_slot(0)
    lane_process.recover_own_slot(0)

    assert given_up == [*[UNCERTAIN] * 6, QUEUED]
    left = states(mailing)
    assert left == [SENT, Delivery.State.FAILED, Delivery.State.DEFERRED, UNCERTAIN, QUEUED, QUEUED, QUEUED]
    assert (mailing.counts().sent, mailing.counts().uncertain) == (1, 1)
    assert mailing.deliveries.get(state=UNCERTAIN).reply == recovery.RECORDED_REPLY, "it had left, and was not answered"
    theirs.refresh_from_db()
    assert theirs.state == Batch.State.LEASED, "who works on it meanwhile goes on"


def test_the_flight_recorder_tells_row_by_row(make_mailing):
    mailing = make_mailing("abcdefg")
    batch = claim_batch(mailing, f"{recovery.machine_id()}/0/x", NOW)
    with FlightRecorder(recovery.recorder_path(0)) as flight:
        flight.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        commit_intent(batch, [], 6, NOW)
        for seq, mark in enumerate(
            [RowMark.SENT, RowMark.FAILED, RowMark.DEFERRED, RowMark.HANDED_OVER, RowMark.UNCERTAIN]
        ):
            flight.mark(seq, mark)

    recovery.sweep(slots=1)

    assert states(mailing) == [
        SENT,
        FAILED,
        DEFERRED,
        UNCERTAIN,
        UNCERTAIN,
        QUEUED,
        QUEUED,
    ]
    counts = mailing.counts()
    assert (counts.sent, counts.failed, counts.uncertain, counts.queued, counts.sending) == (1, 1, 2, 3, 0)


def test_rows_that_never_left_are_sent_by_the_next_lane(make_mailing, run):
    mailing, provider = make_mailing("abcd"), Provider()
    batch = claim_batch(mailing, f"{recovery.machine_id()}/0/x", NOW)
    with FlightRecorder(recovery.recorder_path(0)) as flight:
        flight.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        commit_intent(batch, [], 4, NOW)
        flight.mark(0, RowMark.SENT)
        flight.mark(2, RowMark.HANDED_OVER)
    recovery.sweep(slots=1)

    run(mailing, provider)

    assert provider.accepted == ["b@example.org", "d@example.org"]
    assert states(mailing) == [SENT, SENT, UNCERTAIN, SENT]


def test_a_record_of_an_earlier_holding_says_nothing_about_this_one(make_mailing):
    mailing = make_mailing("ab")
    batch = claim_batch(mailing, f"{recovery.machine_id()}/0/x", NOW)
    with FlightRecorder(recovery.recorder_path(0)) as flight:
        flight.begin(batch.pk, batch.token - 1, lo=batch.lo, hi=batch.hi)
    commit_intent(batch, [], 1, NOW)

    lease_is_over_for(1)
    recovery.sweep(slots=1)

    assert states(mailing) == [UNCERTAIN, QUEUED]


@pytest.mark.parametrize("step", ["claim", "intend", "renew"])
def test_a_lease_is_a_matter_of_the_databases_clock(make_mailing, time_machine, step):
    """A machine whose clock is ahead takes nobody's lease for over, and gives none that lasts longer."""
    mailing = make_mailing("abcd")
    tomorrow = timezone.now() + timedelta(days=1)
    time_machine.move_to(tomorrow)
    batch = claim_batch(mailing, "another/0/x", tomorrow)
    if step != "claim":
        lease_is_over_for(60)
        {"intend": lambda: commit_intent(batch, [], 1, tomorrow), "renew": lambda: claims.renew_lease(batch)}[step]()

    nearly, a_little_more = Now() + timedelta(seconds=20), Now() + timedelta(seconds=31)
    assert Batch.objects.filter(lease_until__gt=nearly, lease_until__lt=a_little_more).count() == 1
    assert recovery.sweep(slots=1) == 0


def test_a_living_owner_is_left_alone(make_mailing):
    mailing = make_mailing("abcd")
    in_the_middle(mailing, f"{recovery.machine_id()}/0/x")
    lease_is_over_for({"sqlite": 659, "postgresql": 14}[connection.vendor])

    with recovery.hold_slot(0):
        assert recovery.sweep(slots=1) == 0

    assert states(mailing) == [SENT, QUEUED, QUEUED, QUEUED]


def test_a_living_owner_without_a_recorder_that_hangs_for_longer_than_any_reply_may_take_is_given_up(make_mailing):
    mailing = make_mailing("abcd")
    in_the_middle(mailing, f"{recovery.machine_id()}/0/x")

    with recovery.hold_slot(0):
        lease_is_over_for(659)
        assert recovery.sweep(slots=1) == 0
        lease_is_over_for(661)
        assert recovery.sweep(slots=1) == 1

    assert states(mailing) == [SENT, UNCERTAIN, QUEUED, QUEUED]


def test_an_owner_elsewhere_is_dead_when_its_own_machine_has_had_time_to_tell(make_mailing):
    mailing = make_mailing("abcd")
    in_the_middle(mailing, "another/0/x")

    lease_is_over_for(44)
    assert recovery.sweep(slots=1) == 0
    lease_is_over_for(46)
    assert recovery.sweep(slots=1) == 1

    assert states(mailing) == [SENT, UNCERTAIN, QUEUED, QUEUED]


# --- An owner that lives, but stands still ---

OVER = recovery.HUNG_LEASE.total_seconds() + 1  # on either engine


@pytest.fixture
def frozen(make_mailing):
    """Six rows intended by a living lane: the first is sent, the second on the wire, and then it stands still."""
    mailing = make_mailing("abcdefgh")
    batch = claim_batch(mailing, f"{recovery.machine_id()}/0/x", NOW)
    with recovery.hold_slot(0), FlightRecorder(recovery.recorder_path(0)) as flight:
        flight.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        commit_intent(batch, [], 6, NOW)
        assert flight.hand_over(0)
        flight.mark(0, RowMark.SENT)
        assert flight.hand_over(1)
        lease_is_over_for(OVER)
        yield mailing, batch, flight


def test_an_owner_that_stands_still_is_revoked_and_only_what_is_on_the_wire_is_uncertain(frozen):
    mailing, _batch, flight = frozen

    assert recovery.sweep(slots=1) == 1

    assert states(mailing) == [SENT, UNCERTAIN] + [QUEUED] * 6
    assert flight.hand_over(2) is False
    counts = mailing.counts()
    assert (counts.sent, counts.uncertain, counts.queued, counts.sending) == (1, 1, 6, 0)


def test_an_owner_that_stands_still_is_given_time_and_where_nobody_could_go_on_in_its_place_much(frozen):
    """A call of an API may take half a minute, in which no lease is renewed."""
    patience = {"sqlite": 660, "postgresql": 15}[connection.vendor]

    lease_is_over_for(patience - 1)
    assert recovery.sweep(slots=1) == 0

    lease_is_over_for(patience + 1)
    assert recovery.sweep(slots=1) == 1


@pytest.mark.parametrize("state", [SENT, FAILED, DEFERRED, SKIPPED])
def test_a_revoked_owner_that_wakes_answers_for_no_row_that_waits_for_another(frozen, run, state):
    """A refusal to its RCPT may lie in its socket: the row is another lane's now, whose answer must count."""
    mailing, batch, _flight = frozen
    recovery.sweep(slots=1)
    provider = Provider()

    provider.on_send = lambda row: write_results(batch, [DeliveryResult(row.seq, state, "451 later")])
    run(mailing, provider)

    assert provider.accepted == [f"{name}@example.org" for name in "cdefgh"]
    assert states(mailing) == [SENT, UNCERTAIN] + [SENT] * 6
    assert mailing.counts().sent == 7


def test_an_owner_that_wakes_before_its_batch_is_opened_gives_it_back_itself(frozen):
    mailing, batch, _flight = frozen
    record = flight_recorder.revoke(recovery.recorder_path(0), batch.pk, batch.token)

    claims.release_batch(batch, [DeliveryResult(0, SENT, "250 ok"), DeliveryResult(1, SENT, "250 ok")], cursor=2)

    assert recovery.recover_batch(batch, record) is False
    assert states(mailing) == [SENT, SENT] + [QUEUED] * 6


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one lock for all")
def test_an_owner_that_stands_still_in_the_middle_of_a_transaction_holds_nobody_up(make_mailing):
    mailing = make_mailing("abcd")
    batch = in_the_middle(mailing, "another/0/x")
    lease_is_over_for(60)
    is_in_it, goes_on = threading.Event(), threading.Event()

    def stand_still():
        with transaction.atomic():
            lock_batch(batch)
            is_in_it.set()
            goes_on.wait(10)
        connection.close()

    with ThreadPoolExecutor(1) as owner:
        standing = owner.submit(stand_still)
        assert is_in_it.wait(10)
        assert recovery.sweep(slots=1) == 0
        goes_on.set()
        standing.result()

    assert recovery.sweep(slots=1) == 1


def test_one_whose_recorder_tells_of_another_batch_is_not_revoked(frozen):
    mailing, batch, flight = frozen
    flight.begin(batch.pk + 1, 1, lo=500, hi=1000)
    lease_is_over_for(OVER - 2)

    assert recovery.sweep(slots=1) == 0

    assert flight.hand_over(500)
    assert states(mailing) == [QUEUED] * 8


# --- A machine that stands still as a whole, is given up by another, and wakes ---


@pytest.fixture
def given_up(frozen):
    """Another machine gave the batch up, and had no recorder to read."""
    mailing, batch, flight = frozen
    assert recovery.recover_batch(batch, None)
    assert states(mailing) == [UNCERTAIN] * 6 + [QUEUED] * 2
    return mailing, batch, flight


def wake(batch, flight):
    """The owner ends with an answer to its first two rows, and with none to the other four."""
    holding = HeldBatch(batch, 6, InTurn(), RateLimiter(None))
    holding.without_result = dict.fromkeys(range(2, 6))
    holding.results = [DeliveryResult(0, SENT, "250 ok"), DeliveryResult(1, SENT, "250 ok")]
    holding.settle(flight.never_left)


def test_a_machine_that_wakes_tells_which_rows_never_left_and_they_are_sent(given_up, run):
    mailing, batch, flight = given_up

    wake(batch, flight)
    assert states(mailing) == [SENT, SENT] + [QUEUED] * 6
    assert (mailing.counts().uncertain, mailing.counts().queued) == (0, 6)
    provider = Provider()
    run(mailing, provider)
    Batch.objects.update(not_before=None)  # their pass begins a minute later
    run(mailing, provider)

    assert provider.accepted == [f"{name}@example.org" for name in "ghcdef"]
    assert states(mailing) == [SENT] * 8


def test_a_machine_that_wakes_after_the_mailing_was_closed_opens_it_again(given_up, run):
    mailing, batch, flight = given_up
    run(mailing, Provider())
    assert mailing.finish(NOW)

    wake(batch, flight)
    recovery.reopen_mailings(NOW)

    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.SENDING
    provider = Provider()
    run(mailing, provider)
    assert sorted(provider.accepted) == [f"{name}@example.org" for name in "cdef"]


def test_an_owner_that_was_revoked_takes_back_no_row_that_another_has_sent_since(frozen):
    mailing, batch, flight = frozen
    recovery.sweep(slots=1)
    successor = claim_batch(mailing, "another/0/y", NOW)
    commit_intent(successor, [], 6, NOW)
    assert recovery.recover_batch(successor, None)
    assert states(mailing)[2:6] == [UNCERTAIN] * 4

    wake(batch, flight)

    assert states(mailing)[2:6] == [UNCERTAIN] * 4


def test_rows_are_taken_back_once(given_up):
    mailing, batch, flight = given_up
    wake(batch, flight)
    mailing.deliveries.filter(seq=2).update(state=UNCERTAIN, attempts=batch.pass_no + 1)  # sent since, with no answer

    wake(batch, flight)

    assert states(mailing)[2] == UNCERTAIN


@pytest.mark.django_db(transaction=True)
def test_a_lane_that_both_machines_took_its_batch_from_tells_what_it_knows(
    make_mailing, settings, tmp_path, monkeypatch
):
    """The other machine has given its batch up, and its own machine revokes it in the same moment."""
    mailing, provider = make_mailing("abcd"), Provider()
    monkeypatch.setattr(lane_process, "courier_for", lambda *_details: provider)
    provider.window = 4

    def stand_still(row):
        provider.on_send = lambda row: None
        here, settings.LOCK_DIR = settings.LOCK_DIR, tmp_path / "another"
        lease_is_over_for(50)
        recovery.sweep(slots=1)
        settings.LOCK_DIR = here
        batch = Batch.objects.get()
        assert flight_recorder.revoke(recovery.recorder_path(0), batch.pk, batch.token - 1)

    provider.on_send = stand_still
    lane_process.run_lane(0)

    assert states(mailing)[:1] == [SENT]
    assert UNCERTAIN not in states(mailing)


# --- An owner that lives, but whose lock file is deleted ---


@pytest.fixture
def unlocked(frozen, settings):
    mailing, _batch, flight = frozen
    lease_is_over_for(-20)
    (settings.LOCK_DIR / "slot-0").unlink()
    return mailing, flight


def test_a_lane_whose_lock_file_was_deleted_hands_over_nothing_that_another_sends(unlocked):
    mailing, flight = unlocked

    assert recovery.sweep(slots=1) == 1
    with FlightRecorder(recovery.recorder_path(0)):
        assert flight.hand_over(2) is False

    assert states(mailing) == [SENT, UNCERTAIN] + [QUEUED] * 6


def test_a_lane_whose_lock_file_was_deleted_keeps_its_marks_apart_from_those_of_its_successor(unlocked):
    _mailing, flight = unlocked

    with FlightRecorder(recovery.recorder_path(0)) as successor:
        successor.begin(99, 1, lo=0, hi=8)
        assert flight.hand_over(2)

    assert flight_recorder.read_record(recovery.recorder_path(0)).marks == bytes(8)


def test_a_lane_notices_that_its_lock_file_was_deleted(settings):
    with recovery.hold_slot(0):
        held = recovery.lock_file_inode(0)
        (settings.LOCK_DIR / "slot-0").unlink()
        assert recovery.lock_file_inode(0) is None
        with recovery.hold_slot(0) as successor:
            assert successor
            assert recovery.lock_file_inode(0) != held


def test_rows_that_an_owner_intended_after_it_was_looked_at_are_not_forgotten(make_mailing):
    mailing = make_mailing("abcd")
    batch = claim_batch(mailing, f"{recovery.machine_id()}/0/x", NOW)
    with FlightRecorder(recovery.recorder_path(0)) as flight:
        flight.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        commit_intent(batch, [], 1, NOW)
        seen = Batch.objects.get(pk=batch.pk)
        commit_intent(batch, [], 2, NOW)
        assert flight.hand_over(2)

        assert recovery.recover_batch(seen, flight_recorder.revoke(recovery.recorder_path(0), batch.pk, batch.token))

    assert states(mailing) == [QUEUED, QUEUED, UNCERTAIN, QUEUED]


def test_in_a_retry_pass_only_the_open_row_becomes_uncertain(make_mailing):
    mailing = make_mailing("abcd")
    mailing.deliveries.filter(seq__in=[0, 1, 3]).update(state=DEFERRED, attempts=1)
    mailing.deliveries.filter(seq=2).update(state=SENT, attempts=1)
    Batch.objects.update(pass_no=2, sent=1)
    batch = claim_batch(mailing, "another/0/x", NOW)
    commit_intent(batch, [], 1, NOW)

    recovery.recover_batch(batch, None)

    assert states(mailing) == [UNCERTAIN, DEFERRED, SENT, DEFERRED]


def test_a_cancelled_mailing_skips_the_rest_once_nobody_holds_it(make_mailing):
    mailing = make_mailing("abcd")
    batch = in_the_middle(mailing, "another/0/x")
    mailing.cancel(NOW)

    recovery.settle_cancelled()
    assert states(mailing) == [SENT, QUEUED, QUEUED, QUEUED]

    recovery.recover_batch(batch, None)
    recovery.settle_cancelled()
    assert states(mailing) == [SENT, UNCERTAIN, SKIPPED, SKIPPED]
    counts = mailing.counts()
    assert (counts.sent, counts.uncertain, counts.skipped, counts.queued) == (1, 1, 2, 0)


def _hold(folder, ready):
    from django.conf import settings  # in the child

    settings.LOCK_DIR = folder
    with recovery.hold_slot(0):
        ready.set()
        signal.pause()


def test_the_kernel_frees_the_slot_of_a_killed_process(settings):
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(settings.LOCK_DIR, ready))
    holder.start()
    assert ready.wait(10)
    with recovery.hold_slot(0) as worker:
        assert worker is None

    os.kill(holder.pid, signal.SIGKILL)
    holder.join(10)

    with recovery.hold_slot(0) as worker:
        assert worker


def thawed_too_late(mailing):
    """Return the batch of a lane that was taken for dead with one row on the wire; the mailing was closed since."""
    batch = claims.claim_batch(mailing, "elsewhere/0/x", NOW)
    claims.commit_intent(batch, [], 1, NOW)
    lease_is_over_for(60)
    recovery.sweep(slots=0)
    rest = claims.claim_batch(mailing, "elsewhere/1/y", NOW)
    rows = claims.commit_intent(rest, [], 5, NOW)
    claims.close_pass(rest, [DeliveryResult(row.seq, Delivery.State.SENT, "250 ok") for row in rows], NOW)
    assert mailing.finish(NOW)
    return batch


def test_a_reader_who_was_put_off_by_a_late_answer_is_not_forgotten(make_mailing):
    mailing = make_mailing("abc")
    batch = thawed_too_late(mailing)
    assert mailing.counts().uncertain == 1

    write_results(batch, [DeliveryResult(0, DEFERRED, "451 later")])
    recovery.reopen_mailings(NOW)

    mailing.refresh_from_db()
    counts = mailing.counts()
    assert (mailing.state, counts.queued, counts.uncertain, counts.failed) == (Mailing.State.SENDING, 1, 0, 0)
    again = claims.claim_batch(mailing, "elsewhere/2/z", timezone.now() + timedelta(minutes=2))
    assert [row.seq for row in claims.commit_intent(again, [], 5, NOW)] == [0]


def test_a_late_answer_does_not_open_a_mailing_beside_its_successor(make_mailing):
    mailing = make_mailing("abc")
    batch = thawed_too_late(mailing)
    fields = ("approved_at", "send_at", "sender_name", "sender_email", "subject", "html", "text", "content_hash")
    values = {name: getattr(mailing, name) for name in fields}
    successor = Mailing.objects.create(issue=mailing.issue, number=2, state=Mailing.State.PAUSED, **values)

    write_results(batch, [DeliveryResult(0, DEFERRED, "451 later")])
    recovery.reopen_mailings(NOW)
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.SENT

    Mailing.objects.filter(pk=successor.pk).update(state=Mailing.State.SENT)
    recovery.reopen_mailings(NOW)
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.SENDING


def test_a_late_answer_in_a_cancelled_mailing_settles_as_skipped(make_mailing):
    mailing = make_mailing("a")
    batch = claims.claim_batch(mailing, "elsewhere/0/x", NOW)
    claims.commit_intent(batch, [], 1, NOW)
    mailing.cancel(NOW)
    lease_is_over_for(60)
    recovery.sweep(slots=0)
    recovery.settle_cancelled()

    write_results(batch, [DeliveryResult(0, DEFERRED, "451 later")])
    recovery.settle_cancelled()

    assert (mailing.counts().skipped, mailing.counts().queued) == (1, 0)


@pytest.fixture
def left_out(frozen, issue):
    """The rows of two machines' doubt, after the author has cancelled: the next mailing leaves their readers out."""
    mailing, batch, flight = frozen
    assert recovery.recover_batch(batch, None)
    mailing.cancel(NOW)
    recovery.settle_cancelled()
    second = approving.approve(issue, send_at=None, now=NOW, hold=timedelta())
    assert beginning.begin_due(NOW) == [second]
    assert (states(mailing), states(second)) == ([UNCERTAIN] * 6 + [SKIPPED] * 2, [QUEUED] * 2)
    return mailing, batch, flight


@pytest.mark.parametrize(
    ("answer", "state"), [(SENT, SENT), (FAILED, FAILED), (DEFERRED, UNCERTAIN), (SKIPPED, UNCERTAIN)]
)
def test_whom_the_next_mailing_left_out_is_a_question_after_a_late_answer(left_out, answer, state):
    mailing, batch, _flight = left_out

    for _time in range(2):
        write_results(batch, [DeliveryResult(1, answer, "its words")])
        recovery.settle_cancelled()

    assert states(mailing) == [UNCERTAIN, state, *[UNCERTAIN] * 4, SKIPPED, SKIPPED]
    assert mailing.counts().uncertain == states(mailing).count(UNCERTAIN)
    assert mailing.deliveries.get(seq=1).reply == (recovery.LEFT_OUT_REPLY if state == UNCERTAIN else "its words")
    assert not beginning.begin_due(NOW)


def test_whom_the_next_mailing_left_out_is_a_question_when_the_machine_says_that_nothing_left(left_out):
    mailing, batch, flight = left_out

    wake(batch, flight)
    recovery.settle_cancelled()

    assert states(mailing) == [SENT, SENT, *[UNCERTAIN] * 4, SKIPPED, SKIPPED]
    assert (mailing.counts().sent, mailing.counts().uncertain) == (2, 4)


def test_what_never_left_before_a_cancel_goes_to_the_next_mailing(frozen, issue):
    mailing, batch, flight = frozen
    assert recovery.recover_batch(batch, None)
    mailing.cancel(NOW)
    recovery.settle_cancelled()

    wake(batch, flight)
    recovery.settle_cancelled()

    assert states(mailing) == [SENT, SENT, *[SKIPPED] * 6]
    assert states(begin_mailing(issue, "")) == [QUEUED] * 6


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one lock for all")
def test_a_late_answer_while_the_next_mailing_is_being_planned_is_a_question(frozen, issue):
    mailing, batch, _flight = frozen
    assert recovery.recover_batch(batch, None)
    mailing.cancel(NOW)
    recovery.settle_cancelled()

    def beside(step, *details):
        def run():
            step(*details)
            connection.close()

        return others.submit(run)

    with ThreadPoolExecutor(2) as others, transaction.atomic():
        begin_mailing(issue, "")
        late = beside(write_results, batch, [DeliveryResult(1, DEFERRED, "451 later")])
        wait_until(lambda: states(mailing)[1] == DEFERRED, 10, what=lambda: "the late answer")
        settling = beside(recovery.settle_cancelled)
        wait_until(lambda: settling.done() or count_of_waits() == 2, 10, what=lambda: "the mailing's lock")
    late.result()
    settling.result()

    assert states(mailing)[1] == UNCERTAIN


def count_of_waits():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0]


def test_who_was_put_off_in_a_mailing_that_is_cancelled_after_its_successor_is_a_question(make_mailing, issue):
    mailing = make_mailing("abc")
    Mailing.objects.update(segment="-others")
    batch = thawed_too_late(mailing)
    second = begin_mailing(issue, "d")
    finish_batches(second)
    assert second.finish(NOW)
    write_results(batch, [DeliveryResult(0, DEFERRED, "451 later")])
    recovery.reopen_mailings(NOW)

    assert mailing.cancel(NOW)
    recovery.settle_cancelled()

    assert (states(mailing), states(second)) == ([UNCERTAIN, SENT, SENT], [QUEUED])


def test_after_the_last_pass_a_late_answer_is_the_last_word(make_mailing):
    mailing = make_mailing("ab")
    Batch.objects.update(pass_no=len(deliveries.RETRY_AFTER) + 1)
    batch = thawed_too_late(mailing)

    write_results(batch, [DeliveryResult(0, DEFERRED, "451 later")])

    assert (mailing.counts().failed, mailing.counts().queued) == (1, 0)


def test_a_slot_whose_lock_file_is_deleted_before_it_is_locked_is_nobodys(settings, monkeypatch):
    lock_batch = recovery.fcntl.flock

    def too_late(file, how):
        (settings.LOCK_DIR / "slot-0").unlink()
        lock_batch(file, how)

    monkeypatch.setattr(recovery.fcntl, "flock", too_late)

    with recovery.hold_slot(0) as worker:
        assert worker is None, "its successor would hold a file of its own"


def test_a_lease_of_the_future_ends_in_time_and_a_rightful_one_stays(make_mailing, monkeypatch):
    """Another machine's, written while the database's clock was ahead."""
    monkeypatch.setattr(beginning, "BATCH_MAX", 2)
    now, batches = timezone.now(), make_mailing("abcd").batches.order_by("no")
    batches.update(state=Batch.State.LEASED, worker="elsewhere/0", lease_until=now + LEASE_DURATION)
    batches.filter(no=0).update(lease_until=now + timedelta(days=3))

    recovery.sweep(slots=0)

    ahead, other = batches.values_list("lease_until", flat=True)
    assert now < ahead <= now + timedelta(minutes=2)
    assert other == now + LEASE_DURATION
